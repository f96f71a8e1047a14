"""Exchanges with a live stack, recorded in files: what is asked in an order, and all that is answered.

``golden/<dialect>/*.json`` hold a request, and status, headers and body of its answer. What varies from run to run is
replaced by something of the same kind, so that the rest is compared byte for byte. To record them anew after a wanted
change: ``MQLEDGER_RECORD_GOLDEN=1 python -m pytest tests/integration/dialects -k golden``, and read the difference.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.contract.query_api.client import Answer
from tests.contract.query_api.test_golden import RECORD_ENV

FOLDER = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Step:
    """A request, and what must be so before it is sent."""

    name: str
    method: str
    target: str
    body: Any = None
    """Text, or what is sent as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False
    """Without credentials."""
    before: Callable[[], object] | None = None

    @property
    def text(self) -> str | None:
        """The body as it is sent."""
        return self.body if self.body is None or isinstance(self.body, str) else json.dumps(self.body)

    def request(self) -> dict[str, Any]:
        """As it is recorded."""
        told = {"method": self.method, "target": self.target, "headers": dict(self.headers), "body": self.text}
        return {name: value for name, value in told.items() if value} | ({"anonymous": True} if self.anonymous else {})


STAND_INS: Sequence[tuple[str, str]] = (
    (r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b", "2000-01-01 00:00:00"),
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "2000-01-01T00:00:00Z"),
    (r"\b1[6-9]\d{11}\b", "1000000000000"),
    (r"\b127\.0\.0\.1:\d+\b", "127.0.0.1:1"),
    (r'"(duration|port)":\d+', r'"\1":1'),
    (r'"uptime":"[^"]+ seconds"', '"uptime":"1 seconds"'),
    (r"connect\.sid=[^;]+", "connect.sid=secret"),
)
"""Moments, ports, lengths of time and secrets, as patterns, and what stands for them: of the same type."""
UNTOLD = ("date", "server", "content-length")
"""Headers that are left out; those of freshness, ``mqledger-*``, are, too."""


def told(answer: Answer) -> dict[str, Any]:
    """An answer as it is recorded."""
    assert int(answer.headers.get("content-length", len(answer.body))) == len(answer.body)
    headers = {n: v for n, v in answer.headers.items() if n not in UNTOLD and not n.startswith("mqledger-")}
    return {
        "status": answer.status,
        "headers": {name: _plain(value) for name, value in sorted(headers.items())},
        "body": _plain(answer.body.decode()),
    }


def _plain(text: str) -> str:
    for pattern, stand_in in STAND_INS:
        text = re.sub(pattern, stand_in, text)
    return text


def play(dialect: str, steps: Sequence[Step], send: Callable[[Step], Answer]) -> None:
    """Send requests in their order; each exchange must be as it is recorded, and no other be on record."""
    folder = FOLDER / dialect
    recording = bool(os.environ.get(RECORD_ENV))
    names = [f"{number:02}-{step.name}.json" for number, step in enumerate(steps, 1)]
    if recording:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.json"):
            old.unlink()
    for name, step in zip(names, steps, strict=True):
        if step.before is not None:
            step.before()
        request = json.loads(_plain(json.dumps(step.request(), ensure_ascii=False)))
        exchange = {"request": request, "answer": told(send(step))}
        file = folder / name
        if recording:
            file.write_text(json.dumps(exchange, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        assert exchange == json.loads(file.read_text(encoding="utf-8")), name
    assert sorted(file.name for file in folder.iterdir()) == names


def recorded(dialect: str) -> dict[str, dict[str, Any]]:
    """The exchanges of a dialect by the name of their file."""
    files = sorted((FOLDER / dialect).glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
