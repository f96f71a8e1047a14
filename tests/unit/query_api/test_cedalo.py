"""Cedalo's bodies and views: lenient where its document needs it, and never a secret."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.cedalo.bodies import read_connection
from query_api.cedalo.views import reason
from query_api.errors import InvalidError

LEAST = {"id": "a", "name": "A", "url": "mqtt://h"}


def read(**more: Any) -> Any:
    return read_connection(json.dumps({**LEAST, **more}).encode())


@given(st.binary())
def test_any_bytes_are_a_connection_or_refused(content: bytes) -> None:
    with pytest.raises(InvalidError):
        read_connection(content)


@given(st.text())
def test_any_text_is_base64_unless_nothing_is_left_of_it(text: str) -> None:
    """As in Node, what does not belong to it is left out; but a connection without its authority trusts others."""
    some = len(re.findall("[A-Za-z0-9+/_-]", text)) > 1
    try:
        assert bool(read(ca={"data": text}).parts["ca"]) is bool(text)
    except InvalidError:
        assert not some or not text.isprintable()  # a lone surrogate


@given(st.binary())
def test_base64_in_any_form(content: bytes) -> None:
    for encoded in (base64.b64encode(content), base64.urlsafe_b64encode(content), base64.encodebytes(content)):
        assert read(key={"data": encoded.decode().rstrip("=")}).parts["key"] == content


def test_the_forms_of_the_document() -> None:
    assert read(rejectUnauthorized="true").verify is read(rejectUnauthorized=True).verify is read().verify is True
    assert read(rejectUnauthorized="false").verify is read(rejectUnauthorized=False).verify is False
    assert read(ca={"data": "QQ==", "endoding": "base64"}).parts == {"ca": b"A"}
    assert read(credentials={"username": "u", "password": "p"}).parts == {"password": b"p"}
    assert read(status={"connected": True}, more=[1]).parts == {}


def test_a_draft_does_not_show_its_secrets() -> None:
    assert "hunter2" not in repr(read(credentials={"username": "u", "password": "hunter2"}))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ({"code": "ECONNREFUSED", "syscall": "connect", "address": "::1", "port": 1}, "connect ECONNREFUSED ::1:1"),
        ({"code": "ENOTFOUND", "syscall": "getaddrinfo", "hostname": "h"}, "getaddrinfo ENOTFOUND h"),
        ({"code": "CERT_HAS_EXPIRED", "message": "certificate has expired"}, "certificate has expired"),
        ({"code": "EKEYREJECTED"}, "EKEYREJECTED"),
    ],
)
def test_reasons_in_a_line(error: dict[str, Any], line: str) -> None:
    assert reason(error) == line
