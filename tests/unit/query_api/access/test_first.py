"""The first administrator, over the fold itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from domain.admin import AdminState
from query_api.access.first import FirstAdministrator
from query_api.commands.outcome import Asker, Outcome
from schemas.admin import AdminEvent, ApiKeySet
from schemas.commands import Order


class Folded:
    """Commands and accounts of a process to which everything is known at once."""

    def __init__(self) -> None:
        self.state = AdminState()

    @property
    def accounts(self) -> dict[str, Any]:
        return self.state.accounts

    async def current(self) -> Folded:
        return self

    async def admin(self, _: Asker, make: Callable[[Order], AdminEvent], *, in_force: bool = True) -> Outcome:
        name = str(self.state.next)
        return Outcome(name, True, self.state.apply(make(Order(name, "", "", "", 0)), self.state.next, 0))

    async def hashed(self, secret: str) -> str:
        return f"hash of {len(secret)} characters"


async def first(folded: Folded) -> None:
    watch: Any = SimpleNamespace(alive=True, ready={"admin"}, admin_next=0, changed=asyncio.Event())
    parts = cast(Any, folded)
    async with asyncio.timeout(5):
        await FirstAdministrator(parts, watch, parts, parts, "").run()


async def test_it_is_called_admin(capsys: pytest.CaptureFixture[str]) -> None:
    folded = Folded()
    await first(folded)
    assert list(folded.accounts) == ["admin"]
    assert "first administrator is 'admin'" in capsys.readouterr().err


async def test_a_key_of_that_name_gives_it_another(capsys: pytest.CaptureFixture[str]) -> None:
    folded = Folded()
    folded.state.apply(ApiKeySet(Order("key", "", "", "", 0), "add", "admin", "$", "", "viewer", "*"), 0, 0)
    await first(folded)
    (name,) = folded.accounts
    assert name.startswith("admin-")
    assert f"first administrator is {name!r}" in capsys.readouterr().err
