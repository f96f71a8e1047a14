"""Files of accounts and keys that others kept."""

from __future__ import annotations

import pytest

from query_api.access.principal import Role
from stack.errors import StackError
from stack.imports import Login, read


def test_a_table() -> None:
    found = read(b'\xef\xbb\xbfname,password,role,tenant\nann,s3,viewer,acme\nbob,"a,b",administrator,\n', Role.VIEWER)
    assert found.logins == [
        Login(name="ann", password="s3", role=Role.VIEWER, tenant="acme"),
        Login(name="bob", password="a,b", role=Role.ADMINISTRATOR),
    ]
    assert found.left_out == []


def test_an_export_of_emqx_4() -> None:
    content = b"""{"version": "4.3", "date": "x", "users": [], "apps": [
        {"id": "one", "secret": "s3", "name": "Script", "desc": "", "status": true, "expired": "undefined"},
        {"id": "two", "secret": "s4", "name": "Old", "desc": "", "status": false, "expired": 1600000000},
        {"id": "admin", "secret": "public", "name": "Default", "desc": "", "status": true, "expired": "undefined"}]}"""
    found = read(content, Role.OPERATOR)
    assert found.logins == [
        Login(name="one", password="s3", role=Role.OPERATOR, is_key=True, label="Script"),
        Login(
            name="two",
            password="s4",
            role=Role.OPERATOR,
            is_key=True,
            label="Old",
            enabled=False,
            expires=1_600_000_000_000,
        ),
    ]
    assert found.left_out == ["admin"], "everybody knows it"
    assert found.not_taken == []


def test_what_else_an_export_holds_is_told_without_its_secrets() -> None:
    content = b"""{"version": "4.4", "date": "x", "apps": [], "rules": [],
        "users": [{"username": "admin", "password": "aGFzaA==", "tags": "administrator"},
                  {"username": "ann", "password": "aGFzaB==", "tags": ""}],
        "auth_username": [{"username": "meter", "password": "aGFzaC=="}], "modules": {"a": 1, "b": 2},
        "acl": "a text"}"""
    assert read(content, Role.OPERATOR).not_taken == [
        "acl (1): no account and no API key",
        "auth_username (1): no account and no API key",
        "modules (2): no account and no API key",
        "users (admin, ann): their passwords are hashes that can't be taken; `mqledger account add` gives new ones",
    ]


def test_what_else_a_table_holds_is_told() -> None:
    found = read(b"name,password,role,mail\nann,s3,viewer,ann@example.org\n", Role.VIEWER)
    assert [one.name for one in found.logins] == ["ann"]
    assert found.not_taken == ["column mail: there is no such thing in an account"]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"{}",
        b'{"apps": [{"id": "", "secret": "x"}]}',
        b'{"apps": [], "users": [{"password": "aGFzaA=="}]}',
        b'{"users": [{"username": "ann", "password": "aGFzaA=="}]}',
        b"name,password,role\nann,s3,king\n",
        b"name,password,role\nann,,viewer\n",
        b"name;password\nann;b\n",
        b"name,password,role\n" + b"a" * 300 + b",b,viewer\n",
        b"\xff\xfe",
        b"name,password,role\nann,\x00,viewer,\x00\n",
        b"x" * (17 * 1024 * 1024),
    ],
)
def test_what_cannot_be_read_is_a_sentence(content: bytes) -> None:
    with pytest.raises(StackError, match=r"\.$"):
        read(content, Role.VIEWER)
