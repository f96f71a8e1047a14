"""Connecting to a broker: where it is, TLS, the MQTT client (aiomqtt), and what can go wrong on the way.

The client connects in a thread: an attempt that is given up is cut, so that the thread ends, and closed should it still
have succeeded. It is given the address that was found and allowed, not the name, so that nobody asks DNS again and is
told something else.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from connector.addresses import addresses_of
from connector.client import BrokerClient, EndedError
from connector.failures import LinkFailedError, Peer, closed, failed, not_opened, refused, timed_out
from connector.settings import ConnectorSettings
from connector.tls import ClientContext, client_context
from schemas.admin import ConnectionSet
from schemas.broker_urls import Allowed, BrokerUrl, parse_broker_url
from schemas.sealed import NotOpenedError, sealer

logger = logging.getLogger(__name__)

CONNACK_OF_REASON: Mapping[int, int] = {133: 2, 136: 3, 134: 4, 135: 5}
"""paho tells return codes of CONNACK as reason codes of MQTT 5."""
_quiet = logging.getLogger("connector.mqtt")
_quiet.setLevel(logging.CRITICAL)  # what the client library complains of is in the status


@dataclass(frozen=True, slots=True)
class Dialed:
    """A connection that stands."""

    client: BrokerClient
    peer: Peer

    async def lost(self) -> LinkFailedError:
        """Wait until it has ended by itself, and say why."""
        try:
            async for _ in self.client.messages:
                logger.debug("a message came that nobody subscribed to")
        except aiomqtt.MqttError as error:
            return closed(self.peer, str(error.__cause__ or "the broker closed the connection"))
        return closed(self.peer, "the broker closed the connection")


class Dialer:
    """Connects to brokers. Shared by all links of a process."""

    def __init__(self, settings: ConnectorSettings) -> None:
        """Raises SettingsError and ValueError for settings that can't be."""
        self._settings = settings
        self._sealer = sealer(settings.connections.keys)
        self._allowed = Allowed(settings.connections.allow)
        self._leaving: set[asyncio.Task[None]] = set()

    async def dial(self, connection: ConnectionSet) -> Dialed:
        """Connect, at the first of the broker's addresses that answers. Raises LinkFailedError."""
        url = parse_broker_url(connection.url)
        parts = self._opened(connection)
        context = client_context(parts, url.host, connection.reject_unauthorized) if url.tls else None
        addresses = await addresses_of(url, self._allowed, self._settings.timeout)
        seconds = self._settings.timeout / len(addresses)
        first: LinkFailedError | None = None
        for address in addresses:
            peer = Peer(url.host, url.port, address)
            try:
                client = self._client(connection, url, address, parts, context, seconds)
                return await self._entered(client, peer, seconds)
            except LinkFailedError as error:
                first = first or error
        assert first is not None  # a name has an address, else DNS says so
        raise first

    def hang_up(self, dialed: Dialed) -> None:
        """End a connection in good order; returns at once."""
        self._leave(dialed.client, None)

    async def close(self) -> None:
        """Wait until all that was hung up has ended, bounded by the settings' timeout."""
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=self._settings.timeout)

    def _opened(self, connection: ConnectionSet) -> Mapping[str, bytes]:
        if not connection.sealed:
            return {}
        if self._sealer is None:
            raise not_opened()
        try:
            return self._sealer.open(connection.sealed, connection.tenant, connection.connection_id)
        except NotOpenedError as error:
            raise not_opened() from error

    def _client(
        self,
        connection: ConnectionSet,
        url: BrokerUrl,
        address: str,
        parts: Mapping[str, bytes],
        context: ClientContext | None,
        seconds: float,
    ) -> BrokerClient:
        transport: Literal["tcp", "websockets"] = "websockets" if url.websocket else "tcp"
        password = parts.get("password")
        return BrokerClient(
            address,
            url.port,
            logger=_quiet,
            identifier=connection.client_id or self._client_id(connection),
            username=connection.username or None,
            password=None if password is None else password.decode(),
            transport=transport,
            timeout=seconds,
            keepalive=self._settings.keep_alive,
            context=context,
            websocket_path=url.path if url.websocket else None,
            websocket_headers=_headers(url) if url.websocket else None,
            max_queued_incoming_messages=1,
        )

    def _client_id(self, connection: ConnectionSet) -> str:
        """The same for whichever connector acts, so that a broker sees one client; another for another deployment."""
        text = f"{connection.tenant}\0{connection.connection_id}"
        key = self._settings.connections.keys.reveal() or self._settings.kafka.bootstrap
        return f"mqledger-{hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:14]}"

    async def _entered(self, client: BrokerClient, peer: Peer, seconds: float) -> Dialed:
        entering = asyncio.create_task(client.__aenter__())
        try:
            await asyncio.wait({entering}, timeout=seconds)
        except asyncio.CancelledError:
            self._leave(client, entering)
            raise
        if not entering.done():
            self._leave(client, entering)
            raise timed_out(peer, seconds)
        client.let_go()
        failure = entering.exception()
        if failure is None:
            return Dialed(client, peer)
        self._leave(client, None)
        # Without the library's exception, whose traceback holds the socket open.
        raise _why(failure, peer, seconds)

    def _leave(self, client: BrokerClient, entering: asyncio.Task[aiomqtt.Client] | None) -> None:
        task = asyncio.create_task(_left(client, entering))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


async def _left(client: BrokerClient, entering: asyncio.Task[aiomqtt.Client] | None) -> None:
    if entering is not None:
        client.cut()
        await asyncio.gather(entering, return_exceptions=True)
    try:
        await client.__aexit__(None, None, None)
    except aiomqtt.MqttError as error:  # it was never there, or its end is not confirmed: nobody waits for it
        logger.debug("a connection that was given up: %r", error)
    finally:
        client.close()


def _why(error: BaseException, peer: Peer, seconds: float) -> LinkFailedError:
    """aiomqtt keeps what it caught as the context of what it raises."""
    if isinstance(error, EndedError):
        return closed(peer, str(error))
    if isinstance(error, MqttConnectError):
        code = error.rc.value if isinstance(error.rc, ReasonCode) else int(error.rc or 0)
        return refused(CONNACK_OF_REASON.get(code, code), f"Connection refused: {error.rc}", peer)
    if isinstance(error.__context__, TimeoutError) and str(error) == "Operation timed out":
        return timed_out(peer, seconds)
    return failed(error.__context__ or error, peer)


def _headers(url: BrokerUrl) -> dict[str, str]:
    host = f"[{url.host}]" if ":" in url.host else url.host
    at = f"{host}:{url.port}"
    return {"Host": at, "Origin": f"{'https' if url.tls else 'http'}://{at}"}
