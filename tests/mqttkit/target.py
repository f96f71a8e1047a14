"""The broker under test, as tests see it: an address, a process, and a few things it promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tests.mqttkit.link import Address


@dataclass(frozen=True, slots=True)
class Promises:
    """What a broker promises beyond the specification, or where it makes use of a choice."""

    max_packet_size: int
    """Largest packet it accepts, in bytes."""
    connect_timeout: float | None
    """Seconds a connection may stay without CONNECT; None when that is nothing to wait for."""
    keep_alive_slack: float
    """Seconds after one and a half times the keep alive within which it has noticed."""
    reasons: bool
    """It says why in a DISCONNECT wherever MQTT 5 lets it, with the code that the specification names."""
    durable: bool
    """What it has acknowledged survives ``kill -9``."""


class Target(Protocol):
    """A broker in a process of its own. ``stop``, ``kill`` and ``start`` keep its address and its data."""

    name: str
    promises: Promises

    @property
    def address(self) -> Address:
        """Host and port of its MQTT listener."""

    @property
    def pid(self) -> int:
        """Id of its running process."""

    def start(self) -> None:
        """Start it and wait until it takes clients."""

    def stop(self) -> None:
        """Ask it to stop and wait until it has."""

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone."""
