"""The line of a log that says why a process ended."""

from __future__ import annotations

import json

import pytest

from stack.last_words import last_words


def record(level: str, message: str, **more: str) -> str:
    return json.dumps({"level": level, "message": message, **more})


TRACE = ["Traceback (most recent call last):", '  File "x.py", line 1, in <module>', "ValueError: no such thing", ""]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], ""),
        (["", "  "], ""),
        (["first", "second", ""], "second"),
        (TRACE, "ValueError: no such thing"),
        (["  | ValueError: inner", "  +------------------------------------"], "ValueError: inner"),
        ([record("error", "the log is damaged", error="Traceback ...\nKafkaError: x")], "the log is damaged"),
        ([record("error", "the log is damaged"), record("info", "stopped")], "the log is damaged"),
        ([record("info", "folding"), record("info", "stopped")], "stopped"),
        ([record("error", "long ago, mended since"), *TRACE], "ValueError: no such thing"),
        (['{"no": "message"}'], '{"no": "message"}'),
        (["{not json"], "{not json"),
    ],
)
def test_what_is_quoted(lines: list[str], words: str) -> None:
    assert last_words(lines) == words
