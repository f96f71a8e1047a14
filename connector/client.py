"""The MQTT client of a connection: aiomqtt, and what it leaves to time-outs and the garbage collector.

It touches the library where the library has no door: tests/integration/connector/test_links.py tells when that changes.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import aiomqtt

from connector.tls import ClientContext


class EndedError(aiomqtt.MqttError):
    """The far end has closed the connection."""


class BrokerClient(aiomqtt.Client):
    """Notices a connection that ends before CONNACK; cuts one whose far end only drips; closes the socket of one that
    failed. Connects in a thread, which sets what :meth:`cut` reads on the event loop."""

    def __init__(self, *arguments: Any, context: ClientContext | None, **keywords: Any) -> None:
        super().__init__(*arguments, tls_context=context, **keywords)
        self._context = context
        self._made: socket.socket | None = None
        self._connect = self._client._create_socket_connection
        self._handle: socket.socket | None = None
        """Another name of the socket, until the connection stands or has failed."""
        self._unwanted = False
        self._client._create_socket_connection = self._connected_socket  # type: ignore[method-assign]

    def cut(self) -> None:
        """End the connection, whatever the thread that makes it waits for."""
        self._unwanted = True
        if self._handle is not None:
            with contextlib.suppress(OSError):  # it has ended already
                self._handle.shutdown(socket.SHUT_RDWR)
        self.let_go()

    def let_go(self) -> None:
        """The connection stands or has failed."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()

    def close(self) -> None:
        """Close the socket of a connection that failed or has ended."""
        self.let_go()
        for one in (self._made, self._context.wrapped if self._context is not None else None):
            if one is not None:
                one.close()

    def _connected_socket(self) -> socket.socket:
        self._made = made = self._connect()
        self._handle = made.dup()
        if self._unwanted:  # after the handle is there: either cut() sees it, or this is seen here
            raise ConnectionAbortedError("the attempt was given up")
        return made

    def _on_disconnect(self, *arguments: Any, **keywords: Any) -> None:
        # Perhaps in the thread that connects.
        self._loop.call_soon_threadsafe(self._ended)
        super()._on_disconnect(*arguments, **keywords)

    def _ended(self) -> None:
        if not self._connected.done():
            self._connected.set_exception(EndedError("the broker closed the connection before CONNACK"))
            self._connected.exception()  # perhaps nobody waits for it any more
