"""Files that hold secrets."""

from __future__ import annotations

import secrets
from pathlib import Path

from schemas.settings import Secret


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, whatever was there before; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def kept_key(path: Path) -> Secret:
    """The random secret in a file that its owner alone can read; made when there is none yet."""
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return Secret(path.read_text(encoding="utf-8").strip())
