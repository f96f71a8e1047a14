"""What compose.yaml and the Dockerfile say, as Docker would understand them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
OURS = ("topics", "migrate", "ingest", "projector", "connector", "api", "dialects")
SUBSTITUTION = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<text>[^}]*))?\}")


class UnsetError(Exception):
    """A variable that must be given is not."""


@dataclass(frozen=True, slots=True)
class Service:
    """One of our services: what would be executed, with which environment, and how its health is asked."""

    name: str
    command: list[str]
    environment: dict[str, str]
    health: list[str]


def compose(variables: dict[str, str]) -> dict[str, Any]:
    """The file with its variables replaced. Raises UnsetError with the file's own message."""
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    return _substituted(yaml.safe_load(text), variables)  # type: ignore[no-any-return]


def service(name: str, variables: dict[str, str]) -> Service:
    """A service as Docker starts it: the image's entrypoint, then the command."""
    found = compose(variables)["services"][name]
    entrypoint = found.get("entrypoint", dockerfile_json("ENTRYPOINT"))
    health = found.get("healthcheck", {}).get("test", [])
    return Service(name, [*entrypoint, *found["command"]], found["environment"], health[1:])


def dockerfile_json(instruction: str) -> list[str]:
    """The words of the last instruction of that kind, in its JSON form."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if line.startswith(instruction + " ")]
    return json.loads(found[-1].removeprefix(instruction))  # type: ignore[no-any-return]


def _substituted(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _substituted(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_substituted(item, variables) for item in value]
    if isinstance(value, str):
        return SUBSTITUTION.sub(lambda match: _value(match, variables), value)
    return value


def _value(match: re.Match[str], variables: dict[str, str]) -> str:
    given = variables.get(match["name"], "")
    if given:
        return given
    if match["kind"] == "?":
        raise UnsetError(match["text"])
    return match["text"] or ""
