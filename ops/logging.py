"""Logs of every service: lines for people on a terminal, one JSON object per line elsewhere.

Fields given as ``logger.info("text", extra={"client": ...})`` become fields of the JSON object and
``client=...`` behind the text on a terminal. Never hand a secret to a logger.
"""

from __future__ import annotations

import datetime
import json
import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NOISY = ("aiokafka", "faust", "mode", "granian.access", "httpx", "asyncio", "uvicorn")
REPEATED_SECONDS = 10.0
"""How long a message of a library that was logged is not logged again."""
_MOST_MESSAGES = 1_024


class _Fields(logging.Formatter):
    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """What the caller gave as ``extra``."""
        return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class JsonFormatter(_Fields):
    """One JSON object per record: time (UTC), level, service, logger, message, extra fields, error."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line of JSON."""
        line: dict[str, object] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            **self.fields(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class LineFormatter(_Fields):
    """A line to read: time, level, service, message, extra fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line of text."""
        time = _time(record).astimezone().strftime("%H:%M:%S.%f")[:-3]
        extra = "".join(f" {name}={value}" for name, value in self.fields(record).items())
        line = f"{time} {record.levelname:<7} {self._service}: {record.getMessage()}{extra}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class Repeats(logging.Filter):
    """Lets a message of a library through once in a while, with how often it came meanwhile.

    A client library that cannot reach its server says so ten times a second; an operator wants it once, and to see
    that it goes on. Two messages are the same when their logger, level and text are.
    """

    def __init__(self, every: float = REPEATED_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every = every
        self._clock = clock
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}
        """By message, when it was let through and how often it was held back since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        if not record.name.startswith(_NOISY):
            return True
        key = (record.name, record.levelno, record.getMessage())
        now = self._clock()
        said, held = self._seen.get(key, (-self._every, 0))
        if now - said < self._every:
            self._seen[key] = (said, held + 1)
            return False
        if held:
            record.repeated = held
        if len(self._seen) >= _MOST_MESSAGES:
            self._seen.clear()
        self._seen[key] = (now, 0)
        return True


def configure_logging(service: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs of this process to ``stream`` (standard error by default) in the form that suits it.

    Replaces handlers that libraries have set on the root logger. Python warnings become log records.
    """
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(LineFormatter(service) if target.isatty() else JsonFormatter(service))
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _time(record: logging.LogRecord) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(record.created, datetime.UTC)
