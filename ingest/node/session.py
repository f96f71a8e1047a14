"""A session as its home and its node hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.fences import Fences
from domain.outbox import Outbox
from domain.session import SessionState
from domain.wills import Wills

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection


class Session:
    """Invariants: ``state`` is what the fold of the log says; ``connection`` is set only while this process holds the
    connection of ``epoch``."""

    __slots__ = (
        "behind",
        "client_id",
        "connection",
        "epoch",
        "inbound",
        "outbox",
        "partition",
        "persistent",
        "reading",
        "reported",
        "state",
        "tenant",
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
        """The last ``progress`` named it as not caught up."""
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
        self.behind = False


class Home:
    """What a node keeps for one partition as the home of its sessions."""

    __slots__ = ("dirty", "fences", "partition", "unsettled", "wills")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.fences = Fences()
        self.wills = Wills()
        self.dirty: set[Session] = set()
        """Persistent sessions connected here whose cursor moved since the last ``progress``."""
        self.unsettled: set[Session] = set()
        """While folding the past: online sessions that have entries."""
