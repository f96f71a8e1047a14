"""The event loop of a worker: uvloop, which also tells at once that the process was told to stop.

The server waits for requests to end before it says anything to the application; what would never end by itself, such
as a stream of live events, asks here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import uvloop
from granian import loops


class Loop(uvloop.Loop):
    """Remembers that a signal came for which somebody waits."""

    told_to_stop = False

    def add_signal_handler(self, sig: int, callback: Callable[..., Any], *args: Any) -> None:  # type: ignore[override]
        """See asyncio."""
        super().add_signal_handler(sig, self._told, callback, args)

    def _told(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.told_to_stop = True
        callback(*args)


def register() -> None:
    """Have the workers of this process use it as their uvloop."""
    loops.register("uvloop")(_new)


def told_to_stop() -> bool:
    """Whether the process of the running loop was told to stop."""
    return getattr(asyncio.get_running_loop(), "told_to_stop", False)


def _new() -> asyncio.AbstractEventLoop:
    loop = Loop()
    asyncio.set_event_loop(loop)
    return loop
