"""A TCP proxy between a client and a broker that can stop passing bytes without telling either side.

What it is for: a peer that vanishes (a pulled cable, a dead radio) sends neither FIN nor RST.
"""

from __future__ import annotations

import selectors
import socket
import threading
from types import TracebackType

from tests.mqttkit.link import Address

CHUNK = 65_536


class Proxy:
    """Passes bytes both ways until it is frozen or cut. Its own thread does the work; use it in a ``with`` block."""

    def __init__(self, upstream: Address) -> None:
        """Listen on a free port of loopback; every connection goes on to ``upstream``."""
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake = socket.socketpair()
        self._frozen = threading.Event()
        self._cut = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt proxy")

    @property
    def address(self) -> Address:
        """Where clients connect."""
        host, port = self._listener.getsockname()[:2]
        return (str(host), int(port))

    def freeze(self) -> None:
        """Pass nothing more in either direction; both connections stay open."""
        self._frozen.set()
        self._wake.send(b"!")

    def thaw(self) -> None:
        """Pass on what has waited, and everything after it."""
        self._frozen.clear()
        self._wake.send(b"!")

    def cut(self) -> None:
        """Close all connections that are open now."""
        self._cut.set()
        self._wake.send(b"!")

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stopping.set()
        self._wake.send(b"!")
        self._thread.join(10)

    def _run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        while not self._stopping.is_set():
            if self._cut.is_set():
                self._cut.clear()
                self._close_pairs()
            self._listen_to_pairs(not self._frozen.is_set())
            for key, _ in self._selector.select():
                self._serve(key.fileobj)
        self._close_pairs()
        for one in (self._listener, self._wake_reader, self._wake):
            one.close()

    def _serve(self, source: object) -> None:
        assert isinstance(source, socket.socket)
        if source is self._listener:
            self._accept()
        elif source is self._wake_reader:
            source.recv(CHUNK)
        elif source in self._pairs:
            self._pass_on(source)

    def _accept(self) -> None:
        client = self._listener.accept()[0]
        upstream = socket.create_connection(self._upstream, 5)
        for one, other in ((client, upstream), (upstream, client)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs[one] = other

    def _listen_to_pairs(self, wanted: bool) -> None:
        known = self._selector.get_map()
        for one in self._pairs:
            if wanted and one not in known:
                self._selector.register(one, selectors.EVENT_READ)
            elif not wanted and one in known:
                self._selector.unregister(one)

    def _pass_on(self, source: socket.socket) -> None:
        target = self._pairs[source]
        try:
            data = source.recv(CHUNK)
            if data:
                target.sendall(data)
                return
        except OSError:
            data = b""
        self._close(source)
        self._close(target)

    def _close(self, one: socket.socket) -> None:
        self._pairs.pop(one, None)
        if one in self._selector.get_map():
            self._selector.unregister(one)
        one.close()

    def _close_pairs(self) -> None:
        for one in list(self._pairs):
            self._close(one)
