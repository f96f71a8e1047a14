"""Hypothesis strategies for events and frames, made from the classes, so that a new event is tested at once."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import inspect

from schemas.events import LIFECYCLE_TYPES, MESSAGE_TYPES, AnyEvent, Event
from schemas.registry import CURRENT

INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def of_type(kind: inspect.Type) -> SearchStrategy[Any]:
    """Values of a type as :func:`msgspec.inspect.type_info` describes it."""
    match kind:
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: of_type(field.type) for field in fields})
        case inspect.ListType(item_type=item):
            return st.lists(of_type(item), max_size=3)
        case inspect.TupleType(item_types=items):
            return st.tuples(*map(of_type, items))
        case inspect.DictType(value_type=value):
            return st.dictionaries(TEXTS, of_type(value), max_size=3)
        case inspect.UnionType(types=types):
            return st.one_of(*map(of_type, types))
        case inspect.StrType():
            return TEXTS
        case inspect.BytesType():
            return st.binary(max_size=20)
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return INTEGERS
        case inspect.FloatType():
            return st.floats(allow_nan=False)
        case inspect.NoneType():
            return st.none()
        case _:
            raise TypeError(f"no strategy for {kind!r}")


def event_of(cls: type[Event]) -> SearchStrategy[Event]:
    """Events of one class."""
    return of_type(inspect.type_info(cls))


ALL_EVENTS: SearchStrategy[Event] = st.one_of(*map(event_of, CURRENT.values()))
FRAME_EVENTS: SearchStrategy[AnyEvent] = st.one_of(*map(event_of, (*MESSAGE_TYPES, *LIFECYCLE_TYPES)))
FRAMES: SearchStrategy[list[AnyEvent]] = st.lists(FRAME_EVENTS, max_size=12)
