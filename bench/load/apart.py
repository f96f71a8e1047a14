"""Runs a load in a process of its own, so that its CPU, its garbage and its interpreter lock are its own."""

from __future__ import annotations

import gc
import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class LoadFailedError(RuntimeError):
    """The load's process ended without a result; the text is its own trace, or how it ended."""


def run(seconds: float, load: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The result of ``load(*args, **kwargs)``, called in a fresh interpreter; all of it must be picklable.

    Raises LoadFailedError when it raises, dies, or isn't done after ``seconds``; the process is gone on return.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, load, args, kwargs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(seconds):
            raise LoadFailedError(f"{load.__name__} was not done after {seconds:.0f} s")
        done, value = ours.recv()
    except EOFError:
        process.join()
        raise LoadFailedError(f"{load.__name__} ended with exit code {process.exitcode} and no result") from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if not done:
        raise LoadFailedError(f"{load.__name__} failed:\n{value}")
    return value  # type: ignore[no-any-return]


def _child(pipe: Connection, load: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    gc.disable()  # a load is short and its garbage has no cycles
    try:
        pipe.send((True, load(*args, **kwargs)))
    except BaseException:
        pipe.send((False, traceback.format_exc()))  # raised again by run(), in the process that can judge it
    finally:
        pipe.close()
