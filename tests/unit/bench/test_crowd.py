"""The crowd of clients with passwords, over real sockets: who is told to come back does."""

from __future__ import annotations

import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.load import crowd
from bench.load.crowd import Plan
from bench.load.links import Address
from bench.load.meter import BROKER
from bench.load.packets import UnexpectedPacketError, take

CLIENTS = 12


def login(number: int) -> tuple[str, str]:
    return f"user-{number}", "word"


@contextmanager
def broker(busy: bytes, wrong: bytes = b"") -> Iterator[tuple[Address, list[bytes]]]:
    """Refuses every second client of the crowd the first time it comes, with 3 or ``busy``; its names, as they come.

    A client with ``wrong`` in its CONNECT is told that its password is wrong.
    """
    names: list[bytes] = []

    class One(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """CONNECT, and of the one beside also PUBLISH after PUBLISH."""
            rest = b""
            while data := self.request.recv(4_096):
                packet, rest = take(rest + data)
                if packet is None:
                    continue
                if packet.first_byte & 0xF0 == 0x30:
                    topic = int.from_bytes(packet.body[:2], "big")
                    self.request.sendall(b"\x40\x02" + packet.body[2 + topic : 4 + topic])
                    continue
                five, name = packet.body[6] == 5, packet.body[10:].removeprefix(b"\0")[2:]
                again = name in names
                names.append(name)
                if wrong and wrong in name:
                    self.request.sendall(b"\x20\x03\x00\x86\x00" if five else b"\x20\x02\x00\x04")
                elif again or b"beside" in name or len(names) % 2:
                    self.request.sendall(b"\x20\x03\x00\x00\x00" if five else b"\x20\x02\x00\x00")
                else:
                    self.request.sendall(b"\x20\x03\x00" + busy + b"\x00" if five else b"\x20\x02\x00\x03")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), One) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Address("127.0.0.1", server.server_address[1]), names
        finally:
            server.shutdown()
            thread.join()


def plan(address: Address) -> Plan:
    groups = {BROKER: [os.getpid()]}
    return Plan(address, groups, CLIENTS, "crowd", login, beside=("there", "word"), hosts=3, quiet=0.1, patience=20)


def test_everybody_comes_in_and_it_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "PAUSES", (0.05, 0.1))
    with broker(b"\x89") as (address, names):
        outcome = crowd.run(plan(address))
    assert outcome.let_in.count == CLIENTS
    assert len(set(names)) == CLIENTS + 1
    assert sum(outcome.told.values()) == outcome.waiting == len(names) - CLIENTS - 1 > 0
    assert set(outcome.told) <= {"0x89", "3"}
    assert outcome.most_attempts == 2
    assert outcome.before.count > 0


def test_a_refusal_of_another_kind_ends_the_run() -> None:
    with broker(b"\x89", wrong=b"user-7") as (address, _), pytest.raises(UnexpectedPacketError, match="crowd-7"):
        crowd.run(plan(address))
