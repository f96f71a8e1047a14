"""A broker's silhouette: accepts anybody and acknowledges every QoS 1 message at once, without doing anything with it.

It answers whole reads by copying identifiers in strides, so that what a generator reaches against it is the
generator's own limit and that of the two processes' system calls.
"""

from __future__ import annotations

import multiprocessing
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from bench.load import packets
from bench.load.links import READ_BYTES, Address, raise_open_files

CONNACK: bytes = b"\x20\x02\x00\x00"
PINGRESP: bytes = b"\xd0\x00"
OPEN_FILES = 5_000
BACKLOG = 1_024


@dataclass(slots=True, eq=False)
class Client:
    """One connection: the size of its messages and where their identifiers are, once the first has come."""

    socket: socket.socket
    rest: bytes = b""
    size: int = 0
    identifier_at: int = 0

    def answers(self, data: bytes) -> bytes | bytearray:
        """What the bytes that came are to be answered with."""
        data = self.rest + data if self.rest else data
        if data[:1] == b"\x10":
            found, self.rest = packets.take(data)
            return CONNACK if found else b""
        if not self.size and not self._learn(data):
            self.rest = data
            return b""
        return self._pubacks(data)

    def _learn(self, data: bytes) -> bool:
        """Take size and layout from the first message; all others are alike."""
        found, after = packets.take(data)
        if found is None:
            return False
        if found.first_byte == packets.DISCONNECT[0]:
            return False
        self.size = len(data) - len(after)
        topic_bytes = int.from_bytes(found.body[:2], "big")
        self.identifier_at = self.size - len(found.body) + 2 + topic_bytes
        return True

    def _pubacks(self, data: bytes) -> bytearray:
        count = len(data) // self.size
        whole, self.rest = data[: count * self.size], data[count * self.size :]
        out = bytearray(b"\x40\x02\x00\x00" * count)
        out[2::4] = whole[self.identifier_at :: self.size]
        out[3::4] = whole[self.identifier_at + 1 :: self.size]
        return out


@contextmanager
def running() -> Iterator[tuple[Address, int]]:
    """A sink in a process of its own: where it listens and its process id; gone on leaving."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        assert process.pid is not None
        yield Address("127.0.0.1", ours.recv()), process.pid
    finally:
        process.kill()
        process.join()
        ours.close()


def serve(told: Connection) -> None:
    """Listen on a free port of 127.0.0.1, tell which, and answer until killed."""
    raise_open_files(OPEN_FILES)
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setblocking(False)
    told.send(listener.getsockname()[1])
    clients: dict[int, Client] = {}
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    while True:
        for fd, _ in poll.poll(-1, 1_024):
            if fd == listener.fileno():
                accepted, _ = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[accepted.fileno()] = Client(accepted)
                poll.register(accepted.fileno(), select.EPOLLIN)
            elif not _answer(clients[fd]):
                clients.pop(fd).socket.close()


def _answer(client: Client) -> bool:
    """Answer what has come; False at the end of the stream. Answers are small: a full buffer is an error."""
    try:
        data = client.socket.recv(READ_BYTES)
    except ConnectionResetError:
        return False
    if data and (answer := client.answers(data)):
        client.socket.sendall(answer)
    return bool(data)
