"""Secrets in events are known as such, and not shown."""

from __future__ import annotations

import re

import msgspec
import pytest

from schemas.admin import ADMIN_TYPES, AdminEvent
from schemas.secrets import SECRETS, without_secrets
from tests.golden.examples import EVENTS

ADMIN_EVENTS = [event for event in EVENTS if isinstance(event, ADMIN_TYPES)]


def test_a_field_that_sounds_like_a_secret_is_one() -> None:
    for cls in ADMIN_TYPES:
        names = {field.name for field in msgspec.structs.fields(cls)}
        secret = {name for name in names if re.search("passw|secret|sealed|token|key$", name)}
        assert secret == set(SECRETS.get(cls, {})), cls


@pytest.mark.parametrize("event", ADMIN_EVENTS, ids=lambda event: event.KIND)
def test_nothing_else_is_hidden(event: AdminEvent) -> None:
    shown = without_secrets(event)
    hidden = {f.name for f in msgspec.structs.fields(event) if getattr(shown, f.name) != getattr(event, f.name)}
    assert hidden == set(SECRETS.get(type(event), {}))
