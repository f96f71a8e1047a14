"""Running a snippet as a person would, and comparing what it prints."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.unit.docs.pages import Block

SECONDS = 60.0
_COMMANDS = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}


def run(block: Block, folder: Path, environment: Mapping[str, str]) -> str:
    """What a snippet prints on standard output. Raises AssertionError with everything it said when it fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [*_COMMANDS[block.language], block.text],
        cwd=folder,
        env={**os.environ, "COLUMNS": "250", "PATH": path, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{block.where} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def check_output(shown: Block, printed: str) -> None:
    """Compare with the block that shows the output: as JSON that may hold more, or as text with ``...``."""
    if shown.mark == "output: json":
        missing = list(differences(json.loads(shown.text), json.loads(printed)))
        assert missing == [], f"{shown.where}: {missing}\n{printed}"
    else:
        assert text_fits(shown.text, printed), f"{shown.where} shows\n{shown.text}\nbut it printed\n{printed}"


def text_fits(shown: str, printed: str) -> bool:
    """Whether a text is as shown: ``...`` stands for anything, runs of blanks for any others."""
    pattern = ".*?".join(map(_part, shown.strip().split("...")))
    return re.fullmatch(rf"\s*{pattern}\s*", printed, re.DOTALL) is not None


def _part(text: str) -> str:
    """The pattern of a text in which any blanks stand for any others."""
    return r"\s+".join(map(re.escape, re.split(r"\s+", text)))


def differences(shown: Any, printed: Any, at: str = "") -> list[str]:
    """Where a JSON value does not hold what is shown; it may hold more members, but lists are as long."""
    if isinstance(shown, dict) and isinstance(printed, dict):
        absent = [f"{at}/{name} is absent" for name in shown.keys() - printed.keys()]
        common = shown.keys() & printed.keys()
        return absent + [d for name in sorted(common) for d in differences(shown[name], printed[name], f"{at}/{name}")]
    if isinstance(shown, list) and isinstance(printed, list) and len(shown) == len(printed):
        return [d for i, pair in enumerate(zip(shown, printed, strict=True)) for d in differences(*pair, f"{at}/{i}")]
    return [] if shown == printed else [f"{at or '/'} is {printed!r}, not {shown!r}"]
