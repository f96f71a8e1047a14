"""Generated documents are current, true and enough to write a reader from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from schemas import filters
from schemas.describe import document
from schemas.events import Event
from schemas.frames import FrameHeader
from schemas.jsonschema import as_text, documents
from schemas.plain import to_plain
from schemas.positions import partition_of
from schemas.registry import CURRENT, tag_of
from schemas.wire_example import EVENTS as EXAMPLE
from tests.golden.examples import EVENTS, FRAMES
from tests.golden.regenerate import HERE
from tests.unit.schemas.foreign_reader import Page, may_hold, partition, read_events, unpack
from tests.unit.schemas.strategies import ALL_EVENTS

DOCS = Path(__file__).parents[3] / "docs"
VALIDATORS = {tag: Draft202012Validator(json.loads(as_text(documents()[f"{tag}.json"]))) for tag in CURRENT}


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(DOCS / "events.md")


def test_events_md_is_current() -> None:
    current = (DOCS / "events.md").read_text(encoding="utf-8")
    assert current == document(), "run: python -m schemas.describe > docs/events.md"


def test_schemas_are_current() -> None:
    present = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "schemas").glob("*.json")}
    wanted = {name: as_text(content) for name, content in documents().items()}
    assert present == wanted, "run: python -m schemas.jsonschema docs/schemas"


@pytest.mark.parametrize("name", [f"{tag}.json" for tag in CURRENT])
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(documents()[name])


@settings(derandomize=True, max_examples=200, deadline=None)
@given(ALL_EVENTS)
def test_plain_forms_satisfy_their_schema(event: Event) -> None:
    VALIDATORS[tag_of(type(event))].validate(to_plain(event))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: tag_of(type(event)))
def test_schemas_refuse_what_is_not_the_event(event: Event) -> None:
    validator = VALIDATORS[tag_of(type(event))]
    for wrong in (to_plain(event) | {"extra": 1}, to_plain(event) | {"event": "x.1"}, {"event": tag_of(type(event))}):
        assert not validator.is_valid(wrong)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: tag_of(type(event)))
def test_wire_forms_satisfy_their_schema(event: Event) -> None:
    wire = documents()[f"{tag_of(type(event))}.json"]["$defs"]["wire"]
    array = msgspec.msgpack.decode(msgspec.msgpack.encode(event))
    Draft202012Validator(wire).validate(_bytes_as_text(array))
    assert not Draft202012Validator(wire).is_valid(array[:1])


def test_references_of_the_asyncapi_document_lead_somewhere() -> None:
    whole = documents()["asyncapi.json"]
    references = list(_references(whole))
    assert len(references) > 20
    for reference in references:
        place: Any = whole
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_a_reader_written_from_the_page_reads_every_event(page: Page) -> None:
    for event in EVENTS:
        content = (HERE / "events" / f"{tag_of(type(event))}.bin").read_bytes()
        assert page.event(unpack(content)) == json.loads(json.dumps(to_plain(event)))


@pytest.mark.parametrize("name", FRAMES)
def test_a_reader_written_from_the_page_reads_frames(page: Page, name: str) -> None:
    about = json.loads((HERE / "frames" / f"{name}.json").read_text(encoding="utf-8"))
    assert read_events(page, (HERE / "frames" / f"{name}.bin").read_bytes()) == about["events"]
    header = page.named("FrameHeader", unpack(bytes.fromhex(about["headers"]["frame"])))
    assert list(header) == list(FrameHeader.__struct_fields__)
    assert sum(header["counts"].values()) == len(about["events"])
    clients, topics = (bytes.fromhex(about["headers"][name]) for name in ("clients", "topics"))
    for event in about["events"]:
        if "client_id" in event:
            assert may_hold(clients, f"{event['tenant']}/{event['client_id']}")
        if "topic" in event:
            assert may_hold(topics, f"t:{event['topic']}")


def test_a_reader_written_from_the_page_knows_partitions_and_filters_as_we_do() -> None:
    for i in range(500):
        assert partition(f"t{i % 3}", f"Ω{i}", 8) == partition_of(f"t{i % 3}", f"Ω{i}", 8)
    for count in (1, 3, 30, 300):
        topics = [f"a/{i}" for i in range(count)]
        summary = filters.of_topics({filters.topics[topic] for topic in topics})
        for topic in (*topics, *(f"b/{i}" for i in range(200))):
            first, two = topic.split("/")[0], "/".join(topic.split("/")[:2])
            both = may_hold(summary, f"p:{first}") and may_hold(summary, f"q:{two}")
            assert may_hold(summary, f"t:{topic}") == filters.may_contain(summary, filters.topic_marks(topic))
            assert both == filters.may_contain(summary, filters.topic_marks(f"{two}/#"))
            assert may_hold(summary, f"p:{first}") == filters.may_contain(summary, filters.topic_marks(f"{first}/#"))


def test_the_worked_example_reads_as_it_says(page: Page) -> None:
    text = (DOCS / "events.md").read_text(encoding="utf-8").split("## A worked example")[1]
    frame, clients, topics, value = (bytes.fromhex(block) for block in text.split("```")[1::2])
    assert [event["event"] for event in read_events(page, value)] == [tag_of(type(event)) for event in EXAMPLE]
    assert page.named("FrameHeader", unpack(frame))["sequence"] == 2
    assert may_hold(clients, "default/sensor-1")
    assert not may_hold(clients, "default/sensor-2")
    assert may_hold(topics, "q:site/a")
    assert not may_hold(topics, "q:site/b")


def _bytes_as_text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return [_bytes_as_text(item) for item in value] if isinstance(value, list) else value


def _references(value: Any) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
