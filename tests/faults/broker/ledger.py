"""What the log says of publishers: read with aiokafka and our frames, judged by the rules of fences and epochs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition

from domain.fences import Fences
from schemas.events import Connected, Published
from schemas.frames import Frame, read_frame
from schemas.kafka_options import kafka_client_options
from schemas.positions import position
from schemas.settings import KafkaSettings
from tests.faults.broker.storm import Publisher

READ_SECONDS = 120.0


@dataclass(slots=True)
class Ledger:
    """Messages that count, by client: for each connection (epoch) the payloads in log order."""

    published: dict[str, dict[int, list[bytes]]] = field(default_factory=dict)
    void: int = 0
    """Messages of frames or epochs that count nowhere."""
    frames: int = 0


def read_ledger(kafka: KafkaSettings) -> Ledger:
    """Everything published, from the whole log as it is now."""
    frames = asyncio.run(asyncio.wait_for(_read_frames(kafka), READ_SECONDS))
    ledger = Ledger()
    for partition in frames:
        _fold(partition, ledger)
    return ledger


async def _read_frames(kafka: KafkaSettings) -> list[list[tuple[int, Frame]]]:
    consumer = AIOKafkaConsumer(
        **kafka_client_options(kafka), enable_auto_commit=False, isolation_level="read_committed"
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(kafka.events_topic, number) for number in range(kafka.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        frames: dict[TopicPartition, list[tuple[int, Frame]]] = {partition: [] for partition in partitions}
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                frames[partition] += ((record.offset, read_frame(record.headers, record.value)) for record in records)
        return [frames[partition] for partition in partitions]
    finally:
        await consumer.stop()


def _fold(frames: list[tuple[int, Frame]], ledger: Ledger) -> None:
    """One partition in order: void frames and void epochs are left out, as every reader of ours does."""
    fences = Fences()
    epochs: dict[str, int] = {}
    for offset, frame in frames:
        ledger.frames += 1
        if fences.void(frame.header.node, frame.header.incarnation):
            ledger.void += sum(isinstance(event, Published) for event in frame.event_list())
            continue
        for index, event in frame.events():
            fences.observe(event)
            if isinstance(event, Connected):
                epochs[event.client_id] = position(offset, index)
            elif isinstance(event, Published):
                if epochs.get(event.client_id) != event.epoch:
                    ledger.void += 1
                    continue
                ledger.published.setdefault(event.client_id, {}).setdefault(event.epoch, []).append(event.payload)


def check_publisher(ledger: Ledger, publisher: Publisher) -> int:
    """Every message is in the log, at most as often as it was sent, in order; how many are there more than once."""
    epochs = ledger.published.get(publisher.client_id, {})
    by_connection = [[_number(payload, publisher) for payload in payloads] for payloads in epochs.values()]
    for numbers in by_connection:
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"out of order: {_break(numbers)}"
    counts = [0] * publisher.count
    seen = -1
    for number in (number for numbers in by_connection for number in numbers):
        counts[number] += 1
        assert number <= seen + 1, f"{number} is in the log before {seen + 1}"
        seen = max(seen, number)
    for number, count in enumerate(counts):
        sent = publisher.transmissions[number]
        assert 1 <= count <= sent, f"message {number} was sent {sent} times and is in the log {count} times"
    return sum(count > 1 for count in counts)


def check_received(received: Sequence[bytes], publisher: Publisher) -> None:
    """A subscriber got every message of a publisher, first occurrences in order."""
    prefix = publisher.client_id.encode() + b" "
    numbers = [int(payload[len(prefix) :]) for payload in received if payload.startswith(prefix)]
    firsts = list(dict.fromkeys(numbers))
    assert firsts == list(range(publisher.count)), f"lost or out of order: {_break(firsts)}, {len(firsts)} in all"


def _number(payload: bytes, publisher: Publisher) -> int:
    name, _, number = payload.decode().partition(" ")
    assert name == publisher.client_id, f"{payload!r} is not of {publisher.client_id}"
    return int(number)


def _break(numbers: list[int]) -> str:
    """The first place where numbers do not follow each other."""
    for before, after in zip([numbers[0] - 1, *numbers], numbers, strict=False):
        if after != before + 1:
            return f"{after} follows {before}"
    return f"they are {numbers[0]} to {numbers[-1]}"
