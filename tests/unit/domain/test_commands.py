"""Whether a command counts."""

from __future__ import annotations

import pytest

from domain import commands
from domain.commands import WINDOW_MS, CommandWindow, late
from schemas.events import Order


def order(name: str, *, keyed: bool = True, not_after: int = 0) -> Order:
    return Order(name, "ada", "127.0.0.1", "", 0, not_after, keyed)


def test_a_repetition_within_the_window_does_not_count() -> None:
    window = CommandWindow()
    assert not window.repeated(order("a"), 1_000)
    assert window.repeated(order("a"), 1_000)
    assert window.repeated(order("a"), 999 + WINDOW_MS)


def test_after_the_window_the_same_id_is_a_new_command() -> None:
    window = CommandWindow()
    assert not window.repeated(order("a"), 1_000)
    assert not window.repeated(order("a"), 1_000 + WINDOW_MS)
    assert window.repeated(order("a"), 1_001 + WINDOW_MS)


def test_a_repetition_does_not_lengthen_the_window() -> None:
    window = CommandWindow()
    window.repeated(order("a"), 0)
    assert window.repeated(order("a"), WINDOW_MS - 1)
    assert not window.repeated(order("a"), WINDOW_MS)


def test_commands_without_a_key_are_not_remembered() -> None:
    window = CommandWindow()
    assert not window.repeated(order("a", keyed=False), 0)
    assert not window.repeated(order("a", keyed=False), 0)
    assert len(window) == 0


def test_the_oldest_id_goes_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MOST", 2)
    window = CommandWindow()
    for name in "abc":
        assert not window.repeated(order(name), 0)
    assert len(window) == 2
    assert window.repeated(order("c"), 0)
    assert not window.repeated(order("a"), 0)


def test_a_window_that_is_loaded_goes_on_like_the_one_that_saw_it_all() -> None:
    seen, loaded = CommandWindow(), CommandWindow()
    for time, name in enumerate("abcdef"):
        seen.repeated(order(name), time)
        loaded.remember(name, time)
    for name in "afxb":
        assert seen.repeated(order(name), WINDOW_MS + 1) == loaded.repeated(order(name), WINDOW_MS + 1)


@pytest.mark.parametrize(
    ("not_after", "time", "expected"), [(0, 10**15, False), (5_000, 5_000, False), (5_000, 5_001, True)]
)
def test_late_is_judged_by_append_time(not_after: int, time: int, expected: bool) -> None:
    assert late(order("a", not_after=not_after), time) is expected
