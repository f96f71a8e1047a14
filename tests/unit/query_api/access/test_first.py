"""The first administrator, over the fold itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from domain.admin import AdminState
from query_api.access.first import FirstAdministrator
from query_api.access.roll import Roll
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
        return {name: SimpleNamespace(name=name, secret=found.password) for name, found in self.state.accounts.items()}

    @property
    def empty(self) -> bool:
        return not self.state.accounts

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


class Behind(Folded):
    """The same and its watch: there are the accounts of the latest reading, and another reading is under way."""

    alive, ready, admin_next = True, MODELS, 0

    def __init__(self) -> None:
        super().__init__(unknown=1)
        self._read: list[dict[str, Any]] = [{}, {}]

    @property
    def accounts(self) -> dict[str, Any]:
        return self._read[0]

    @property
    def empty(self) -> bool:
        return not self.accounts

    @property
    def changed(self) -> Behind:
        return self

    async def wait(self) -> None:
        self._read = [self._read[1], super().accounts]


async def first(folded: Folded, watch: Any = None) -> None:
    changed = asyncio.Event()
    changed.set()
    watch = watch or SimpleNamespace(alive=True, ready=MODELS, admin_next=0, changed=changed)
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


async def test_an_outcome_may_be_known_before_the_account_is(capsys: pytest.CaptureFixture[str]) -> None:
    folded = Behind()
    await first(folded, folded)
    assert folded.state.next == 1, "one record"
    assert capsys.readouterr().err.count("first administrator is 'admin'") == 1


async def test_it_is_known_by_its_password_whatever_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    folded = Folded()
    hashed = await folded.hashed("x" * 24)
    folded.state.apply(AccountSet(Order("o", "", "", "", 0), "first", "admin-1", hashed, "administrator", "*"), 0, 0)
    parts = cast(Any, folded)
    made = FirstAdministrator(parts, parts, parts, parts, "")
    made._made = "x" * 24, hashed
    await made._tell_of(folded.accounts.values())
    assert "first administrator is 'admin-1' with the password xxx" in capsys.readouterr().err


async def test_an_account_of_a_role_that_is_not_known_is_one() -> None:
    """No other could be made: all that would come of it are records."""
    rows = {
        "login_accounts": [{"name": "admin", "password": "$", "role": "emperor", "tenant": "*"}],
        "login_keys": [],
    }

    async def fetch(query: str) -> list[dict[str, str]]:
        return rows[query]

    changed = asyncio.Event()
    watch: Any = SimpleNamespace(alive=True, ready=MODELS, admin_next=0, changed=changed)
    store: Any = SimpleNamespace(fetch=fetch)
    roll = Roll(store, watch)
    async with asyncio.timeout(5):
        await FirstAdministrator(roll, watch, store, store, "").run()
    assert (roll.accounts, roll.empty) == ({}, False)
    rows["login_accounts"], watch.admin_next = [], 1
    assert (await roll.current()).empty


async def test_of_another_administrator_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    folded = Folded()
    folded.state.apply(AccountSet(Order("other", "", "", "", 0), "first", "admin", "$", "administrator", "*"), 0, 0)
    await first(folded)
    assert not capsys.readouterr().err
