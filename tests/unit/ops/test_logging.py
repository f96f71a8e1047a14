"""Log lines for people and for machines."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest

from ops.logging import Repeats, configure_logging


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _root_logger_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_json_lines_carry_extra_fields_and_errors() -> None:
    stream = io.StringIO()
    configure_logging("ingest", stream=stream)
    logging.getLogger("ingest.log").info("appended", extra={"frames": 3})
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("ingest.log").exception("failed")
    appended, failed = (json.loads(line) for line in stream.getvalue().splitlines())
    assert appended["message"] == "appended"
    assert appended["frames"] == 3
    assert appended["service"] == "ingest"
    assert appended["level"] == "info"
    assert appended["time"].endswith("Z")
    assert "ValueError: no" in failed["error"]


def test_a_terminal_gets_lines() -> None:
    stream = Terminal()
    configure_logging("api", stream=stream)
    logging.getLogger("query_api").warning("slow", extra={"ms": 12})
    assert stream.getvalue().endswith(" WARNING api: slow ms=12\n")


def test_the_level_is_kept_and_libraries_stay_quiet() -> None:
    stream = io.StringIO()
    configure_logging("api", level="info", stream=stream)
    logging.getLogger("query_api").debug("detail")
    logging.getLogger("aiokafka.consumer").info("chatter")
    assert stream.getvalue() == ""


def test_python_warnings_become_records() -> None:
    stream = io.StringIO()
    configure_logging("api", stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logging("api", stream=stream)
        warnings.warn("old", UserWarning, stacklevel=1)
    assert "old" in stream.getvalue()


def test_a_library_that_repeats_itself_is_heard_once_in_a_while() -> None:
    now = [0.0]
    repeats = Repeats(10.0, lambda: now[0])

    def heard(logger: str, text: str) -> int | None:
        """How often the message was held back before, or None when it is held back itself."""
        record = logging.LogRecord(logger, logging.ERROR, "", 0, text, None, None)
        return getattr(record, "repeated", 0) if repeats.filter(record) else None

    assert [heard("aiokafka", "away") for _ in range(3)] == [0, None, None]
    assert heard("aiokafka.consumer", "away") == 0, "another logger is another message"
    assert heard("aiokafka", "back") == 0
    assert [heard("ingest.service", "ours") for _ in range(3)] == [0, 0, 0]
    now[0] = 10.0
    assert heard("aiokafka", "away") == 2
    assert heard("aiokafka", "away") is None
