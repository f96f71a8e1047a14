"""Asking DNS where a broker is, and whether connections may go there."""

from __future__ import annotations

import asyncio
import socket

from connector.failures import Peer, failed, not_allowed
from schemas.broker_urls import Allowed, BrokerUrl, address_of

MOST_ADDRESSES = 4
"""How many of a name's addresses are tried."""


async def addresses_of(url: BrokerUrl, allowed: Allowed, seconds: float) -> list[str]:
    """The addresses to connect to, in order; what DNS says is asked once, so that it can't say something else later.

    Raises LinkFailedError.
    """
    peer = Peer(url.host, url.port)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # a TimeoutError is an OSError
        raise failed(error, peer, "getaddrinfo") from error
    names = list(dict.fromkeys(str(address[0]) for *_, address in found))
    parsed = [address for name in names if (address := address_of(name)) is not None]
    if len(parsed) < len(names) or not allowed.addresses(url.host, parsed):
        raise not_allowed(Peer(url.host, url.port, names[0]))
    return names[:MOST_ADDRESSES]
