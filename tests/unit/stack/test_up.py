"""What ``mqledger up`` says, without anything running."""

from __future__ import annotations

import asyncio

import pytest

from stack import up
from stack.errors import StackError


def test_a_failure_that_others_waited_for_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails() -> None:
        raise StackError("Postgres says: no.")

    async def waits(*tasks: asyncio.Task[object]) -> None:
        await asyncio.gather(*tasks)

    async def run(*_: object) -> None:
        async with asyncio.TaskGroup() as group:
            first, other = group.create_task(fails()), group.create_task(asyncio.Event().wait())
            group.create_task(waits(first, other))

    monkeypatch.setattr(up, "_up", run)
    with pytest.raises(StackError, match=r"^Postgres says: no\.$"):
        up.up(None, None)  # type: ignore[arg-type]
