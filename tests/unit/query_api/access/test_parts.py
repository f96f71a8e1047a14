"""Credentials as they are shown, limits on guessing, hashes, sessions, permissions."""

from __future__ import annotations

import time
from base64 import b64encode
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from argon2 import PasswordHasher

from query_api.access import names, sessions
from query_api.access.credentials import Password, Token, credentials
from query_api.access.guard import MOST_REMEMBERED, WINDOW_SECONDS, Guard
from query_api.access.passwords import Passwords
from query_api.access.principal import Permission, Principal, Role
from query_api.access.sessions import Known
from query_api.errors import TooManyRequestsError, UnauthorizedError
from query_api.native.text import Name
from query_api.native.text import Password as PasswordText
from query_api.tokens import Tokens

COOKIE = "mqledger-session"
TOKENS = Tokens([b"0123456789abcdef"])
ANN = Known("ann", "$argon2id$1", Role.OPERATOR, "*")


def basic(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return "Basic " + b64encode(raw).decode()


@pytest.mark.parametrize(
    ("authorization", "cookies", "expected"),
    [
        (basic("ann:s:e:c"), "", Password("ann", "s:e:c")),
        (basic("ann:"), "", Password("ann", "")),
        ("basic " + basic("añn:ü")[6:], "", Password("añn", "ü")),
        ("Bearer abc", f"{COOKIE}=x", Token("abc")),
        ("", f"a=b; {COOKIE}=tok; c=d", Token("tok")),
        ("", "other=tok", None),
        ("", f"{COOKIE}=", None),
        ("", "=;;,\x01", None),
        ("", "", None),
    ],
)
def test_what_is_shown(authorization: str, cookies: str, expected: object) -> None:
    assert credentials(authorization, cookies, COOKIE) == expected


@pytest.mark.parametrize(
    "authorization",
    ["Basic", "Basic ???", basic("nocolon"), basic(b"\xff:x"), basic("a" * 2000 + ":x"), "Digest a=b", "abc"],
)
def test_what_cannot_be_read_is_wrong_and_not_absent(authorization: str) -> None:
    with pytest.raises(UnauthorizedError):
        credentials(authorization, f"{COOKIE}=tok", COOKIE)


def test_failures_of_a_name_and_of_an_address_close_the_door_a_while() -> None:
    now = [100.0]
    guard = Guard(lambda: now[0], 10, 30)
    for address in range(10):
        guard.check(f"192.0.2.{address}", "ann")
        guard.failed(f"192.0.2.{address}", "ann")
    with pytest.raises(TooManyRequestsError) as refused:
        guard.check("192.0.2.99", "ann")
    assert 0 < refused.value.retry_after <= WINDOW_SECONDS
    guard.check("192.0.2.1", "bob")
    for name in range(30):
        guard.failed("192.0.2.200", str(name))
    with pytest.raises(TooManyRequestsError):
        guard.check("192.0.2.200", "bob")
    now[0] += WINDOW_SECONDS
    guard.check("192.0.2.200", "ann")


def test_what_is_remembered_of_failures_is_bounded() -> None:
    guard = Guard(lambda: 0.0, 10, 30)
    for number in range(MOST_REMEMBERED):
        guard.failed(f"2001:db8::{number:x}", f"name{number}")
    assert len(guard._failures) == MOST_REMEMBERED


async def test_a_hash_is_verified_once_and_remembered_with_itself() -> None:
    passwords = Passwords()
    try:
        one, other = await passwords.hashed("secret"), await passwords.hashed("secret")
        assert one.startswith("$argon2id$")
        assert "secret" not in one
        assert one != other
        assert not passwords.known("secret", one)
        assert not await passwords.verify("wrong", one)
        assert not passwords.known("wrong", one)
        assert await passwords.verify("secret", one)
        assert passwords.known("secret", one)
        assert not passwords.known("secret", other), "a new hash is a new password"
        assert not await passwords.verify("secret", "no hash")
    finally:
        passwords.close()


async def test_an_unknown_name_costs_what_a_known_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, verified = Passwords(), []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, hashed: str, secret: str) -> bool:
        verified.append(hashed)
        return bool(verify(self, hashed, secret))

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    try:
        assert not await passwords.verify("x", None)
        assert len(verified) == 1
        assert verified[0].startswith("$argon2id$")
    finally:
        passwords.close()


def test_a_session_ends_with_its_time_and_with_every_change_of_its_account() -> None:
    now = time.time_ns() // 1_000_000
    token = sessions.seal(TOKENS, ANN, now + 1000)
    assert sessions.opened(TOKENS, token, {"ann": ANN}, now) == ANN
    for accounts, when in (
        ({"ann": ANN}, now + 1000),
        ({}, now),
        ({"ann": replace(ANN, role=Role.VIEWER)}, now),
        ({"ann": replace(ANN, tenant="acme")}, now),
        ({"ann": replace(ANN, secret="$argon2id$2")}, now),
    ):
        with pytest.raises(UnauthorizedError):
            sessions.opened(TOKENS, token, accounts, when)
    for strange in (token[:-1], token + "A", TOKENS.seal("position", (), b"x"), "", "é"):
        with pytest.raises(UnauthorizedError):
            sessions.opened(TOKENS, strange, {"ann": ANN}, now)
    assert token != sessions.seal(TOKENS, ANN, now + 1000)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.VIEWER, {Permission.READ}),
        (Role.OPERATOR, {Permission.READ, Permission.OPERATE}),
        (Role.CONNECTION_MANAGER, {Permission.READ, Permission.CONNECTIONS}),
        (Role.ADMINISTRATOR, set(Permission)),
    ],
)
def test_what_roles_may(role: Role, allowed: set[Permission]) -> None:
    assert {one for one in Permission if Principal("x", role, "*").may(one)} == allowed


def test_a_principal_sees_its_tenant_or_all() -> None:
    assert Principal("x", Role.VIEWER, "*").sees("acme")
    assert Principal("x", Role.VIEWER, "acme").sees("acme")
    assert not Principal("x", Role.VIEWER, "acme").sees("other")
    assert not Principal("x", Role.VIEWER, "acme").everywhere


@pytest.mark.parametrize("name", ["a", "a.b@c:d-e_f", "x" * 200, "", "x" * 201, "a b", "a\n", "é", "a/b", "a\x00"])
def test_names_are_those_of_the_native_api(name: str) -> None:
    assert names.usable_name(name) is fits(name, Name)


@pytest.mark.parametrize("password", ["x" * 8, "x" * 256, "é" * 8, "x" * 7, "x" * 257, "", "x" * 8 + "\x00"])
def test_passwords_are_those_of_the_native_api(password: str) -> None:
    assert names.usable_password(password) is fits(password, PasswordText)


def test_a_reserved_name_is_nobodys() -> None:
    assert not names.usable_name("loopback")


def fits(text: str, wanted: Any) -> bool:
    try:
        msgspec.convert(text, wanted)
    except msgspec.ValidationError:
        return False
    return True
