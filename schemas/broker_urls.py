"""Addresses of other brokers: which URLs a connection may have, and where it may go.

The API refuses what is wrong here before it is in the log; the connector looks again when it has asked DNS.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST_URL = 1_024
DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
"""The schemes that there are."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
_LAST_FOUR = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
"""IPv6 networks whose addresses end with one of IPv4: NAT64 (RFC 6052), IPv4-compatible (RFC 4291)."""

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")


class BrokerUrlError(ValueError):
    """It is no URL of a broker; the text says why and does not repeat it."""


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """Where a broker is and how to speak to it."""

    scheme: str
    host: str
    """A name, or an address without brackets."""
    port: int
    path: str
    """Of a websocket."""

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in ("mqtts", "wss")

    @property
    def websocket(self) -> bool:
        """Whether MQTT goes through a websocket."""
        return self.scheme in ("ws", "wss")


def parse_broker_url(text: str) -> BrokerUrl:
    """A URL such as ``mqtts://broker.example.com:8883``. Raises BrokerUrlError.

    Credentials, a query or a fragment are refused: URLs are shown.
    """
    if not text.isascii() or not text.isprintable() or len(text) > LONGEST_URL:
        raise BrokerUrlError(f"a URL is at most {LONGEST_URL} printable ASCII characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BrokerUrlError("the URL can't be read") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise BrokerUrlError(f"the URL must begin with one of {', '.join(f'{scheme}://' for scheme in DEFAULT_PORTS)}")
    if "@" in parts.netloc:
        raise BrokerUrlError("credentials do not belong into the URL")
    if parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
        raise BrokerUrlError("the URL has more than scheme, host, port and path")
    if parts.path not in ("", "/") and parts.scheme in ("mqtt", "mqtts"):
        raise BrokerUrlError("only websockets have a path")
    if port == 0:
        raise BrokerUrlError("there is no port 0")
    return BrokerUrl(parts.scheme, _host(parts.hostname or ""), port or DEFAULT_PORTS[parts.scheme], parts.path or "/")


def _host(text: str) -> str:
    if address_of(text) is None and (len(text) > 253 or not _NAME.fullmatch(text)):
        raise BrokerUrlError("the URL has no usable host")
    return text


def address_of(host: str) -> Address | None:
    """The address that a host is; None when it is a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


class Allowed:
    """Where connections may go: by default anywhere but to link-local, multicast, broadcast and unspecified addresses.

    With a list (names, ``*.domain``, addresses, networks): only there. Link-local addresses are where clouds keep
    credentials of machines, hence they must be named; so must IPv6 addresses that hold such an IPv4 address.
    """

    def __init__(self, setting: str) -> None:
        """Of the setting ``connections.allow``. Raises ValueError."""
        words = [word.strip().lower() for word in setting.split(",") if word.strip()]
        self._names = [word for word in words if _is_name(word)]
        self._networks: list[Network] = [
            ipaddress.ip_network(word, strict=False) for word in words if not _is_name(word)
        ]
        self._any = not words

    def host(self, host: str) -> bool:
        """Whether a connection to a host can be allowed, as far as its name tells."""
        address = address_of(host)
        if address is not None:
            return self.addresses(host, [address])
        return self._any or bool(self._networks) or self._named(host)

    def addresses(self, host: str, addresses: Sequence[Address]) -> bool:
        """Whether a connection to a host with these addresses is allowed: to each of them."""
        return all(self._address(host, address) for address in addresses)

    def _address(self, host: str, address: Address) -> bool:
        if any(address in network for network in self._networks):
            return True
        if any(map(_is_special, (address, *_embedded(address)))):
            return False
        return self._any or self._named(host)

    def _named(self, host: str) -> bool:
        name = host.lower().rstrip(".")
        return any(name == word or (word.startswith("*.") and name.endswith(word[1:])) for word in self._names)


def _is_special(address: Address) -> bool:
    return address.is_link_local or address.is_multicast or address.is_unspecified or address == _BROADCAST


def _embedded(address: Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address may be sent on to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [ipaddress.IPv4Address(address.packed[-4:])] if any(address in one for one in _LAST_FOUR) else []
    return [*found, *(address.teredo or ()), *((address.sixtofour,) if address.sixtofour else ())]


def _is_name(word: str) -> bool:
    return address_of(word.partition("/")[0]) is None and _NAME.fullmatch(word.removeprefix("*.")) is not None
