"""Progress on standard error: one line that is written over on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

AFTER_SECONDS = 1.0
"""Short work says nothing."""
ON_TERMINAL_SECONDS = 0.2
ELSEWHERE_SECONDS = 10.0


class StatusLine:
    """Says how far something is; ``clear`` must come before anything else is written to the terminal."""

    def __init__(
        self, enabled: bool = True, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """On standard error, or on another stream; not ``enabled``, it says nothing. ``clock`` gives seconds."""
        self._clock = clock
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._enabled = enabled
        self._shown = False
        pause = AFTER_SECONDS if self._terminal else ELSEWHERE_SECONDS
        self._next = clock() + pause

    @property
    def due(self) -> bool:
        """Whether it is time for another one; ask before making a text."""
        return self._enabled and self._clock() >= self._next

    def show(self, text: str) -> None:
        """Show how far it is."""
        if self._terminal:
            self._stream.write(f"\r\x1b[2K{text}")
            self._shown = True
            self._next = self._clock() + ON_TERMINAL_SECONDS
        else:
            self._stream.write(f"{text}\n")
            self._next = self._clock() + ELSEWHERE_SECONDS
        self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
            self._shown = False


def rate_text(done: int, total: int, unit: str, seconds: float) -> str:
    """``1,200 of 5,000 frames (24 %), 600/s``."""
    of = f" of {total:,} {unit} ({done * 100 // total} %)" if total else f" {unit}"
    return f"{done:,}{of}, {done / seconds if seconds > 0 else 0:,.0f}/s"
