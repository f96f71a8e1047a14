"""Non-blocking connections to a broker: opened many at a time, through the MQTT handshake, then handed to a load."""

from __future__ import annotations

import errno
import resource
import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bench.load import packets
from bench.load.packets import QoS, UnexpectedPacketError, Version, Whole

READ_BYTES = 262_144
IP_BIND_ADDRESS_NO_PORT = 24
"""Of Linux (ip(7)); Python 3.11 has no name for it."""
OPENING_AT_ONCE = 64


class PeerClosedError(ConnectionError):
    """The broker closed a connection that a load still needed."""


class TooLateError(TimeoutError):
    """The broker did not do in time what the load waits for; the text says what is missing."""


def raise_open_files(wanted: int) -> None:
    """Let this process, and those it starts, have ``wanted`` files open; raises OSError when the system forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise OSError(errno.EMFILE, f"{wanted} open files are needed, the hard limit is {hard}; raise ulimit -n")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker listens."""

    host: str
    port: int


@dataclass(slots=True, eq=False)
class Link:
    """One open connection; ``rest`` holds the bytes of a packet that hasn't come whole."""

    socket: socket.socket
    name: str
    rest: bytes = b""

    @classmethod
    def open(cls, address: Address, name: str, host: str = "") -> Link:
        """A connection under way, from an address of this machine if one is named; it is open once it is writable."""
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if host:
            # The port is chosen by connect(), which knows both ends: bind() would look for one that nobody uses.
            made.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            made.bind((host, 0))
        code = made.connect_ex((address.host, address.port))
        if code not in (0, errno.EINPROGRESS):
            made.close()
            raise OSError(code, f"can't connect to {address.host}:{address.port}: {errno.errorcode.get(code, code)}")
        return cls(made, name)

    def fileno(self) -> int:
        """The file descriptor, for epoll."""
        return self.socket.fileno()

    def read(self) -> bytes:
        """What has come, b'' when nothing has; raises PeerClosedError at the end of the stream."""
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        if not data:
            raise PeerClosedError(f"the broker closed the connection of {self.name}")
        return data

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Bytes that the system took, 0 when its buffer is full."""
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0

    def write_whole(self, data: bytes) -> None:
        """Send a small packet at once; raises BlockingIOError when not even that fits the system's buffer."""
        if self.socket.send(data) != len(data):
            raise BlockingIOError(errno.EAGAIN, f"the send buffer of {self.name} is full")

    def next_packet(self) -> Whole | None:
        """The next whole packet, read or still to be read; None while there is none."""
        found, self.rest = packets.take(self.rest)
        if found is None:
            self.rest += self.read()
            found, self.rest = packets.take(self.rest)
        return found

    def close(self) -> None:
        """Close the socket; the broker sees the end of the stream."""
        self.socket.close()

    def end(self) -> None:
        """Say DISCONNECT if the system takes it, then close."""
        try:
            self.write(packets.DISCONNECT)
        except OSError as gone:
            if gone.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise
        self.close()


@dataclass(slots=True)
class Handshake:
    """Opens links and takes each through CONNECT, and SUBSCRIBE where it has one, some at a time."""

    address: Address
    version: Version
    timeout: float = 60.0
    links: list[Link] = field(default_factory=list)

    def open(self, names: Iterable[str]) -> list[Link]:
        """Links connected with a clean start, in the order of their names; raises TooLateError after ``timeout``."""
        waiting = list(names)
        connects = [packets.connect(name, self.version) for name in waiting]
        opened: list[Link] = []
        for begin in range(0, len(waiting), OPENING_AT_ONCE):
            some = [Link.open(self.address, name) for name in waiting[begin : begin + OPENING_AT_ONCE]]
            self.links.extend(some)
            self._ask(some, connects[begin : begin + OPENING_AT_ONCE], packets.check_connack)
            opened.extend(some)
        return opened

    def subscribe(self, links: Sequence[Link], topic_filter: str, qos: QoS) -> None:
        """Subscribe each link to one filter and wait for all SUBACKs."""
        request = packets.subscribe(topic_filter, self.version, qos=qos)
        self._ask(links, [request] * len(links), lambda answer: packets.check_suback(answer, qos))

    def ping(self, links: Sequence[Link]) -> None:
        """Wait for a PINGRESP on each link; raises UnexpectedPacketError when anything else was still on its way."""
        self._ask(links, [packets.PINGREQ] * len(links), packets.check_pingresp)

    def close(self) -> None:
        """End all links that were ever opened here."""
        for link in self.links:
            if link.fileno() >= 0:
                link.end()

    def _ask(self, links: Sequence[Link], requests: Sequence[bytes], check: Callable[[Whole], object]) -> None:
        """Send each link its request and check the one packet that each gets in return."""
        deadline = time.perf_counter() + self.timeout
        asked = {link.fileno(): (link, request) for link, request in zip(links, requests, strict=True)}
        with select.epoll() as poll:
            for fd in asked:
                poll.register(fd, select.EPOLLOUT)
            while asked:
                events = poll.poll(max(0.0, deadline - time.perf_counter()))
                if not events:
                    raise TooLateError(f"{len(asked)} connections got no answer within {self.timeout:.0f} s")
                for fd, event in events:
                    link, request = asked[fd]
                    if event & select.EPOLLOUT:
                        raise_refusal(link)
                        link.write_whole(request)
                        poll.modify(fd, select.EPOLLIN)
                    elif (answer := link.next_packet()) is not None:
                        check(answer)
                        if link.rest:
                            raise UnexpectedPacketError(f"{link.name} got more than its answer: {link.rest[:16]!r}")
                        del asked[fd]
                        poll.unregister(fd)


def raise_refusal(link: Link) -> None:
    """Nothing when the connection is open; raises OSError with the reason when it could not be opened."""
    code = link.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, f"{link.name} could not connect: {errno.errorcode.get(code, code)}")
