"""A session as its home and its node hold it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from domain.commands import Command, CommandWindow
from domain.fences import Fences
from domain.outbox import Entry, Outbox
from domain.session import At, SessionState
from domain.wills import Wills
from schemas.positions import Position

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection
    from ingest.node.attach import Left
    from ingest.node.commands import Verdict

_LEFT = 1_024
"""Unsubscribes of a partition that are remembered: those that may lie between a subscribe and its vector."""


class Session:
    """Invariants: ``state`` is what the fold of the log says; ``connection`` is set only while this process holds the
    connection of ``epoch``."""

    __slots__ = (
        "behind",
        "client_id",
        "connection",
        "epoch",
        "inbound",
        "late",
        "outbox",
        "partition",
        "persistent",
        "reading",
        "reported",
        "state",
        "tenant",
        "unlogged",
    )

    def __init__(self, tenant: str, client_id: str, partition: int) -> None:
        self.tenant = tenant
        self.client_id = client_id
        self.partition = partition
        self.state: SessionState | None = None
        self.epoch = -1
        self.persistent = False
        self.outbox: Outbox | None = None
        self.connection: Connection | None = None
        self.inbound: set[int] | None = None
        """Packet identifiers of QoS 2 publishes that are not released yet."""
        self.behind = False
        """It had messages when it was connected, or the last ``progress`` named it, and was not named since."""
        self.late: list[tuple[Entry, Position]] | None = None
        """While folding the past: entries that a ``subscribed`` made, and its position. A cursor that was taken before
        the node had applied it does not speak of them."""
        self.unlogged: set[int] | None = None
        """QoS 2 identifiers in use whose ``sending`` is not in the log yet."""
        self.reading = False
        """A payload it needs next is being read from the log."""
        self.reported = 0
        """Queue length that was last reported to the log."""

    @property
    def key(self) -> tuple[str, str]:
        """Tenant and client id."""
        return self.tenant, self.client_id

    def box(self) -> Outbox:
        """The outbox, made when first needed."""
        if self.outbox is None:
            self.outbox = Outbox()
        return self.outbox

    def reset(self) -> None:
        """Forget what belongs to a session that is over."""
        self.outbox = None
        self.inbound = None
        self.late = None
        self.unlogged = None
        self.behind = False


class Home:
    """What a node keeps for one partition as the home of its sessions."""

    __slots__ = ("dirty", "fences", "left", "open", "partition", "unsettled", "wills", "window")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.fences = Fences()
        self.wills = Wills()
        self.dirty: set[Session] = set()
        """Persistent sessions connected here whose cursor moved since the last ``progress``."""
        self.unsettled: set[Session] = set()
        """While folding the past: online sessions that have entries."""
        self.left: deque[Left] = deque(maxlen=_LEFT)
        """What sessions have given back lately."""
        self.window = CommandWindow()
        self.open: dict[str, tuple[Command, At, Verdict | None]] = {}
        """Commands that count and have no outcome in the log, by id; of messages that are published, what it is."""
