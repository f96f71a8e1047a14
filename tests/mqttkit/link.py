"""One TCP connection to a broker with an MQTT parser at our end."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from types import TracebackType
from typing import Any, Self, TypeVar

from ingest.mqtt.codec import (
    LARGEST_PACKET,
    ConnectPacket,
    ConnectProperties,
    DisconnectPacket,
    Packet,
    Parser,
    PingReqPacket,
    PingRespPacket,
    ProtocolError,
    ProtocolVersion,
    Will,
    encode,
)

WAIT = 5.0
"""Seconds anything may take that should happen at once; generous, since it only matters when a test fails."""

Address = tuple[str, int]
P = TypeVar("P")


class Ended(AssertionError):  # noqa: N818 - says what happened
    """The broker ended the connection where a packet was expected."""


class Silence(AssertionError):  # noqa: N818 - says what happened
    """Nothing came in time."""


def connect_packet(
    version: ProtocolVersion,
    client_id: str,
    *,
    clean: bool = True,
    keep_alive: int = 0,
    will: Will | None = None,
    username: str | None = None,
    password: bytes | None = None,
    **properties: Any,
) -> ConnectPacket:
    """A CONNECT; further arguments are properties of MQTT 5."""
    return ConnectPacket(
        version,
        client_id,
        clean_start=clean,
        keep_alive=keep_alive,
        username=username,
        password=password,
        will=will,
        properties=ConnectProperties(**properties),
    )


class Link:
    """Sends packets or bytes and expects packets, in the order in which they come.

    Invariant: every packet of the broker is handed out once, by ``receive``, ``expect`` or ``take``.
    """

    def __init__(
        self, address: Address, version: ProtocolVersion, *, receive_buffer: int = 0, source: str = ""
    ) -> None:
        """Open the connection. ``receive_buffer`` in bytes makes a reader whose socket fills soon; ``source`` is the
        address to come from."""
        self.version = version
        self.bytes_received = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(WAIT)
        try:
            if source:
                self._socket.bind((source, 0))
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser = Parser("client", version, max_packet_size=LARGEST_PACKET)
        self._ready: deque[Packet] = deque()
        self._ended = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # -- sending

    def send(self, *packets: Packet) -> None:
        """Send packets in one write."""
        self.send_bytes(b"".join(encode(packet, self.version) for packet in packets))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def try_send_bytes(self, data: bytes) -> bool:
        """Send bytes to a broker that may close before it has read them all; whether it took them."""
        try:
            self._socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            return False
        return True

    # -- receiving

    def receive(self, timeout: float = WAIT) -> Packet:
        """The next packet. Raises Ended, Silence, or AssertionError when the broker's bytes are no MQTT."""
        self._fill(time.monotonic() + timeout)
        return self._ready.popleft()

    def peek(self, timeout: float = WAIT) -> Packet:
        """The next packet, which stays the next one. Raises as ``receive``."""
        self._fill(time.monotonic() + timeout)
        return self._ready[0]

    def pending(self) -> int:
        """Number of packets that have arrived and not been handed out; looks once, without waiting."""
        while not self._ended and select.select([self._socket], [], [], 0)[0]:
            self._read()
        return len(self._ready)

    def expect(self, kind: type[P], timeout: float = WAIT, **fields: Any) -> P:
        """The next packet, which must be of this kind and have these field values."""
        packet = self.receive(timeout)
        problem = _difference(packet, kind, fields)
        assert not problem, f"expected {_wanted(kind, fields)}, got {_short(packet)}: {problem}"
        assert isinstance(packet, kind)
        return packet

    def take(self, kind: type[P], timeout: float = WAIT, **fields: Any) -> P:
        """The first packet of this kind with these field values; others keep their order for later."""
        deadline = time.monotonic() + timeout
        looked = 0
        while True:
            for index in range(looked, len(self._ready)):
                packet = self._ready[index]
                if not _difference(packet, kind, fields):
                    del self._ready[index]
                    assert isinstance(packet, kind)
                    return packet
            looked = len(self._ready)
            try:
                self._fill(deadline, looked + 1)
            except AssertionError as error:
                raise type(error)(f"waiting for {_wanted(kind, fields)}: {error}; there is {self._backlog()}") from None

    def expect_closed(self, timeout: float = WAIT) -> None:
        """The broker closes the connection and sends nothing more."""
        try:
            packet = self.receive(timeout)
        except Ended:
            return
        raise AssertionError(f"expected the end of the connection, got {_short(packet)}")

    def expect_refusal(self, *reasons: int, timeout: float = WAIT, promised: bool = True) -> None:
        """The broker ends the connection; in MQTT 5 it says one of these reasons in a DISCONNECT first [MQTT-4.13.1-1].

        A DISCONNECT is a "should" of the specification: with ``promised`` false it may be missing or say other things.
        """
        if self.version == ProtocolVersion.V5:
            try:
                said = self.expect(DisconnectPacket, timeout)
            except Ended:
                assert not promised, f"the connection ended without a DISCONNECT {[hex(r) for r in reasons]}"
                return
            assert said.properties.session_expiry_interval is None, f"not for a server [MQTT-3.14.2-2]: {said}"
            wanted = [hex(reason) for reason in reasons]
            assert not promised or said.reason_code in reasons, f"DISCONNECT {said} does not say one of {wanted}"
        self.expect_closed(timeout)

    def ping(self) -> None:
        """PINGREQ, and PINGRESP is the next packet: the connection lives, and nothing else had been sent."""
        self.send(PingReqPacket())
        self.expect(PingRespPacket)

    def read_to_end(self, timeout: float = WAIT) -> bytes:
        """Every byte up to the end of the connection, undecoded; for answers in a version we can't know."""
        deadline = time.monotonic() + timeout
        data = b""
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                raise Silence(f"the broker does not close the connection; it sent {data!r}")
            try:
                chunk = self._socket.recv(65_536)
            except ConnectionResetError:
                return data
            if not chunk:
                return data
            data += chunk

    def ping_through(self) -> None:
        """PINGREQ, and its answer comes, perhaps behind other packets: the broker has read all that we sent before."""
        self.send(PingReqPacket())
        self.take(PingRespPacket)

    # -- ending

    def close(self) -> None:
        """Close our end in good TCP order, without a word of MQTT."""
        self._socket.close()

    def half_close(self) -> None:
        """Say that we send nothing more, but go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Cut the connection with a TCP RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    # -- inside

    def _fill(self, deadline: float, at_least: int = 1) -> None:
        while len(self._ready) < at_least:
            if self._ended:
                raise Ended(f"the connection has ended: {self._ended}")
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                raise Silence("nothing came in time")
            self._read()

    def _read(self) -> None:
        try:
            data = self._socket.recv(262_144)
        except ConnectionResetError:
            self._ended = "reset by the broker"
            return
        if not data:
            self._ended = "closed by the broker"
            return
        self.bytes_received += len(data)
        try:
            self._ready += self._parser.feed(data)
        except ProtocolError as error:  # of an earlier feed
            raise AssertionError(f"the broker broke the protocol: {error}") from error
        if self._parser.error is not None and not self._ready:
            raise AssertionError(f"the broker broke the protocol: {self._parser.error}")

    def _backlog(self) -> str:
        return "nothing else" if not self._ready else ", ".join(_short(packet) for packet in list(self._ready)[:5])


def _difference(packet: object, kind: type[object], fields: dict[str, Any]) -> str:
    """What keeps a packet from being the wanted one, or an empty text."""
    if not isinstance(packet, kind):
        return f"it is no {kind.__name__}"
    for name, value in fields.items():
        actual = getattr(packet, name)
        if actual != value:
            return f"{name} is {_short(actual)}, not {_short(value)}"
    return ""


def _wanted(kind: type[object], fields: dict[str, Any]) -> str:
    return f"{kind.__name__}({', '.join(f'{name}={_short(value)}' for name, value in fields.items())})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:200]}...{text[-60:]}"
