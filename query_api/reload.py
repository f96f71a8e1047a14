"""Reading the configuration again while the API serves.

Settings of RUNTIME take effect at once: the workers are replaced by new ones that have them, one after the other, so
that requests go on. The others are told, and wait for a restart of the process. Everything is as the configuration
was when the process began, with what was taken from it since.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from query_api.errors import InvalidError
from query_api.settings import ApiSettings
from schemas.settings import Secret, SettingsError

RUNTIME: Final = frozenset(
    {"access", "command_timeout", "connections", "max_streams", "max_wait", "stall_timeout", "tenant", "token_keys"}
)
"""Settings, and sections, that a worker takes when it begins. Ports, TLS, Kafka and Postgres are the process's."""

Reread = Callable[[], ApiSettings]
"""The configuration as it is now. Raises SettingsError."""


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that differs; secrets are not shown."""

    path: str
    old: Any
    new: Any
    runtime: bool
    """It takes effect without a restart."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload has found."""

    version: int
    """Of the configuration in force: 1 when the process began."""
    applied: list[Change]
    restart_required: list[Change]
    seconds: float


class Reload:
    """Handed to the workers. ``version`` and the settings in force are changed by the process above them alone."""

    def __init__(self, settings: ApiSettings, reread: Reread | None, process: int) -> None:
        """``reread`` is None where nobody knows where the settings come from; ``process`` runs the workers."""
        self.version = 1
        self._settings = settings
        self._reread = reread
        self._process = process

    @property
    def configured(self) -> bool:
        """Whether it is known where the settings come from."""
        return self._reread is not None

    def begin(self) -> ApiSettings:
        """The settings for a worker that begins."""
        return self._settings

    def take(self) -> None:
        """In the process above the workers, before it replaces them: from now on workers begin with what is new."""
        if self._reread is None:
            return
        try:
            found = _adopted(self._settings, self._reread())
        except SettingsError:
            # Whoever asked was told; without anybody there is nothing to take.
            return
        if found != self._settings:
            self._settings = found
            self.version += 1

    def now(self) -> Reloaded:
        """Read the configuration, and have workers replaced if something can be applied.

        Only where it is configured. Raises InvalidError for a configuration that can't be.
        """
        assert self._reread is not None
        started = time.perf_counter()
        try:
            changes = list(_changes(self._settings, self._reread()))
        except SettingsError as error:
            raise InvalidError(f"reload failed: {error}") from error
        applied = [one for one in changes if one.runtime]
        if applied:
            os.kill(self._process, signal.SIGHUP)
        waiting = [one for one in changes if not one.runtime]
        return Reloaded(self.version + bool(applied), applied, waiting, time.perf_counter() - started)


def _adopted(old: ApiSettings, new: ApiSettings) -> ApiSettings:
    return dataclasses.replace(old, **{name: getattr(new, name) for name in RUNTIME})


def _changes(old: ApiSettings, new: ApiSettings) -> Iterator[Change]:
    before, after = dict(_flat(old)), dict(_flat(new))
    for path, value in after.items():
        if value != before[path]:
            runtime = path.partition(".")[0] in RUNTIME
            yield Change(path, _shown(before[path]), _shown(value), runtime)


def _flat(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, Secret):
            yield from _flat(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", value


def _shown(value: Any) -> Any:
    return str(value) if isinstance(value, Secret) else value
