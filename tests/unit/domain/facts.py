"""Events of one client, made with the fewest words."""

from __future__ import annotations

from domain.session import At
from schemas.events import (
    NEVER,
    Connected,
    Cursor,
    Disconnected,
    SessionEnded,
    Subscribed,
    Subscription,
    Unsubscribed,
    Unsubscription,
    Will,
    WillFired,
)
from schemas.positions import position

WHO = ("default", "client")


def at(offset: int, time: int = 0, node: str = "node-1", incarnation: int = 1) -> At:
    """The first event of a frame of partition 3."""
    return At(3, position(offset, 0), time, node, incarnation)


def connected(expiry: int = NEVER, clean: bool = False, will: Will | None = None) -> Connected:
    """CONNECT."""
    return Connected(
        *WHO, "", "mqtt5", 5, "127.0.0.1", 1, "mqtt:tcp", clean, expiry, 0, 65_535, 0, 0, False, True, will
    )


def disconnected(epoch: int, expiry: int = NEVER, will: bool = True) -> Disconnected:
    """The end of a connection."""
    return Disconnected(*WHO, epoch, 0, "why", "client", expiry, will, [], Cursor([]))


def subscribed(epoch: int, *subscriptions: Subscription) -> Subscribed:
    """SUBSCRIBE."""
    return Subscribed(*WHO, epoch, [], list(subscriptions))


def unsubscribed(epoch: int, *gone: Unsubscription) -> Unsubscribed:
    """UNSUBSCRIBE."""
    return Unsubscribed(*WHO, epoch, [], list(gone))


def ended(epoch: int) -> SessionEnded:
    """The end of a session."""
    return SessionEnded(*WHO, epoch, "expired")


def fired(epoch: int) -> WillFired:
    """A will is published."""
    return WillFired(*WHO, epoch, "w", 0, False, b"", b"")
