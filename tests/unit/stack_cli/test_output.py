"""How events are written: lines, JSON, CloudEvents, payloads."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from schemas.events import AnyEvent, ConnectionStatus, LinkError
from schemas.jsonschema import documents
from schemas.plain import from_plain
from schemas.positions import position
from stack.logreader.jsonlines import cloud_event_line, cloud_source, json_line
from stack.logreader.lines import LineWriter, printable
from stack.logreader.payloads import SHOWN_BYTES, PayloadForm, shown_payload
from stack.logreader.sighting import Sighting
from stack.logreader.statusline import StatusLine, rate_text
from tests.golden.examples import FRAMES
from tests.integration.replay.logwriter import connected, published

EVENTS = FRAMES["everything"]
SOURCE = cloud_source("5L6g3nShT-eMCtK--X86sw", "mq.events", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
STATUS = ConnectionStatus("t", "north", 12, False, 1_700_000_000_000, LinkError("ECONNREFUSED", message="no\x1b[2J"))
TEXT = {"type": "string", "minLength": 1}
CLOUD_EVENT = {
    # The JSON Schema of CloudEvents 1.0.2 (cloudevents/spec, formats/cloudevents.json), and section 3.1 on names.
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        "id": TEXT,
        "source": {**TEXT, "format": "uri-reference"},
        "specversion": {**TEXT, "const": "1.0"},
        "type": TEXT,
        "datacontenttype": {**TEXT, "const": "application/json"},
        "dataschema": {**TEXT, "format": "uri", "pattern": "^[a-z][a-z0-9+.-]*:[!-~]+$"},
        "subject": TEXT,
        "time": {**TEXT, "format": "date-time"},
        "data": {},
    },
    "patternProperties": {"^[a-z0-9]{1,20}$": {}},
    # Values of extensions are of the types of section 2.1 of the JSON format.
    "additionalProperties": False,
    "allOf": [
        {"properties": {name: {"type": ["string", "boolean", "integer"]} for name in ("node", "tenant", "void")}}
    ],
}


def _seen(event: AnyEvent | ConnectionStatus, void: bool = False) -> Sighting:
    return Sighting(3, position(120, 4), 1_700_000_000_123, "node-1", 42, void, event)


@pytest.mark.parametrize("event", [*EVENTS, STATUS], ids=lambda event: event.KIND)
def test_every_event_has_a_line(event: AnyEvent | ConnectionStatus) -> None:
    line = LineWriter("text", colours=False).line(_seen(event))
    assert re.match(r"2023-11-14T22:13:20\.123Z  3/120\.4 +\w+ ", line)
    assert event.KIND.partition(".")[0] in line
    assert "\n" not in line
    assert "\x1b" not in line


def test_lines_are_aligned_coloured_and_marked() -> None:
    plain, coloured = LineWriter("text", colours=False), LineWriter("text", colours=True)
    event = published("sensor-1", 1, "site/1/temp", b"21.5")
    assert plain.line(_seen(event)).endswith("published      sensor-1              site/1/temp qos 1 21.5")
    assert re.sub("\x1b\\[[0-9]+m", "", coloured.line(_seen(event))) == plain.line(_seen(event))
    assert "\x1b[34m" in coloured.line(_seen(event))
    assert "  void site/1/temp" in plain.line(_seen(event, void=True))


def test_a_client_cannot_write_to_the_terminal() -> None:
    line = LineWriter("text", colours=False).line(
        _seen(published("a\x1b[2J", 1, "b\r\nfake line", "\x1b]0;x\x07ü".encode()))
    )
    assert line.isprintable()
    assert printable("ü\x1b") == "ü\\x1b"
    assert LineWriter("text", colours=False).line(_seen(connected("c", username="\n"))).isprintable()
    assert LineWriter("text", colours=False).line(_seen(STATUS)).isprintable()


@pytest.mark.parametrize(
    ("payload", "form", "shown"),
    [
        (b"21.5", "text", "21.5"),
        (b"\xff\x00", "text", "0xff00"),
        (b"21.5", "hex", "0x32312e35"),
        (b"21.5", "none", "(4 B)"),
        (b"", "text", ""),
        ("ü".encode() * 100, "text", "ü" * (SHOWN_BYTES // 2) + "… (200 B)"),
        (b"x" + "ü".encode() * 100, "text", "x" + "ü" * 59 + "… (201 B)"),
        (b"\xff" * 200, "text", "0x" + "ff" * SHOWN_BYTES + "… (200 B)"),
    ],
)
def test_payloads_on_a_line(payload: bytes, form: PayloadForm, shown: str) -> None:
    assert shown_payload(payload, form) == shown


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.KIND)
def test_json_lines_hold_the_whole_event(event: AnyEvent) -> None:
    found = json.loads(json_line(_seen(event), "text"))
    assert from_plain(found["data"]) == event
    assert (found["position"], found["partition"], found["offset"], found["index"]) == ("3/120.4", 3, 120, 4)
    assert (found["node"], found["incarnation"], found["void"]) == ("node-1", 42, False)
    Draft202012Validator(documents()[f"{event.KIND}.json"]).validate(found["data"])


def test_json_payloads_in_other_forms() -> None:
    event = published("c", 1, "t", b"\xff\x00")
    assert json.loads(json_line(_seen(event), "text"))["data"]["payload"] == {"base64": "/wA="}
    assert json.loads(json_line(_seen(event), "hex"))["data"]["payload"] == {"hex": "ff00"}
    assert json.loads(json_line(_seen(event), "none"))["data"]["payload"] == {"bytes": 2}
    with_will = next(e for e in EVENTS if e.KIND == "connected.1")
    assert json.loads(json_line(_seen(with_will), "none"))["data"]["will"]["payload"] == {"bytes": 6}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.KIND)
def test_cloud_events_are_cloud_events(event: AnyEvent) -> None:
    """Attributes, their types and the names of extensions are what CloudEvents 1.0 says."""
    found = json.loads(cloud_event_line(_seen(event, void=True), "text", SOURCE))
    jsonschema.validate(found, CLOUD_EVENT, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert (found["id"], found["source"], found["type"]) == ("3/120.4", SOURCE, f"mqledger.{event.KIND}")
    assert datetime.fromisoformat(found["time"]).timestamp() == 1_700_000_000.123
    assert found.get("subject", "") == getattr(event, "client_id", "")
    assert from_plain(found["data"]) == event


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.KIND)
def test_data_of_cloud_events_is_of_the_schema_that_they_name(event: AnyEvent) -> None:
    for payloads in ("text", "hex", "none"):
        found = json.loads(cloud_event_line(_seen(event), payloads, SOURCE))
        if payloads == "text":
            assert found["dataschema"] == f"urn:mqledger:schema:{event.KIND}"
        if "dataschema" in found:
            name = found["dataschema"].rpartition(":")[2] + ".json"
            Draft202012Validator(documents()[name]).validate(found["data"])


def test_sources_of_two_logs_differ() -> None:
    """The same topic of two clusters, and one made anew under its name: `source` and `id` together are unique."""
    logs = [("cluster-1", "mq.events", "topic-1"), ("cluster-2", "mq.events", "topic-1"),
            ("cluster-1", "mq.events", "topic-2"), ("cluster-1/mq.events", "x", "topic-1")]  # fmt: skip
    sources = {cloud_source(*log) for log in logs}
    assert len(sources) == len(logs)
    assert all(re.fullmatch(r"/mqledger/[\w.%-]+/[\w.%-]+/[\w.%-]+", source) for source in sources)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_written_over_on_a_terminal_and_cleared() -> None:
    now = 0.0
    stream = _Terminal()
    status = StatusLine(stream=stream, clock=lambda: now)
    assert not status.due
    now = 1.5
    assert status.due
    status.show("half")
    assert not status.due
    status.clear()
    status.clear()
    assert stream.getvalue() == "\r\x1b[2Khalf\r\x1b[2K"


def test_progress_elsewhere_is_a_line_now_and_then() -> None:
    now = 0.0
    stream = io.StringIO()
    status = StatusLine(stream=stream, clock=lambda: now)
    now = 5.0
    assert not status.due
    now = 11.0
    assert status.due
    status.show("half")
    status.clear()
    assert stream.getvalue() == "half\n"
    now = 1000.0
    assert not StatusLine(enabled=False, stream=stream, clock=lambda: now).due


def test_rates() -> None:
    assert rate_text(1_200, 5_000, "frames", 2.0) == "1,200 of 5,000 frames (24 %), 600/s"
    assert rate_text(3, 0, "frames", 0.0) == "3 frames, 0/s"
