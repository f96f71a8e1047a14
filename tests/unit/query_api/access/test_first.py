"""The first administrator, over the fold itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from domain.admin import AdminState
from query_api.access.first import FirstAdministrator
from query_api.commands.commands import MODELS
from query_api.commands.outcome import Asker, Outcome
from query_api.errors import UnavailableError
from schemas.admin import AccountSet, AdminEvent, ApiKeySet
from schemas.commands import Order


class Folded:
    """Commands and accounts of a process to which everything is known at once, save for so many failures."""

    def __init__(self, lost: int = 0, unknown: int = 0, failing: int = 0) -> None:
        """``lost``: appends that land without an answer; ``unknown``: outcomes that come too late; ``failing``: how
        often nobody can be asked for those."""
        self.state = AdminState()
        self._lost, self._unknown, self._failing = lost, unknown, failing
        self._outcomes: dict[str, Outcome] = {}

    @property
    def accounts(self) -> dict[str, Any]:
        return {name: SimpleNamespace(secret=found.password) for name, found in self.state.accounts.items()}

    async def current(self) -> Folded:
        return self

    async def admin(self, _: Asker, make: Callable[[Order], AdminEvent], *, in_force: bool = True) -> Outcome:
        name = str(self.state.next)
        known = Outcome(name, True, self.state.apply(make(Order(name, "", "", "", 0)), self.state.next, 0))
        self._outcomes[name] = known
        if self._lost:
            self._lost -= 1
            raise UnavailableError("the answer was lost")
        if self._unknown:
            self._unknown -= 1
            return Outcome(name, False, "")
        return known

    async def find(self, _: str, command_id: str) -> Outcome | None:
        if self._failing:
            self._failing -= 1
            raise UnavailableError("a model is loading")
        return self._outcomes[command_id]

    async def hashed(self, secret: str) -> str:
        return f"hash of {len(secret)} characters"


async def first(folded: Folded) -> None:
    changed = asyncio.Event()
    changed.set()
    watch: Any = SimpleNamespace(alive=True, ready=MODELS, admin_next=0, changed=changed)
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


@pytest.mark.parametrize("trouble", [{"lost": 1}, {"unknown": 1}, {"unknown": 1, "failing": 3}], ids=str)
async def test_the_password_is_told_once_whatever_was_not_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, trouble: dict[str, int]
) -> None:
    monkeypatch.setattr("query_api.access.first.RETRY_SECONDS", 0.0)
    folded = Folded(**trouble)
    await first(folded)
    assert folded.state.next == 1, "one record"
    assert capsys.readouterr().err.count("first administrator is 'admin'") == 1


async def test_of_another_administrator_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    folded = Folded()
    folded.state.apply(AccountSet(Order("other", "", "", "", 0), "first", "admin", "$", "administrator", "*"), 0, 0)
    await first(folded)
    assert not capsys.readouterr().err
