"""What the logs say of commands: which counted, what they did, how often their outcome is told. Counted from the events
by the rules of fences, windows and times alone, not by the folds that the services use."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from domain.admin import AdminState
from domain.commands import DONE, CommandWindow, late
from domain.fences import Fences
from schemas.commands import CommandDone, Kick, Publish, Subscribe
from schemas.events import SessionEnded, Subscribed
from schemas.frames import read_frame
from schemas.kafka_options import kafka_client_options
from schemas.records import read_admin_event
from schemas.settings import KafkaSettings
from tests.faults.broker.ledger import READ_SECONDS


@dataclass(slots=True)
class Effects:
    """Numbers by the id of a command or by what was to be changed."""

    counted: Counter[str] = field(default_factory=Counter)
    """Commands that are neither late nor repetitions, by id."""
    appended: Counter[str] = field(default_factory=Counter)
    """All of them."""
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    """Of ``command_done``, by id, as often as there is one."""
    ended: Counter[str] = field(default_factory=Counter)
    """Sessions ended by a kick, by client id."""
    subscribed: Counter[str] = field(default_factory=Counter)
    """By filter."""
    published: Counter[str] = field(default_factory=Counter)
    """Messages that count, by payload."""
    changed: Counter[str] = field(default_factory=Counter)
    """Changes of administration that were done, by the id of the command."""


def read_effects(kafka: KafkaSettings) -> Effects:
    """From the whole logs as they are now."""
    effects = Effects()
    events, admin = asyncio.run(asyncio.wait_for(_read(kafka), READ_SECONDS))
    for records in events:
        _fold(records, effects)
    state = AdminState()
    for record in admin:
        event = read_admin_event(record.value)
        effects.appended[event.order.id] += 1
        effects.changed[event.order.id] += state.apply(event, record.offset, record.timestamp) == DONE
    return effects


async def _read(kafka: KafkaSettings) -> tuple[list[list[Any]], list[Any]]:
    """Records of each partition of the events, and of the administration."""
    consumer = AIOKafkaConsumer(
        **kafka_client_options(kafka), enable_auto_commit=False, isolation_level="read_committed"
    )
    await consumer.start()
    try:
        admin = TopicPartition(kafka.admin_topic, 0)
        events = [TopicPartition(kafka.events_topic, number) for number in range(kafka.partitions)]
        consumer.assign([admin, *events])
        await consumer.seek_to_beginning(admin, *events)
        ends = await consumer.end_offsets([admin, *events])
        found: dict[TopicPartition, list[Any]] = {one: [] for one in ends}
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for one, records in (await consumer.getmany(timeout_ms=500)).items():
                found[one] += records
        return [found[one] for one in events], found[admin]
    finally:
        await consumer.stop()


def _fold(records: list[Any], effects: Effects) -> None:
    """One partition in order; void frames say nothing."""
    fences, window, now = Fences(), CommandWindow(), 0
    for record in records:
        frame = read_frame(record.headers, record.value)
        now = max(now, record.timestamp)
        if fences.void(frame.header.node, frame.header.incarnation):
            continue
        for _, event in frame.events():
            fences.observe(event)
            if isinstance(event, Kick | Publish | Subscribe):
                effects.appended[event.order.id] += 1
                if late(event.order, now) or window.repeated(event.order, now):
                    continue
                effects.counted[event.order.id] += 1
            match event:
                case CommandDone():
                    effects.outcomes.setdefault(event.id, []).append(event.outcome)
                case SessionEnded(reason="kick"):
                    effects.ended[event.client_id] += 1
                case Subscribed():
                    effects.subscribed.update(one.filter for one in event.subscriptions if one.reason_code < 0x80)
                case Publish():
                    effects.published[event.payload.decode()] += 1
