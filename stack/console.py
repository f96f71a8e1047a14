"""What a person sees: progress that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

MEGABYTE = 1024 * 1024

console = Console(stderr=True, highlight=False)
"""Standard error: what is told to a person, so that standard output can be piped."""


class Downloads:
    """Progress of several downloads at once, from any thread: one bar each, or a line when one is whole."""

    def __init__(self, to: Console) -> None:
        self._console = to
        self._lock = threading.Lock()
        self._shown = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=to,
            transient=True,
        )

    @contextmanager
    def __call__(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        """Show one download of ``size`` bytes; call what it yields with the bytes that arrived."""
        if not self._console.is_terminal:
            yield lambda _arrived: None
            self._console.print(f"fetched {name} ({size / MEGABYTE:.1f} MB)")
            return
        with self._lock:
            if self._shown == 0:
                self._progress.start()
            self._shown += 1
            task = self._progress.add_task(name, total=size)
        try:
            yield lambda arrived: self._progress.update(task, advance=arrived)
        finally:
            with self._lock:
                self._progress.remove_task(task)
                self._shown -= 1
                if self._shown == 0:
                    self._progress.stop()


show_downloads = Downloads(console)
