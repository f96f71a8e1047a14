"""The MQTT codec alone: nanoseconds per packet, beside amqtt's decoder and the Rust codec mqtt5.

Streams are encoded beforehand and fed whole; each figure is the best of several rounds, since noise only adds.
amqtt is driven over a buffer without an event loop, which flatters it; mqtt5 reads one packet per call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
import mqtt5
from amqtt.adapters import BufferReader
from amqtt.mqtt import packet_class
from amqtt.mqtt.packet import MQTTFixedHeader

from bench.report import Cell, Report, publish
from ingest.mqtt.codec import (
    ConnectPacket,
    Packet,
    Parser,
    PingReqPacket,
    ProtocolVersion,
    PubackPacket,
    PublishPacket,
    PublishProperties,
    SubscribePacket,
    Subscription,
    encode,
    encode_publish_parts,
    encode_publish_properties,
)

V31, V311, V5 = ProtocolVersion
COLUMNS = ("what", "mqledger ns", "amqtt ns", "mqtt5 (Rust) ns")
PROPERTIES = encode_publish_properties(
    PublishProperties(message_expiry_interval=60, content_type="text/plain", user_properties=(("key", "value"),))
)


@dataclass(frozen=True, slots=True)
class Case:
    """Packets to decode in one feed."""

    name: str
    version: ProtocolVersion
    packets: tuple[Packet, ...]

    @property
    def stream(self) -> bytes:
        """The packets as they come from a socket."""
        return b"".join(encode(packet, self.version) for packet in self.packets)


def publishes(count: int, qos: int = 1, size: int = 64, properties: bytes = b"") -> tuple[Packet, ...]:
    """Publishes on ten topics."""
    return tuple(
        PublishPacket(
            f"site/{n % 10}/temperature", bytes(size), qos, packet_id=n + 1 if qos else 0, properties=properties
        )
        for n in range(count)
    )


def decode_cases() -> list[Case]:
    """What is decoded."""
    many = tuple(PublishPacket(f"site/{n}/temperature", bytes(64), 1, packet_id=n % 60_000 + 1) for n in range(20_000))
    subscribe = SubscribePacket(1, (Subscription("site/+/temperature", 1), Subscription("alarms/#", 2)))
    return [
        Case("PUBLISH QoS 1, 64 B, 3.1.1, 100 per feed", V311, publishes(100)),
        Case("PUBLISH QoS 1, 64 B, 5.0, 100 per feed", V5, publishes(100)),
        Case("PUBLISH QoS 0, 64 B, 3.1.1, 100 per feed", V311, publishes(100, 0)),
        Case("PUBLISH QoS 1, 4 KiB, 3.1.1, 100 per feed", V311, publishes(100, 1, 4096)),
        Case("PUBLISH QoS 1, 64 B, 3.1.1, alone in its feed", V311, publishes(1)),
        Case("PUBLISH QoS 1, 64 B, 3.1.1, no topic seen before", V311, many),
        Case("PUBLISH QoS 1, 64 B, 5.0, three properties", V5, publishes(100, properties=PROPERTIES)),
        Case("PUBACK, 3.1.1, 100 per feed", V311, tuple(PubackPacket(n + 1) for n in range(100))),
        Case("SUBSCRIBE of two, 3.1.1", V311, (subscribe,)),
        Case("PINGREQ, 3.1.1", V311, (PingReqPacket(),)),
        Case("CONNECT, 3.1.1", V311, (ConnectPacket(V311, "sensor-1", username="u", password=b"p"),)),
    ]


def best(work: Callable[[], object], packets: int, rounds: int, seconds: float) -> float:
    """Nanoseconds per packet in the fastest of the rounds."""
    work()
    start = time.perf_counter_ns()
    work()
    once = max(time.perf_counter_ns() - start, 1)
    times = max(1, int(seconds * 1e9 / once))
    fastest = float("inf")
    for _ in range(rounds):
        start = time.perf_counter_ns()
        for _ in range(times):
            work()
        fastest = min(fastest, (time.perf_counter_ns() - start) / times)
    return fastest / packets


def ours(case: Case) -> Callable[[], object]:
    """Decoding with our parser, which must give the case's packets."""
    stream = case.stream
    fresh = isinstance(case.packets[0], ConnectPacket)
    parser = Parser(version=case.version, max_packet_size=1 << 20)
    if not fresh and parser.feed(stream) != list(case.packets):
        raise AssertionError(case.name)
    if fresh:
        return lambda: Parser().feed(stream)
    return lambda: parser.feed(stream)


def by_amqtt(case: Case) -> Callable[[], object] | None:
    """Decoding with amqtt, for MQTT 3.1.1."""
    stream = case.stream
    if case.version != V311 or len(case.packets) > 1_000:
        return None

    async def read_all() -> None:
        reader = BufferReader(stream)
        for _ in case.packets:
            header: Any = await MQTTFixedHeader.from_stream(reader)
            await packet_class(header).from_stream(reader, fixed_header=header)

    def work() -> None:
        try:
            read_all().send(None)
        except StopIteration:
            return
        raise AssertionError("amqtt waits for more than a buffer holds")

    return work


def by_mqtt5(case: Case) -> Callable[[], object] | None:
    """Decoding with mqtt5, for MQTT 5."""
    stream = memoryview(case.stream)
    if case.version != V5:
        return None

    def work() -> None:
        rest = stream
        while rest:
            _, size = mqtt5.read(rest)
            rest = rest[size:]

    return work


def decode_row(case: Case, rounds: int, seconds: float) -> list[Cell]:
    """One line of the table: the three decoders on one stream."""
    works = (ours(case), by_amqtt(case), by_mqtt5(case))
    return [
        f"decode {case.name}",
        *(None if work is None else best(work, len(case.packets), rounds, seconds) for work in works),
    ]


def encode_rows(rounds: int, seconds: float) -> list[list[Cell]]:
    """What encoding costs us, and a packet for one more receiver."""
    packet = PublishPacket("site/1/temperature", bytes(64), 1, packet_id=1)
    puback = PubackPacket(1)
    head, tail = encode_publish_parts(packet.topic, packet.payload, 1, False, b"", V311)
    works: dict[str, Callable[[], object]] = {
        "encode PUBLISH QoS 1, 64 B": lambda: encode(packet, V311),
        "encode PUBLISH once for many receivers": lambda: encode_publish_parts(
            packet.topic, packet.payload, 1, False, b"", V311
        ),
        "join PUBLISH for one more receiver": lambda: b"".join((head, b"\0\1", tail)),
        "encode PUBACK": lambda: encode(puback, V311),
    }
    return [[name, best(work, 1, rounds, seconds), None, None] for name, work in works.items()]


@click.command(help=__doc__)
@click.option("--rounds", default=7, show_default=True)
@click.option("--seconds", default=0.1, show_default=True, help="Of each round.")
def main(rounds: int, seconds: float) -> None:
    """Run, print, store."""
    rows = [decode_row(case, rounds, seconds) for case in decode_cases()]
    publish(
        Report(
            name="codec",
            title="MQTT codec, nanoseconds per packet",
            columns=COLUMNS,
            rows=[*rows, *encode_rows(rounds, seconds)],
            notes=(
                "Whole streams in memory, one thread, best of the rounds; pure CPython, nothing compiled.",
                "amqtt is driven over a buffer without an event loop; mqtt5 reads MQTT 5 only, one packet per call.",
            ),
            options={"rounds": rounds, "seconds": seconds},
        )
    )


if __name__ == "__main__":
    main()
