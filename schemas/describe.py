"""Writes ``docs/events.md`` from the classes: ``python -m schemas.describe > docs/events.md``."""

from __future__ import annotations

import re
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import inspect

from schemas import admin, commands, events, filters, frames, positions, wire_example
from schemas.docstrings import class_text, field_texts
from schemas.registry import tag_of

_SCALARS: dict[type[inspect.Type], str] = {
    inspect.StrType: "text",
    inspect.BytesType: "binary",
    inspect.BoolType: "boolean",
    inspect.IntType: "integer",
    inspect.FloatType: "float",
    inspect.NoneType: "nil",
}


def document() -> str:
    """The whole of ``docs/events.md``."""
    sections = (_introduction(), _frames(), _filter(), _positions(), _nodes(), _events(), _parts(), wire_example.text())
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _introduction() -> str:
    return f"""
# Events and frames

<!-- Written by `python -m schemas.describe > docs/events.md`; a test fails when it is not current. -->

Everything that happens is an event in the Kafka topic `mq.events`; this page says how to read it in any language.
JSON Schemas of every event are in `docs/schemas/<tag>.json`, an AsyncAPI 3 document of the topics in
`docs/schemas/asyncapi.json`, examples of every event as JSON and as bytes in `tests/golden/events/`.

Notation: *text* is a MessagePack str (UTF-8), *binary* a bin, *integer* an int of at most 64 bits in any of its sizes,
*list of x* an array, *map of x* a map from text to x, *(x, y)* an array of two. Structures are arrays: fields have
places, not names. Readers must take any size of MessagePack header, must ignore elements after those they know
(later writers append fields), and must take the default, given after `=`, for elements missing at the end.

{_prose(events.__doc__, skip=1)}
"""


def _frames() -> str:
    return f"""
## Frames: the records of `mq.events`

{_prose(frames.__doc__)}

Body, the record's value, is an array of three:

| place | field | type | |
|---|---|---|---|
| 0 | `lifecycle_at` | list of integer | ascending places, in the frame, of the events of element 1 |
| 1 | `lifecycle` | binary | itself MessagePack: a list of lifecycle events, as many as element 0 has places |
| 2 | `messages` | binary | itself MessagePack: a list of message events, which take the remaining places in order |

So the event at place *i* of the frame is the *k*-th lifecycle event when `lifecycle_at[k]` is *i*, and else the next
message event. A tombstone, a record without the header `frame`, another format number, or a value that holds other
numbers of events than the header counts is not a frame: stop, and say so. A tag that is not on this page is from a
newer version: stop as well; never skip an event silently.

Header `frame` is an array:

{_table(inspect.type_info(frames.FrameHeader))}

Each row of `traffic` is an array:

{_table(inspect.type_info(frames.Traffic))}

`traffic` counts every `published` in the frame, once, and nothing else: there is one row for each tenant and QoS that
occurs among them, and none for others. `will_fired`, though it is a message event, is counted in `counts` alone.
A header tells what lies in the frame, void or not: of a void frame (see below) nothing counts, its `traffic` neither;
in a frame that is not void, a `published` that is void by its epoch is counted like any other, for who reads headers
alone can't tell. So totals from headers may exceed those from events by what is void by its epoch; they are what
the metrics of mqledger itself show.
"""


def _filter() -> str:
    return f"""
## Headers `clients` and `topics`: what is in the frame, perhaps

{_prose(filters.__doc__)}

`crc32` is CRC-32 of ISO 3309 (as in zlib) over the UTF-8 bytes. The client of every event with a field `client_id` is a
member, as are the sessions of `progress` and the clients of `measured`; the topics are those of `published` and
`will_fired`.
The mark of a member in the array: the frame may hold it. Not in it: it does not. Marks begin at even places only.
A search by topic filter looks for the mark of `t:` when the filter has no wildcards, otherwise for that of `p:` when
the first level is no wildcard, and also that of `q:` when the second is none either. Where such a header is
missing, empty or of an odd length, the frame may hold any client, or any topic.
"""


def _positions() -> str:
    return f"""
## Positions, partitions and time

{_prose(positions.__doc__)}

People read and write a position as `partition/offset.index`, such as `3/120.4`.

The partition of an event is that of its client. {_prose(positions.partition_of.__doc__, skip=1)}
Events of a node that concern everyone (`node_started`, `node_stopped`, `node_lost`) are copied into every partition;
`progress` and `measured` lie in the partition of the clients they name. Golden values: {_partition_examples()}.

The time of an event is the record's timestamp, which the Kafka broker sets (`LogAppendTime`), in milliseconds since
1970 UTC. *Partition time* is the running maximum of it within a partition. Times label; positions order.

A frame is **void** when its incarnation is lower than what an earlier event of the same partition demands of its
node: after `node_started` with incarnation *i* everything below *i*, after `node_lost` with *i* everything up to *i*.
The events of a void frame, fences included, change nothing. An event with an `epoch` is void when the latest
`connected` of its client that is not void has another position.
"""


def _partition_examples() -> str:
    pairs = (("default", "sensor-1", 8), ("a", "bc", 8), ("ab", "c", 8), ("default", "Ωmega", 12))
    return ", ".join(f"`({t}, {c})` of {n} is {positions.partition_of(t, c, n)}" for t, c, n in pairs)


def _nodes() -> str:
    tags = ", ".join(f"`{tag_of(cls)}`" for cls in _members(events.NodeEvent))
    return f"""
## The topic `mq.nodes`

One event to a record, not in a frame: the value is the MessagePack array of the event, with its tag, and the key is
the node's name in UTF-8. It holds {tags}.

## The topic `mq.admin`

{_prose(admin.__doc__)}
"""


def _events() -> str:
    lifecycle = "\n\n".join(map(_event, _members(events.LifecycleEvent)))
    messages = "\n\n".join(map(_event, _members(events.MessageEvent)))
    only_nodes = [cls for cls in _members(events.NodeEvent) if cls not in _members(events.LifecycleEvent)]
    nodes = "\n\n".join(map(_event, only_nodes))
    administration = "\n\n".join(map(_event, admin.ADMIN_TYPES))
    return (
        f"## Lifecycle events\n\n{_prose(commands.__doc__)}\n\n{lifecycle}\n\n## Message events\n\n{messages}\n\n"
        f"## Events of `mq.nodes`\n\n{nodes}\n\n"
        f"## Events of `mq.admin`\n\n{_prose(admin.__doc__, skip=1)}\n\n{administration}"
    )


def _event(cls: type[Any]) -> str:
    tag = tag_of(cls)
    return f"### `{tag}`\n\n{_prose(cls.__doc__)}\n\n{_table(inspect.type_info(cls))}"


def _parts() -> str:
    parts = [cls for cls in vars(events).values() if isinstance(cls, type) and issubclass(cls, events.Part)]
    shown = [cls for cls in parts if cls is not events.Part]
    text = "\n\n".join(f"### {c.__name__}\n\n{class_text(c)}\n\n{_table(inspect.type_info(c))}" for c in shown)
    return f"## Parts of events\n\nArrays too, without a tag.\n\n{text}"


def _table(kind: inspect.Type) -> str:
    assert isinstance(kind, inspect.StructType)
    rows = ["| place | field | type | |", "|---|---|---|---|"]
    first = 0
    if kind.tag is not None:
        rows.append(f"| 0 | | text | `{kind.tag}` |")
        first = 1
    texts = field_texts(kind.cls)
    for place, field in enumerate(kind.fields, first):
        shown = _type_text(field.type) + _default_text(field)
        rows.append(f"| {place} | `{field.name}` | {shown} | {_cell(texts.get(field.name, ''))} |")
    return "\n".join(rows)


def _type_text(kind: inspect.Type) -> str:
    if (scalar := _SCALARS.get(type(kind))) is not None:
        return scalar
    match kind:
        case inspect.ListType(item_type=item):
            return f"list of {_type_text(item)}"
        case inspect.DictType(value_type=value):
            return f"map of {_type_text(value)}"
        case inspect.TupleType(item_types=items):
            return f"({', '.join(map(_type_text, items))})"
        case inspect.StructType(cls=cls):
            return f"[{cls.__name__}](#{cls.__name__.lower()})" if issubclass(cls, events.Part) else cls.__name__
        case inspect.UnionType(types=types):
            return " or ".join(map(_type_text, types))
        case _:
            raise TypeError(f"no words for {kind!r}: teach schemas.describe about it")


def _default_text(field: inspect.Field) -> str:
    if field.required:
        return ""
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    words = {None: "nil", True: "true", False: "false"}
    if isinstance(value, events.Part):
        return " = all defaults"
    return f" = {words[value] if value is None or isinstance(value, bool) else repr(value).replace(chr(39), chr(34))}"


def _members(union: Any) -> tuple[type[Any], ...]:
    return tuple(union.__args__)


def _prose(text: str | None, skip: int = 0) -> str:
    """A docstring as Markdown, without its first ``skip`` paragraphs."""
    paragraphs = cleandoc(text or "").split("\n\n")[skip:]
    return _markdown("\n\n".join(paragraphs))


def _markdown(text: str) -> str:
    """Double backticks and Sphinx roles become single backticks."""
    text = re.sub(r":\w+:`([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return _markdown(" ".join(text.split())).replace("|", "\\|")


if __name__ == "__main__":
    print(document(), end="")
