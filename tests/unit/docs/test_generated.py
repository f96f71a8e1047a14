"""Generated parts are current, generators notice what they can't draw, hand-drawn diagrams name what exists."""

from __future__ import annotations

import re

import pytest

from schemas.events import LIFECYCLE_TYPES, MESSAGE_TYPES
from schemas.registry import name_of
from tests.unit.docs.pages import page
from tools import decisions, diagrams
from tools.diagrams import connection, events, models, packages, tables
from tools.diagrams.source import ShapeError
from tools.diagrams.text import replace_parts

NAMES = {name_of(cls.KIND) for cls in (*LIFECYCLE_TYPES, *MESSAGE_TYPES)}


def test_architecture_is_current() -> None:
    text = diagrams.PAGE.read_text(encoding="utf-8")
    assert diagrams.current(text) == text, "run: python -m tools.diagrams"


def test_index_of_decisions_is_current() -> None:
    assert decisions.INDEX.read_text(encoding="utf-8") == decisions.index(), "run: python -m tools.decisions"


def test_numbered_decisions_are_complete_and_say_what_follows() -> None:
    numbered = sorted(decisions.FOLDER.glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in numbered] == list(range(1, len(numbered) + 1))
    for path in numbered:
        text = path.read_text(encoding="utf-8")
        for part in ("Status: ", "**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in text, f"{path.name} has no {part}"


def test_hand_drawn_diagrams_name_events_that_exist() -> None:
    drawn = [block.text for block in page("docs/architecture.md").blocks if block.text.startswith("sequenceDiagram")]
    appended = re.findall(r"append (\w+)", "\n".join(drawn).replace("append time", ""))
    assert len(appended) > 8
    assert set(appended) <= NAMES


def test_every_event_is_in_the_table_and_has_a_writer_unless_said_otherwise() -> None:
    rows = {row.split("`")[1]: row for row in events.table().splitlines() if row.startswith("| `")}
    assert rows.keys() == NAMES
    assert {name for name, row in rows.items() if "nobody yet" in row} == {"node_lost"}


def test_an_answer_that_left_the_code_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(events.TOLD, ("Published", "no_such_answer"), "nothing")
    with pytest.raises(ShapeError, match="no_such_answer"):
        events.events_to_answers()


def test_a_state_set_elsewhere_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(connection.TRANSITIONS, "close")
    with pytest.raises(ShapeError, match="close"):
        connection.states()


def test_a_new_kind_of_change_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(models.TABLES_OF, "route")
    with pytest.raises(ShapeError, match="route"):
        models.tables_by_event()


def test_services_do_not_import_each_other_on_the_diagram() -> None:
    arrows = set(re.findall(r"(\w+) --> (\w+)", packages.services()))
    services = {"ingest", "projector", "query_api"}
    assert arrows
    assert not {(a, b) for a, b in arrows if a in services and b in services}


def test_tables_are_read_from_sql() -> None:
    sql = '-- What it is.\ncreate table one (\n    "offset" bigint, -- why\n    b double precision primary key\n);\n'
    (one,) = tables.read_tables(sql)
    assert (one.name, one.purpose, one.key) == ("one", "What it is.", ("b",))
    assert one.columns == (("offset", "bigint"), ("b", "double_precision"))
    with pytest.raises(ShapeError):
        tables.read_tables(sql.replace("-- What it is.\n", ""))


def test_parts_are_replaced_whole_and_none_is_forgotten() -> None:
    text = "a\n<!-- generated:x -->\nold\n<!-- /generated:x -->\nb\n"
    assert replace_parts(text, {"x": "new"}) == text.replace("old", "new")
    for parts in ({}, {"x": "", "y": ""}):
        with pytest.raises(ValueError, match="generated parts"):
            replace_parts(text, parts)
    with pytest.raises(ValueError, match="no end"):
        replace_parts(text.replace("<!-- /generated:x -->", ""), {"x": ""})
