"""Secrets in events are known as such, and not shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from schemas.admin import ADMIN_TYPES
from schemas.events import ConnectionStatus
from schemas.parts import Event
from schemas.registry import CURRENT, OLD_VERSIONS, name_of
from schemas.secrets import SECRETS, without_secrets
from tests.golden.examples import EVENTS

SOUNDS = re.compile("passw|secret|sealed|token|credential|hash|private|key$")
EVERY = (*CURRENT.values(), *OLD_VERSIONS)
ALONE = {
    "user_set": "mode tenant username superuser",
    "user_removed": "tenant username",
    "acl_added": "tenant allow action topic username client_id address place",
    "acl_removed": "tenant rule",
    "banned": "mode tenant kind who by reason at until",
    "unbanned": "tenant kind who",
    "account_set": "mode name role tenant tags",
    "account_removed": "name",
    "api_key_set": "mode app_id name role tenant enabled expires",
    "api_key_removed": "app_id",
    "connection_set": "mode tenant connection_id name url username client_id reject_unauthorized parts most",
    "connection_removed": "tenant connection_id",
    "plugin_set": "name active",
    "listener_set": "node listener active",
    "acl_cache_cleared": "tenant",
    "connection_status": "tenant connection_id position connected at error",
}
"""What is shown of the events of administration and connections, beside the order. Whoever adds a field says here, or
in SECRETS, whether it is for everyone who may look."""
PARTS_SHOWN = {
    "Order": "id actor address correlation at not_after keyed fingerprint meta",
    "LinkError": "code errno syscall address port hostname message",
}


def parts_of(kind: inspect.Type) -> Iterator[type[Any]]:
    """The structs that a type is made of, its own included."""
    match kind:
        case inspect.StructType(cls=cls, fields=fields):
            yield cls
            for field in fields:
                yield from parts_of(field.type)
        case inspect.ListType(item_type=inner):
            yield from parts_of(inner)
        case inspect.UnionType(types=types):
            for one in types:
                yield from parts_of(one)


def test_a_field_that_sounds_like_a_secret_is_one() -> None:
    for cls in EVERY:
        for part in {cls, *parts_of(inspect.type_info(cls))}:
            names = set(part.__struct_fields__)
            secret = {name for name in names if SOUNDS.search(name)}
            assert secret == set(SECRETS.get(part, {})), part


def test_every_field_of_the_administration_is_said_to_be_a_secret_or_not() -> None:
    """Completely: of every event with a record of its own that is shown, and of the parts that it is made of."""
    alone = {cls for cls in EVERY if issubclass(cls, (*ADMIN_TYPES, ConnectionStatus))}
    assert {name_of(cls.KIND) for cls in alone} == set(ALONE)
    for cls in alone:
        shown = set(cls.__struct_fields__) - {"order"} - set(SECRETS.get(cls, {}))
        assert shown == set(ALONE[name_of(cls.KIND)].split()), cls
    for part in {part for cls in alone for part in parts_of(inspect.type_info(cls))} - alone:
        assert set(part.__struct_fields__) == set(PARTS_SHOWN[part.__name__].split()), part


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.KIND)
def test_nothing_else_is_hidden(event: Event) -> None:
    shown = without_secrets(event)
    hidden = {f.name for f in msgspec.structs.fields(event) if getattr(shown, f.name) != getattr(event, f.name)}
    assert hidden == set(SECRETS.get(type(event), {}))
