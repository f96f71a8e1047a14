"""Failures in the words of Node on Linux."""

from __future__ import annotations

import socket
import ssl

import pytest

from connector.failures import LONGEST_MESSAGE, Peer, failed, refused
from schemas.events import LinkError

PEER = Peer("broker.example.com", 1883, "192.0.2.1")
UNKNOWN = Peer("broker.example.com", 1883)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(111, "refused"), ("ECONNREFUSED", -111, "connect", "192.0.2.1", 1883, "")),
        (OSError(113, "no route"), ("EHOSTUNREACH", -113, "connect", "192.0.2.1", 1883, "")),
        (TimeoutError("timed out"), ("ETIMEDOUT", -110, "connect", "192.0.2.1", 1883, "")),
        (ConnectionResetError(104, "reset"), ("ECONNRESET", -104, "connect", "192.0.2.1", 1883, "")),
        (ssl.SSLError(1, "wrong"), ("ERR_SSL_FAILED", 0, "", "", 0, "")),
        (ValueError("what is this"), ("EPROTO", -71, "connect", "192.0.2.1", 1883, "")),
        (OSError("no number"), ("EPROTO", -71, "connect", "192.0.2.1", 1883, "")),
        (OSError(99_999, "unheard of"), ("EUNKNOWN", -99_999, "connect", "192.0.2.1", 1883, "")),
    ],
)
def test_what_the_system_says(error: Exception, expected: tuple[str, int, str, str, int, str]) -> None:
    assert shown(failed(error, PEER).error) == expected


@pytest.mark.parametrize(
    ("number", "code", "told"), [(socket.EAI_NONAME, "ENOTFOUND", -3008), (socket.EAI_AGAIN, "EAI_AGAIN", -3001)]
)
def test_what_dns_says(number: int, code: str, told: int) -> None:
    error = failed(socket.gaierror(number, "no"), UNKNOWN, "getaddrinfo").error
    assert shown(error) == (code, told, "getaddrinfo", "", 0, "broker.example.com")


def test_what_a_broker_says() -> None:
    assert shown(refused(5, "no", PEER).error) == ("NOT_AUTHORIZED", 5, "", "192.0.2.1", 1883, "")
    assert refused(128, "no", PEER).error.code == "ECONNREFUSED"


def test_a_message_has_a_bound() -> None:
    assert len(failed(OSError("x" * 10_000), PEER).error.message) == LONGEST_MESSAGE


def shown(error: LinkError) -> tuple[str, int, str, str, int, str]:
    return error.code, error.errno, error.syscall, error.address, error.port, error.hostname
