"""Waiting for conditions, in tests that watch something from outside."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

T = TypeVar("T")

POLL = 0.02


async def eventually(
    condition: Callable[[], T | Awaitable[T]], timeout: float = 10.0, what: str | Callable[[], object] = ""
) -> T:
    """Ask until the condition (a function, async or not) gives something true, and return that.

    Raises AssertionError after ``timeout`` seconds, with ``what`` (text, or a function that tells the state).
    An AssertionError inside the condition counts as not yet.
    """
    deadline = time.monotonic() + timeout
    problem: object = ""
    while True:
        try:
            result: Any = condition()
            if inspect.isawaitable(result):
                result = await result
            if result:
                return cast("T", result)
            problem = what() if callable(what) else what
        except AssertionError as error:
            problem = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not so after {timeout:g} s: {problem or condition}")
        await asyncio.sleep(POLL)


def eventually_sync(condition: Callable[[], T], timeout: float = 10.0, what: str | Callable[[], object] = "") -> T:
    """The same for tests without an event loop."""
    return cast("T", run_async(eventually(condition, timeout, what)))


def run_async(coroutine: Any) -> Any:
    """Run a coroutine to its end in a loop of its own, whether or not one runs here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
