"""A request as handlers see it: its body within limits, its headers, its names."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from litestar import Request
from litestar.handlers import HTTPRouteHandler

from query_api import asked as module
from query_api.asked import Asked
from query_api.errors import InvalidError, TooLargeError, UnauthorizedError
from query_api.fluxmq.dialect import FLUXMQ


def asked(*parts: bytes, headers: Sequence[tuple[bytes, bytes]] = (), ends: bool = True) -> Asked:
    """A POST whose body comes in parts; one that does not end says no more."""
    waiting = list(parts)

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting) or not ends}

    scope: Any = {"type": "http", "method": "POST", "headers": list(headers), "client": ("192.0.2.1", 1)}
    scope["route_handler"] = HTTPRouteHandler("/", http_method="POST", request_max_body_size=None)(_handler)
    return Asked(SimpleNamespace(tenant="default"), FLUXMQ, Request(scope, receive), "route")  # type: ignore[arg-type]


async def _handler() -> None:
    """Stands for the handler that Litestar found."""


async def test_a_body_comes_whole() -> None:
    assert await asked(b"ab", b"", b"cd").body() == b"abcd"
    assert await asked(b"").body() == b""
    assert await asked(b"abcd").body(limit=4) == b"abcd"


@pytest.mark.parametrize("parts", [(b"abcde",), (b"ab", b"cde"), (b"ab", b"cd", b"e")])
async def test_a_body_above_its_limit_is_not_read_on(parts: Sequence[bytes]) -> None:
    with pytest.raises(TooLargeError):
        await asked(*parts, ends=False).body(limit=4)


@pytest.mark.parametrize("told", [b"5", b"99999999999999999999999999999"])
async def test_a_body_that_says_that_it_is_too_long_is_not_read_at_all(told: bytes) -> None:
    with pytest.raises(TooLargeError):
        await asked(headers=[(b"content-length", told)], ends=False).body(limit=4)


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_SECONDS", 0.02)
    with pytest.raises(InvalidError, match="in time"):
        await asked(b"ab", ends=False).body()


def test_headers_by_name() -> None:
    one = asked(headers=[(b"a", b" x "), (b"a", b"y"), (b"b", b"")])
    assert (one.header("a"), one.header("b"), one.header("c")) == ("x", "", "")


@pytest.mark.parametrize(
    ("given", "taken"),
    [(b"abc-1", True), (b"", False), (b"a b", False), (b"a" * 65, False), (b'x","admin":"y', False), (b"\xff", False)],
)
def test_a_correlation_id_is_the_callers_if_it_is_harmless(given: bytes, taken: bool) -> None:
    one = asked(headers=[(b"x-correlation-id", given)])
    assert (one.correlation == given.decode("latin-1")) == taken
    assert one.correlation == one.correlation
    assert 0 < len(one.correlation) <= 64


def test_nobody_was_asked_who_they_are() -> None:
    with pytest.raises(UnauthorizedError):
        _ = asked().principal
