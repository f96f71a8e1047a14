"""Read-model tables, from the SQL of their schema; Kafka topics, from their specification."""

from __future__ import annotations

import re
from dataclasses import dataclass

from projector import sqlfiles
from schemas.settings import KafkaSettings
from schemas.topics import MAX_MESSAGE_BYTES, TopicSpec, topic_specs
from tools.diagrams.source import ShapeError
from tools.diagrams.text import mermaid, table

_TABLE = re.compile(r"(?P<comment>(?:^--.*\n)+)create table (?P<name>\w+) \(\n(?P<body>(?:.*\n)*?)\)", re.MULTILINE)
_COLUMN = re.compile(r'^\s+"?(?P<name>\w+)"?\s+(?P<type>double precision|\w+)')
_PRIMARY = re.compile(r"primary key \((?P<names>[^)]+)\)")
_LIKE = re.compile(r"^\s+like (?P<name>\w+)")


@dataclass(frozen=True, slots=True)
class SqlTable:
    """A table as the schema file says it."""

    name: str
    purpose: str
    like: str
    """The table whose columns it has besides its own; empty when it has only its own."""
    columns: tuple[tuple[str, str], ...]
    """Name and type."""
    key: tuple[str, ...]


def read_tables(sql: str) -> list[SqlTable]:
    """The tables of a schema file, in its order. Raises ShapeError for one that cannot be read."""
    found = [_read(match) for match in _TABLE.finditer(sql)]
    if len(found) != sql.count("create table "):
        raise ShapeError("schema.sql has tables without a comment, or in a form that is not read here")
    return found


def _read(match: re.Match[str]) -> SqlTable:
    like = ""
    key: tuple[str, ...] = ()
    columns = []
    for line in match["body"].splitlines():
        code = line.partition("--")[0]
        if primary := _PRIMARY.search(code):
            key = tuple(name.strip(' "') for name in primary["names"].split(","))
        elif liked := _LIKE.match(code):
            like = liked["name"]
        elif column := _COLUMN.match(code):
            columns.append((column["name"], column["type"].replace(" ", "_")))
            key = (column["name"],) if "primary key" in code else key
    purpose = " ".join(line.removeprefix("--").strip() for line in match["comment"].splitlines())
    return SqlTable(match["name"], purpose, like, tuple(columns), key)


def _schema() -> list[SqlTable]:
    return read_tables(sqlfiles.read("schema"))


def entities() -> str:
    """Tables with their columns; a history has the columns of its table and those shown."""
    lines = []
    types = {one.name: dict(one.columns) for one in _schema()}
    for one in _schema():
        shown = [*((name, types[one.like][name]) for name in one.key if one.like), *one.columns]
        lines.append(f"{one.name} {{")
        lines += [f"    {kind} {name}{' PK' if name in one.key else ''}" for name, kind in shown]
        lines.append("}")
        if one.like:
            lines.append(f'{one.like} ||--o{{ {one.name} : "was"')
    return mermaid("erDiagram", [*lines, *_relations()])


def _relations() -> list[str]:
    """Rows that speak of a session share its key."""
    session = ("tenant", "client_id")
    return [
        f'sessions ||--o{"|" if one.key == session else "{"} {one.name} : "has"'
        for one in _schema()
        if one.key[:2] == session and one.name != "sessions" and not one.like
    ]


def purposes() -> str:
    """A line for each table: its primary key and what it is."""
    rows = [(f"`{one.name}`", ", ".join(f"`{name}`" for name in one.key), one.purpose) for one in _schema()]
    return table(("table", "primary key", "what it holds"), rows)


def topics() -> str:
    """Every topic with the settings on which promises rest, for the settings that a deployment has by default."""
    rows = [
        (f"`{spec.name}`", str(spec.partitions), spec.purpose, _kept(spec)) for spec in topic_specs(KafkaSettings())
    ]
    common = topic_specs(KafkaSettings())[0].config
    words = ", ".join(
        f"`{name}={common[name]}`" for name in ("message.timestamp.type", "unclean.leader.election.enable")
    )
    head = ("topic", "partitions", "what is in it", "kept")
    return f"{table(head, rows)}\n\nAll of them: {words}, `max.message.bytes` at least {MAX_MESSAGE_BYTES}."


def _kept(spec: TopicSpec) -> str:
    if spec.config["cleanup.policy"] == "compact":
        return "compacted"
    milliseconds = int(spec.config["retention.ms"])
    return "for ever" if milliseconds < 0 else f"{milliseconds // 3_600_000} hours"
