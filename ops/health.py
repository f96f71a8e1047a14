"""A yes or no with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """Whether something is well, and in a few words why not, or what it is busy with."""

    ok: bool
    detail: str = ""
