"""Why a connection is not there, in the words of the original: error codes, negative errno and system calls as Node on
Linux tells them, verification errors of TLS by OpenSSL's names."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from schemas.events import LinkError

LONGEST_MESSAGE: Final = 200
"""Characters of a message: what a far end says has no other bound."""

NOT_FOUND: Final = -3008
TRY_AGAIN: Final = -3001
"""Errno of ``getaddrinfo`` in libuv."""

CONNACK_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        2: "IDENTIFIER_REJECTED",
        3: "SERVER_UNAVAILABLE",
        4: "BAD_USERNAME_OR_PASSWORD",
        5: "NOT_AUTHORIZED",
    }
)
"""Return codes of CONNACK, MQTT 3.1.1 section 3.2.2.3; as errno the code itself. The client library keeps 1, the wrong
version, to itself: it looks like a broker that closes the connection."""

VERIFY_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        2: "UNABLE_TO_GET_ISSUER_CERT",
        3: "UNABLE_TO_GET_CRL",
        4: "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
        5: "UNABLE_TO_DECRYPT_CRL_SIGNATURE",
        6: "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
        7: "CERT_SIGNATURE_FAILURE",
        8: "CRL_SIGNATURE_FAILURE",
        9: "CERT_NOT_YET_VALID",
        10: "CERT_HAS_EXPIRED",
        11: "CRL_NOT_YET_VALID",
        12: "CRL_HAS_EXPIRED",
        13: "ERROR_IN_CERT_NOT_BEFORE_FIELD",
        14: "ERROR_IN_CERT_NOT_AFTER_FIELD",
        17: "OUT_OF_MEM",
        18: "DEPTH_ZERO_SELF_SIGNED_CERT",
        19: "SELF_SIGNED_CERT_IN_CHAIN",
        # Node goes on after this one and ends with the next, unless the far end sends more than its own certificate.
        20: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        21: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        22: "CERT_CHAIN_TOO_LONG",
        23: "CERT_REVOKED",
        24: "INVALID_CA",
        25: "PATH_LENGTH_EXCEEDED",
        26: "INVALID_PURPOSE",
        27: "CERT_UNTRUSTED",
        28: "CERT_REJECTED",
        62: "ERR_TLS_CERT_ALTNAME_INVALID",
        64: "ERR_TLS_CERT_ALTNAME_INVALID",
    }
)
"""``X509_V_ERR_*`` of OpenSSL as Node names them."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Which far end was spoken to."""

    hostname: str
    port: int
    address: str = ""
    """Empty before DNS has answered."""


class LinkFailedError(Exception):
    """A connection was not made, or is no more."""

    def __init__(self, error: LinkError) -> None:
        super().__init__(error.code)
        self.error = error


def failed(error: BaseException, peer: Peer, syscall: str = "connect") -> LinkFailedError:
    """The failure that an exception of sockets, DNS or TLS means. ``syscall`` is what was being done."""
    text = str(error) or type(error).__name__
    match error:
        case ssl.SSLCertVerificationError():
            code = VERIFY_CODES.get(error.verify_code, f"X509_V_ERR_{error.verify_code}")
            return by_name(code, error.verify_message)
        case ssl.SSLError():
            return by_name(f"ERR_SSL_{getattr(error, 'reason', None) or 'FAILED'}", text)
    return _failure(peer, *_numbered(error, syscall), text)


def _numbered(error: BaseException, syscall: str) -> tuple[str, int, str]:
    """Code, errno and system call."""
    match error:
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return "EAI_AGAIN", TRY_AGAIN, "getaddrinfo"
        case socket.gaierror():
            return "ENOTFOUND", NOT_FOUND, "getaddrinfo"
        case TimeoutError():
            return "ETIMEDOUT", -errno.ETIMEDOUT, syscall
        case OSError(errno=int(number)):
            return errno.errorcode.get(number, "EUNKNOWN"), -number, syscall
    return "EPROTO", -errno.EPROTO, syscall


def by_name(code: str, text: str) -> LinkFailedError:
    """A failure of TLS, which has a name and nothing else."""
    return LinkFailedError(LinkError(code, message=text[:LONGEST_MESSAGE]))


def refused(code: int, text: str, peer: Peer) -> LinkFailedError:
    """The broker answered CONNECT with a code other than 0."""
    return _failure(peer, CONNACK_CODES.get(code, "ECONNREFUSED"), code, "", text)


def timed_out(peer: Peer, seconds: float) -> LinkFailedError:
    """The far end took too long."""
    return _failure(peer, "ETIMEDOUT", -errno.ETIMEDOUT, "connect", f"no connection within {seconds:g} s")


def closed(peer: Peer, text: str) -> LinkFailedError:
    """A connection that was there has ended."""
    return _failure(peer, "ECONNCLOSED", 1, "on", text)


def not_allowed(peer: Peer) -> LinkFailedError:
    """The setting ``connections.allow`` does not want this."""
    text = "connections to this address are not allowed (connections.allow)"
    return _failure(peer, "EACCES", -errno.EACCES, "connect", text)


def not_opened() -> LinkFailedError:
    """The secrets of the connection are sealed with a key that is not at hand."""
    return by_name("EKEYREJECTED", "the secrets are sealed with a key that is not in connections.keys")


def _failure(peer: Peer, code: str, number: int, syscall: str, text: str) -> LinkFailedError:
    # As Node does: the name where there is no address yet, else address and port.
    where = (peer.address, peer.port, "") if peer.address else ("", 0, peer.hostname)
    return LinkFailedError(LinkError(code, number, syscall, *where, text[:LONGEST_MESSAGE]))
