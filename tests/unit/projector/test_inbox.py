"""The inbox: exactly the wanted frames, in order, without a gap."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from projector.inbox import BATCH_FRAMES, MAX_FRAMES, Inbox, Message

SOON = 0.02


def messages(*offsets: int, size: int = 1) -> list[Message]:
    return [Message(offset, 0, [], b"x" * size) for offset in offsets]


def drain(inbox: Inbox) -> list[int]:
    return [inbox.pop().offset for _ in range(len(inbox))]


def opened(wanted: int = 0) -> Inbox:
    inbox = Inbox()
    inbox.restart(wanted)
    return inbox


def test_nothing_is_taken_before_the_position_is_known() -> None:
    inbox = Inbox()
    inbox.put(messages(0, 1))
    assert len(inbox) == 0


def test_only_the_next_frame_is_taken() -> None:
    inbox = opened(5)
    inbox.put(messages(3, 4, 5, 5, 7, 6, 9))
    assert drain(inbox) == [5, 6]
    assert (inbox.wanted, inbox.beyond) == (7, 9)


def test_what_fits_clears_what_came_too_early() -> None:
    inbox = opened()
    inbox.put(messages(4))
    inbox.put(messages(0))
    assert inbox.beyond is None


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 20), max_size=80), st.integers(0, 20))
def test_offsets_are_consecutive_whatever_comes(offsets: list[int], wanted: int) -> None:
    inbox = opened(wanted)
    inbox.put(messages(*offsets))
    taken = drain(inbox)
    assert taken == list(range(wanted, wanted + len(taken)))


async def test_a_lone_frame_is_there_at_once() -> None:
    inbox = opened()
    waiting = asyncio.create_task(inbox.filled(0, 5))
    await asyncio.sleep(0)
    inbox.put(messages(0))
    assert await waiting


async def test_frames_that_the_log_has_are_waited_for() -> None:
    inbox = opened()
    inbox.put(messages(0))
    assert not await inbox.filled(3, SOON)
    waiting = asyncio.create_task(inbox.filled(3, 5))
    await asyncio.sleep(0)
    inbox.put(messages(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put(messages(2))
    assert await waiting


async def test_no_more_than_a_batch_is_waited_for() -> None:
    inbox = opened()
    inbox.put(messages(*range(BATCH_FRAMES)))
    assert await inbox.filled(10**9, 5)


async def test_nothing_is_not_enough() -> None:
    assert not await opened().filled(0, SOON)


async def test_a_full_inbox_makes_its_sender_wait_until_half_is_gone() -> None:
    inbox = opened()
    assert not inbox.put(messages(*range(MAX_FRAMES)))
    waiting = asyncio.create_task(inbox.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    for _ in range(MAX_FRAMES // 2):
        inbox.pop()
    await waiting


async def test_closing_lets_the_sender_go() -> None:
    inbox = opened()
    inbox.put(messages(*range(MAX_FRAMES)))
    inbox.close()
    await inbox.room()
    assert len(inbox) == 0
