"""``mqledger events`` against a real log: filters, bounds, formats, following, poison."""

from __future__ import annotations

import itertools
import json
import re
import signal
import subprocess

import msgspec
import pytest

from schemas.events import (
    CommandDone,
    ConnectionStatus,
    Expire,
    Heartbeat,
    Kick,
    LinkError,
    NodeLost,
    NodeStarted,
    Order,
    Publish,
    Refused,
)
from schemas.frames import frame_headers
from schemas.positions import offset_of, position, position_text
from schemas.settings import KafkaSettings
from stack.logreader.bounds import time_text
from tests.golden.examples import EVENTS as EXAMPLES
from tests.integration.projector.nodes import write_admin, write_node_event
from tests.integration.replay.cli import Cli
from tests.integration.replay.conftest import CLIENTS, Past
from tests.integration.replay.logwriter import LogWriter, connected, published
from tests.unit.models.test_admin import everything

EVENTS = 6 * 5 + 3 + 4
"""Of six clients five each, three disconnects, a node_started in each of four partitions."""


def _kinds(lines: list[dict[str, dict[str, str]]]) -> list[str]:
    return [line["data"]["event"].partition(".")[0] for line in lines]


def test_everything_comes_in_order_of_time_and_of_each_partition(past: Past) -> None:
    lines = past.cli.run("events", "--format", "json").json_lines
    assert len(lines) == EVENTS
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    for _, of_partition in itertools.groupby(
        sorted(lines, key=lambda line: line["partition"]), lambda x: x["partition"]
    ):
        places = [(line["offset"], line["index"]) for line in of_partition]
        assert places == sorted(places)


def test_lines_are_for_people(past: Past) -> None:
    result = past.cli.run("events", "--client", "sensor-1")
    epoch = position_text(past.partition["sensor-1"], past.epochs["sensor-1"])
    assert len(result.lines) == 6
    assert f"{epoch:<14}  connected      sensor-1" in result.lines[0]
    assert result.lines[0].endswith("mqtt5 from 192.0.2.7:50123 on tcp, user ada, expiry 3600 s")
    assert result.lines[1].endswith("site/1/# (qos 1), cmd/+ (qos 1)")
    assert result.lines[3].endswith("site/1/raw qos 2 retain 0xff00")
    assert result.err == ""
    assert "\x1b" not in result.out


def test_filters(past: Past) -> None:
    def kinds(*arguments: str) -> list[str]:
        return _kinds(past.cli.run("events", "--format", "json", *arguments).json_lines)

    assert kinds("--client", "sensor-0") == ["connected", "subscribed", "published", "published", "released"]
    assert kinds("--kind", "connected", "--kind", "disconnected") == ["connected"] * 6 + ["disconnected"] * 3
    assert kinds("--topic", "site/+/temp") == ["published"] * 6
    assert kinds("--topic", "site/3/#", "--topic", "site/4/raw") == ["published"] * 3
    assert kinds("--topic", "+/0/temp") == ["published"]
    assert kinds("--tenant", "other") == []
    assert kinds("--client", "sensor-0", "--tenant", "other") == []
    assert kinds("--client", "nobody") == []
    assert len(kinds("--tenant", "default")) == EVENTS - 4


def test_users_are_found_by_the_connected_of_each_epoch(past: Past) -> None:
    lines = past.cli.run("events", "--user", "ada", "--format", "json").json_lines
    assert len(lines) == 3 * 6
    assert {line["data"]["client_id"] for line in lines} == {"sensor-1", "sensor-3", "sensor-5"}
    since = time_text(past.before)
    later = past.cli.run("events", "--user", "ada", "--since", since, "--kind", "published", "--format", "json")
    assert len(later.json_lines) == 6, "the connects lie before the range and are looked up"


def test_times_cut_before_and_after(past: Past) -> None:
    moment = time_text(past.before)
    before = past.cli.run("events", "--until", moment, "--format", "json").json_lines
    after = past.cli.run("events", "--since", moment, "--format", "json").json_lines
    assert sorted(_kinds(before)) == ["connected"] * 6 + ["node_started"] * 4
    assert len(after) == EVENTS - 10
    assert past.cli.run("events", "--since", "0s", "--until", "1w").lines == []
    assert len(past.cli.run("events", "--since", "1h").lines) == EVENTS


def test_positions_cut_inside_a_frame_and_name_their_partition(past: Past) -> None:
    partition = past.partition["sensor-2"]
    offset = offset_of(past.epochs["sensor-2"])
    whole = past.cli.run("events", "--partition", str(partition), "--format", "json").json_lines
    subscribed_at = next(
        w for w in whole if w["data"]["event"] == "subscribed.1" and w["data"]["client_id"] == "sensor-2"
    )
    place = subscribed_at["offset"]
    cut = past.cli.run(
        "events", "--since", f"{partition}/{place}.1", "--until", f"{partition}/{place}.3", "--format", "json"
    )
    assert [line["position"] for line in cut.json_lines] == [f"{partition}/{place}.1", f"{partition}/{place}.2"]
    rest = past.cli.run("events", "--since", f"{partition}/{offset}", "--format", "json").json_lines
    assert rest == [line for line in whole if line["offset"] >= offset]


def test_vectors_cut_every_partition(past: Past) -> None:
    vector = ",".join("1" for _ in range(past.kafka.partitions))
    assert _kinds(past.cli.run("events", "--until", vector, "--format", "json").json_lines) == ["node_started"] * 4
    assert len(past.cli.run("events", "--since", vector).lines) == EVENTS - 4
    wrong = past.cli.run("events", "--since", "1,2")
    assert wrong.code == 1
    assert "The vector has 2 offsets" in wrong.err


def test_the_last_ones_and_only_so_many(past: Past) -> None:
    whole = past.cli.run("events").lines
    assert past.cli.run("events", "-n", "7").lines == whole[-7:]
    assert past.cli.run("events", "-n", "1000").lines == whole
    assert past.cli.run("events", "-n", "0").lines == []
    assert past.cli.run("events", "--limit", "3").lines == whole[:3]
    matching = past.cli.run("events", "--kind", "connected").lines
    assert past.cli.run("events", "--kind", "connected", "-n", "2").lines == matching[-2:]


def test_cloud_events_and_payloads(past: Past) -> None:
    (event,) = past.cli.run("events", "--topic", "site/2/raw", "--format", "cloudevents", "--payload", "hex").json_lines
    assert event["type"] == "mqledger.published.1"
    assert event["subject"] == "sensor-2"
    assert re.fullmatch(rf"/mqledger/[\w-]{{22}}/{re.escape(past.kafka.events_topic)}/[0-9a-f-]{{36}}", event["source"])
    assert event["data"]["payload"] == {"hex": "ff00"}
    assert past.cli.run("events", "--topic", "site/2/raw", "--payload", "none").lines[0].endswith("retain (2 B)")


def test_a_reader_that_goes_away_is_no_error(past: Past) -> None:
    shell = " ".join(Cli.command(["events"]))
    done = subprocess.run(
        f"{shell} | head -n 1", shell=True, env=past.cli.environment(), capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == b""


async def test_following_shows_what_comes_and_ends_quietly(cli: Cli, kafka: KafkaSettings) -> None:
    async with LogWriter(kafka) as log:
        for i in range(15):
            await log.frame(0, [published("old", 1, f"old/{i}")])
        process = cli.start("events", "--follow", "--topic", "#", "--format", "json")
        assert process.stdout is not None
        shown = [json.loads(process.stdout.readline())["data"]["topic"] for _ in range(10)]
        assert shown == [f"old/{i}" for i in range(5, 15)]
        for i in range(3):
            await log.frame(i, [published("new", 1, f"new/{i}"), connected("new")])
            assert json.loads(process.stdout.readline())["data"]["topic"] == f"new/{i}"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (130, b"", b"")


async def test_following_since_a_position_with_a_limit(cli: Cli, kafka: KafkaSettings) -> None:
    async with LogWriter(kafka) as log:
        await log.frame(1, [published("c", 1, "a"), published("c", 1, "b")])
        process = cli.start("events", "-f", "--since", "1/0.1", "--limit", "2", "--format", "json")
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["data"]["topic"] == "b"
        await log.frame(0, [published("c", 1, "elsewhere")])
        await log.frame(1, [published("c", 1, "c")])
        out, err = process.communicate(timeout=20)
        assert json.loads(out)["data"]["topic"] == "c"
        assert (process.returncode, err) == (0, b"")


async def test_a_poison_frame_stops_or_is_reported(cli: Cli, kafka: KafkaSettings) -> None:
    async with LogWriter(kafka) as log:
        await log.frame(2, [published("c", 1, "before")])
        bad = await log.raw(2, frame_headers("node-9", 1, 0, 0, [], []), b"\x93\x90\xc4\x01\x91\xc4\x01\x90")
        await log.raw(2, [], b"no frame at all")
        await log.frame(2, [published("c", 1, "after")])
    stopped = cli.run("events", "--partition", "2")
    assert stopped.code == 1
    assert "before" not in stopped.err
    assert f"Frame 2/{bad + 1} of {kafka.events_topic} cannot be read: the record has no frame header" in stopped.err
    assert "--skip-bad" in stopped.err
    assert "Traceback" not in stopped.err
    went_on = cli.run("events", "--partition", "2", "--skip-bad")
    assert went_on.code == 0
    assert ["before" in went_on.lines[0], "after" in went_on.lines[1]] == [True, True]
    assert f"Frame 2/{bad + 1} " in went_on.err


async def test_a_frame_is_not_decoded_when_its_headers_say_no(cli: Cli, kafka: KafkaSettings) -> None:
    """Frames whose bodies are rubbish prove that nobody looked inside."""
    async with LogWriter(kafka) as log:
        for i in range(20):
            await log.raw(0, frame_headers("n", 0, i, 0, [], [published(f"c{i}", 1, f"site/{i}/t")]), b"rubbish")
        await log.frame(0, [published("wanted", 1, "other/1/t")])
    assert len(cli.run("events", "--client", "wanted").lines) == 1
    assert len(cli.run("events", "--topic", "other/+/t").lines) == 1
    assert cli.run("events", "--kind", "connected").lines == []
    assert cli.run("events", "--topic", "+/1/t").code == 1


async def test_void_events_are_shown_only_when_asked_for(cli: Cli, kafka: KafkaSettings) -> None:
    async with LogWriter(kafka, "n", 1) as old, LogWriter(kafka, "n", 2) as new, LogWriter(kafka, "m", 9) as other:
        await old.frame(0, [connected("counts")])
        await new.frame(0, [NodeStarted("n", 2, -1, "v", [])])
        await old.frame(0, [connected("void-1")])
        await other.frame(0, [NodeLost("n", 2)])
        await new.frame(0, [connected("void-2")])
        await other.frame(0, [connected("counts-too")])
    lines = cli.run("events", "--kind", "connected", "--format", "json").json_lines
    assert [line["data"]["client_id"] for line in lines] == ["counts", "counts-too"]
    lines = cli.run("events", "--kind", "connected", "--void", "--format", "json").json_lines
    assert [(line["data"]["client_id"], line["void"]) for line in lines] == [
        ("counts", False),
        ("void-1", True),
        ("void-2", True),
        ("counts-too", False),
    ]
    assert "  void mqtt5 from" in cli.run("events", "--client", "void-1", "--void").out


async def test_connections_whose_connected_is_gone_are_counted(cli: Cli, kafka: KafkaSettings) -> None:
    async with LogWriter(kafka) as log:
        await log.frame(
            0, [published("c", position(0, 0), "t"), Refused("default", "x", "ada", "", 5, "", 1, "", 2, "")]
        )
    result = cli.run("events", "--user", "ada", "--format", "json")
    assert _kinds(result.json_lines) == ["refused"]
    assert "1 connections have no `connected` in the log" in result.err


def test_what_is_not_there_is_a_sentence(kafka: KafkaSettings, cli: Cli) -> None:
    for arguments in (("--partition", "17"), ("--since", "17/1.0")):
        result = cli.run("events", *arguments)
        assert result.code == 1
        assert result.err == f"mqledger: {kafka.events_topic} has no partition 17; it has 0 to 3.\n"
    nowhere = Cli(KafkaSettings(bootstrap=kafka.bootstrap, topic_prefix="nowhere"))
    assert "There is no topic nowhere.events; run `mqledger topics`" in nowhere.run("events").err


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_is_in_its_partition(past: Past, client: str) -> None:
    lines = past.cli.run("events", "--client", client, "--kind", "connected", "--format", "json").json_lines
    assert [(line["partition"], position(line["offset"], line["index"])) for line in lines] == [
        (past.partition[client], past.epochs[client])
    ]


async def test_the_last_ones_of_uneven_partitions(cli: Cli, kafka: KafkaSettings) -> None:
    """More than the first end of the partitions that is looked at, and older where it is short."""
    async with LogWriter(kafka) as log:
        await log.frame(2, [connected("rare")])
        for i in range(40):
            await log.frame(1, [published("slow", 1, f"slow/{i}")])
        for i in range(150):
            await log.frame(0, [published("fast", 1, f"fast/{i}"), published("fast", 1, f"fast/{i}/too")])
    whole = cli.run("events").lines
    assert len(whole) == 341
    for count in (1, 120, 300, 320, 341):
        assert cli.run("events", "-n", str(count)).lines == whole[-count:]
    assert "rare" in cli.run("events", "-n", "1", "--kind", "connected").out


async def test_the_administration_is_read_without_its_secrets(cli: Cli, kafka: KafkaSettings) -> None:
    events = everything()
    await write_admin(kafka, *events)
    for form in ("text", "json", "cloudevents"):
        shown = cli.run("events", "--admin", "--format", form)
        assert len(shown.lines) == len(events), shown.err
        assert "hash" not in shown.out
        assert "sealed" not in shown.out.replace('"sealed":"***"', "")
    assert cli.run("events", "--admin").lines[0].endswith("[ada]                 bob in t, add, 1 of ada from 10.0.0.9")
    kinds = _kinds(cli.run("events", "--admin", "--tenant", "t", "--kind", "user_set", "--format", "json").json_lines)
    assert kinds == ["user_set"] * 2
    assert _kinds(cli.run("events", "--admin", "-n", "1", "--format", "json").json_lines) == ["acl_cache_cleared"]
    for wrong in (("--admin", "--client", "c"), ("--admin", "--kind", "connected"), ("--kind", "user_set")):
        assert cli.run("events", *wrong).code == 2


async def test_how_connections_are_is_read_between_heartbeats(cli: Cli, kafka: KafkaSettings) -> None:
    kind = ("events", "--kind", "connection_status")
    refused = LinkError("ECONNREFUSED", -111, "connect", "192.0.2.9", 1_883, message="refused")
    beat = next(event for event in EXAMPLES if isinstance(event, Heartbeat))
    up = ConnectionStatus("t", "north", 3, True, 1_700_000_000_000)
    for event in (beat, ConnectionStatus("default", "1", 3, False, 1_700_000_000_000, refused), beat, up):
        await write_node_event(kafka, event)
    down, up_again = cli.run(*kind).lines
    assert down.endswith("1                     not connected, since 2023-11-14T22:13:20.000Z, ECONNREFUSED refused")
    assert up_again.endswith("connection_status  t/north               connected, since 2023-11-14T22:13:20.000Z")
    (told,) = cli.run(*kind, "--admin", "--tenant", "t", "--format", "json").json_lines
    assert (told["position"], told["node"], told["data"]["connection_id"]) == ("0/3.0", "", "north")
    assert len(cli.run(*kind, "-n", "1").lines) == 1
    (cloud,) = cli.run(*kind, "-n", "1", "--format", "cloudevents").json_lines
    assert cloud["type"] == "mqledger.connection_status.1"
    assert kafka.nodes_topic in str(cloud["source"])
    for wrong in (("--client", "c"), ("--kind", "connected"), ("--kind", "user_set", "--admin"), ("--partition", "0")):
        assert cli.run(*kind, *wrong).code == 2


async def test_commands_are_told_in_words(cli: Cli, kafka: KafkaSettings) -> None:
    order = Order("c0ffee", "ada", "192.0.2.9", "r", 1)
    for_whom = msgspec.structs.replace(order, meta={"role": "janitor", "broker": "b"})
    async with LogWriter(kafka, "api-1", 77) as log:
        await log.frame(0, [Kick("default", "c", for_whom, "noisy", True), Expire("t", order, 60)])
        await log.frame(0, [Publish("default", "http", order, "a/b", 1, True, False, False, b"", b"on")])
        await log.frame(0, [CommandDone("default", "c", "c0ffee", "done", [], 1)])
    kick, expire, publish, done = (line.split("  ", 2)[2].strip() for line in cli.run("events").lines)
    told = "noisy, with its session, c0ffee of ada from 192.0.2.9 broker=b role=janitor"
    assert kick == f"kick           c                     {told}"
    assert expire == "expire         t/                    sessions away for 60 s, c0ffee of ada from 192.0.2.9"
    assert publish.endswith("http                  a/b qos 1 retain only, on, c0ffee of ada from 192.0.2.9")
    assert done == "command_done   c                     c0ffee done, 1 of them"
    assert [line.split()[2] for line in cli.run("events", "--topic", "a/#").lines] == ["publish"]
    assert [line.split()[2] for line in cli.run("events", "--tenant", "t").lines] == ["expire"]
