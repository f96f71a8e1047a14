"""The outbox: windows and identifiers live, and the same state again from cursors in the log."""

from __future__ import annotations

import pytest

from domain.outbox import (
    AWAIT_PUBACK,
    AWAIT_PUBCOMP,
    AWAIT_PUBREC,
    Outbox,
    entry,
    partition_of_entry,
    position_of_entry,
    qos_of,
    retain_of,
)
from schemas.events import Cursor, Inflight
from schemas.positions import position

VECTOR = [10, 20, 30]


def item(offset: int, qos: int = 1, retain: bool = False, partition: int = 0) -> int:
    """An entry of the first event of a frame."""
    return entry(partition, position(offset, 0), qos, retain)


def filled(*items: int) -> Outbox:
    """An outbox in which these wait."""
    outbox = Outbox()
    for one in items:
        outbox.offer(one)
    return outbox


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("retain", [False, True])
def test_an_entry_holds_what_it_was_made_of(qos: int, retain: bool) -> None:
    """Given the largest values, when an entry is made of them, then they come out again."""
    made = entry(0xFFFF, position(1 << 46, 0xFFFF), qos, retain)
    assert (partition_of_entry(made), position_of_entry(made)) == (0xFFFF, position(1 << 46, 0xFFFF))
    assert (qos_of(made), retain_of(made)) == (qos, retain)


@pytest.mark.parametrize(("qos", "first", "last"), [(1, 1, 32_767), (2, 32_768, 65_535)])
def test_identifiers_go_round_in_their_own_range(qos: int, first: int, last: int) -> None:
    """Given one message that is never finished, when identifiers wrap, then its own is passed over."""
    outbox = Outbox()
    assert outbox.begin(item(1, qos)) == first
    for offset in range(2, last - first + 2):
        packet_id = outbox.begin(item(offset, qos))
        assert (outbox.puback if qos == 1 else outbox.finish)(packet_id)
    assert packet_id == last
    assert outbox.begin(item(100_000, qos)) == first + 1


def test_what_is_not_awaited_is_not_taken() -> None:
    """Given QoS 1 and 2 in flight, when an acknowledgement of the other kind comes, then nothing changes."""
    outbox = Outbox()
    one, two = outbox.begin(item(1, 1)), outbox.begin(item(2, 2))
    assert not outbox.puback(two)
    assert not outbox.pubrec(one)
    assert not outbox.finish(one)
    assert not outbox.puback(17)
    assert len(outbox) == 2


def test_qos_2_goes_through_its_states() -> None:
    """Given QoS 2 in flight, when PUBREC and PUBCOMP come, then it is finished, once."""
    outbox = Outbox()
    packet_id = outbox.begin(item(1, 2))
    assert list(outbox.unfinished()) == [(packet_id, item(1, 2), AWAIT_PUBREC)]
    assert outbox.pubrec(packet_id)
    assert outbox.pubrec(packet_id)
    assert list(outbox.unfinished()) == [(packet_id, item(1, 2), AWAIT_PUBCOMP)]
    assert outbox.finish(packet_id)
    assert not outbox.finish(packet_id)
    assert not outbox


def test_subscription_identifiers_leave_with_their_entry() -> None:
    """Given entries with subscription identifiers, when they end in any way, then nothing is left of them."""
    outbox = Outbox()
    for offset in range(1, 6):
        outbox.offer(item(offset, 2 if offset == 2 else 1), (offset,))
    outbox.drop_oldest()
    taken = [outbox.pending.popleft() for _ in range(3)]
    ids = [outbox.begin(one) for one in taken]
    outbox.finish(ids[0])
    outbox.puback(ids[1])
    outbox.forget(ids[2])
    assert set(outbox.subscription_ids) == {item(5)}
    outbox.settle_dropped([(0, position(5, 0), position(5, 9))])
    assert not outbox
    assert not outbox.subscription_ids


def test_a_cursor_without_anything_is_the_vector() -> None:
    """Given an empty outbox, when its cursor is taken, then it names nothing."""
    assert Outbox().cursor(VECTOR) == Cursor([], [], 0)


def test_a_cursor_gives_the_same_outbox_again() -> None:
    """Given messages in flight and waiting, when a fold that knew them as waiting settles with the cursor, then it
    has the same in flight, with the same identifiers and states, and the same waiting."""
    waiting = [item(1), item(2, 2), item(3), item(4, 2), item(5), item(21, 1, partition=1), item(6, 2, retain=True)]
    live, fold = filled(*waiting), filled(*waiting)
    ids = [live.begin(live.pending.popleft()) for _ in range(4)]
    live.pubrec(ids[1])
    live.puback(ids[0])
    fold.settle(live.cursor(VECTOR), VECTOR)
    assert list(fold.unfinished()) == list(live.unfinished())
    assert list(fold.pending) == list(live.pending)


def test_what_came_after_the_cursor_stays() -> None:
    """Given a cursor that says all is acknowledged, when a fold settles, then only what is newer waits."""
    fold = filled(item(9), item(10), item(19, partition=1), item(20, partition=1))
    fold.settle(Cursor([], []), VECTOR)
    assert list(fold.pending) == [item(10), item(20, partition=1)]


def test_settling_keeps_the_order_of_what_waits() -> None:
    """Given messages with and without the retain flag waiting in turn, when a fold settles, then they stay in turn
    [MQTT-4.6.0-6]."""
    waiting = [item(1), item(2, retain=True), item(3), item(4, retain=True), item(5)]
    live, fold = filled(*waiting), filled(*waiting)
    fold.settle(live.cursor(VECTOR), VECTOR)
    assert list(fold.pending) == waiting


def test_one_message_may_be_due_twice() -> None:
    """Given a message that waits both for itself and as a retained message, when a fold settles, then it does still."""
    waiting = [item(1), item(1, retain=True), item(1, retain=True)]
    live, fold = filled(*waiting), filled(*waiting)
    live.begin(live.pending.popleft())
    fold.settle(live.cursor(VECTOR), VECTOR)
    assert list(fold.unfinished()) == [(1, item(1), AWAIT_PUBACK)]
    assert list(fold.pending) == waiting[1:]


def test_one_message_may_be_due_with_two_qualities() -> None:
    """Given a retained message that waits for QoS 1 and for QoS 2, when the log says that QoS 2 has an identifier,
    then the one of QoS 1 is not taken for it."""
    fold = filled(item(1, 2), item(1, 1, retain=True), item(1, 2, retain=True))
    fold.settle_sending([Inflight(32_768, 0, position(1, 0), AWAIT_PUBREC, retain=True)])
    assert (1, item(1, 1, retain=True), AWAIT_PUBACK) in list(fold.unfinished())
    assert (32_768, item(1, 2, retain=True), AWAIT_PUBREC) in list(fold.unfinished())
    assert list(fold.pending) == [item(1, 2)]


def test_late_entries_survive_a_cursor() -> None:
    """Given entries that a subscribe made after the cursor was taken, when a fold settles, then they stay, also beside
    one in flight that is the same."""
    live = Outbox()
    live.begin(item(1, retain=True))
    fold = filled(item(1, retain=True), item(2), item(1, retain=True), item(3, retain=True))
    again = filled(*fold.pending)
    again.settle(Outbox().cursor(VECTOR), VECTOR, {item(1, retain=True)})
    assert list(again.pending) == [item(1, retain=True)]
    fold.settle(live.cursor(VECTOR), VECTOR, {item(1, retain=True), item(3, retain=True)})
    assert list(fold.unfinished()) == [(1, item(1, retain=True), AWAIT_PUBACK)]
    assert list(fold.pending) == [item(1, retain=True), item(3, retain=True)]


def test_subscription_identifiers_of_a_waiting_retained_message_are_in_the_cursor() -> None:
    """Given a retained message that waits for a window, when a fold settles, then its identifiers are back."""
    live, fold = Outbox(), Outbox()
    live.offer(item(3, retain=True), (7, 8))
    fold.settle(live.cursor(VECTOR), VECTOR)
    assert fold.subscription_ids == {item(3, retain=True): (7, 8)}


def test_a_cursor_does_not_take_a_pubrec_back() -> None:
    """Given a PUBREC in the log before a cursor that was taken without it, when a fold settles, then PUBREL is still
    what comes next: the client may have forgotten the identifier already [MQTT-4.3.3-6]."""
    live = Outbox()
    packet_id = live.begin(item(1, 2))
    cursor = live.cursor(VECTOR)
    fold = filled(item(1, 2))
    fold.settle_sending([Inflight(packet_id, 0, position(1, 0), AWAIT_PUBREC)])
    fold.pubrec(packet_id)
    fold.settle(cursor, VECTOR)
    assert list(fold.unfinished()) == [(packet_id, item(1, 2), AWAIT_PUBCOMP)]


def test_identifiers_go_on_after_a_cursor() -> None:
    """Given a cursor, when the session goes on, then identifiers of neither range are used again at once."""
    live = filled(item(1), item(2, 2), item(3))
    ids = [live.begin(live.pending.popleft()) for _ in range(3)]
    fold = filled(item(1), item(2, 2), item(3))
    fold.settle(live.cursor(VECTOR), VECTOR)
    assert fold.begin(item(4)) == max(ids[0], ids[2]) + 1
    assert fold.begin(item(5, 2)) == ids[1] + 1


def test_sending_takes_qos_1_before_it_along() -> None:
    """Given a queue, when the log says that its QoS 2 message has an identifier, then QoS 1 before it was sent too."""
    fold = filled(item(1), item(2, 2), item(3))
    fold.settle_sending([Inflight(32_768, 0, position(2, 0), AWAIT_PUBREC)])
    assert list(fold.unfinished()) == [(1, item(1), AWAIT_PUBACK), (32_768, item(2, 2), AWAIT_PUBREC)]
    assert list(fold.pending) == [item(3)]


def test_dropped_ranges_are_forgotten() -> None:
    """Given a long queue, when the log says what was dropped, then exactly that is gone, in no time."""
    fold = filled(*(item(offset, partition=offset % 2) for offset in range(200_000)))
    fold.settle_dropped([(0, position(100_000, 0), position(199_999, 0)), (1, position(0, 0), position(7, 0))])
    left = [(partition_of_entry(i), position_of_entry(i) >> 16) for i in fold.pending]
    assert left == [(o % 2, o) for o in range(200_000) if (o < 100_000 if o % 2 == 0 else o > 7)]


def test_presumed_sent_is_what_fits_the_window() -> None:
    """Given a queue of a lost node, when its connection ends, then QoS 1 counts as sent up to the window or QoS 2."""
    outbox = filled(item(1), item(2), item(3), item(4))
    outbox.presume_sent(3)
    assert [packet_id for packet_id, _, _ in outbox.unfinished()] == [1, 2, 3]
    outbox = filled(item(1), item(2, 2), item(3))
    outbox.presume_sent(3)
    assert [packet_id for packet_id, _, _ in outbox.unfinished()] == [1]
