"""Events as lines for people: time, place, kind, client and what happened, in columns; colours on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.admin import ADMIN_TYPES, AdminEvent
from schemas.events import (
    NEVER,
    AnyEvent,
    CommandDone,
    Connected,
    ConnectionStatus,
    Denied,
    Disconnected,
    Dropped,
    Kick,
    Measured,
    NodeLost,
    NodeStarted,
    NodeStopped,
    Progress,
    Publish,
    Published,
    Received,
    Refused,
    Released,
    Sending,
    SessionEnded,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    WillFired,
)
from schemas.positions import position_text
from schemas.registry import name_of
from stack.logreader.bounds import time_text
from stack.logreader.lines_of_commands import COMMAND_EVENTS, command_words
from stack.logreader.payloads import PayloadForm, shown_payload
from stack.logreader.select import DEFAULT_TENANT
from stack.logreader.sighting import Sighting

_RESET, _DIM, _BOLD = "\x1b[0m", "\x1b[2m", "\x1b[1m"
_RED, _GREEN, _YELLOW, _BLUE, _CYAN = (f"\x1b[{30 + n}m" for n in (1, 2, 3, 4, 6))
_COLOURS: dict[type[Any], str] = {
    Connected: _GREEN,
    Subscribed: _CYAN,
    Unsubscribed: _CYAN,
    Disconnected: _YELLOW,
    SessionEnded: _YELLOW,
    ConnectionStatus: _YELLOW,
    Refused: _RED,
    Denied: _RED,
    Dropped: _RED,
    NodeLost: _RED,
    Published: _BLUE,
    WillFired: _BLUE,
    Kick: _YELLOW,
    Publish: _BLUE,
    Subscribe: _CYAN,
    Unsubscribe: _CYAN,
    CommandDone: _GREEN,
}
_SHOWN_NAMES = 3
"""Of many filters or clients, so many are named."""


class LineWriter:
    """Makes the line of an event."""

    def __init__(self, payloads: PayloadForm, colours: bool) -> None:
        """``colours``: with the escape sequences of a terminal."""
        self._payloads = payloads
        self._colours = colours

    def line(self, sighting: Sighting) -> str:
        """The line, without its end."""
        event = sighting.event
        kind = name_of(event.KIND)
        columns = (
            self._in(_DIM, time_text(sighting.time)),
            self._in(_DIM, f"{sighting.place:<14}"),
            self._in(_COLOURS.get(type(event), ""), f"{kind:<13}"),
            self._in(_BOLD, f"{_client(event, sighting):<20}"),
            ("void " if sighting.void else "") + details(event, self._payloads),
        )
        return "  ".join(columns).rstrip()

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_RESET}" if self._colours and colour else text


def details(event: AnyEvent | AdminEvent | ConnectionStatus, payloads: PayloadForm) -> str:
    """What happened, in the fewest words."""
    if type(event) in COMMAND_EVENTS:
        return _joined(command_words(event, payloads))
    return _DETAILS[type(event)](event, payloads)


def _client(event: AnyEvent | AdminEvent | ConnectionStatus, sighting: Sighting) -> str:
    tenant: str | None = getattr(event, "tenant", None)
    if tenant is None or isinstance(event, ADMIN_TYPES):
        return printable(f"[{sighting.node}]")
    client_id: str = getattr(event, "client_id", "") or getattr(event, "connection_id", "")
    return printable(client_id if tenant == DEFAULT_TENANT else f"{tenant}/{client_id}")


def printable(text: str) -> str:
    """The text with control characters escaped, so that no client can write to the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _connected(e: Connected, payloads: PayloadForm) -> str:
    parts = [f"{e.protocol} from {e.address}:{e.port} on {e.listener}"]
    if e.username:
        parts.append(f"user {e.username}")
    parts.append("clean start" if e.clean_start else "")
    parts.append(f"expiry {_expiry(e.expiry)}")
    if e.will is not None:
        parts.append(f"will {e.will.topic} {shown_payload(e.will.payload, payloads)}")
    return _joined(parts)


def _refused(e: Refused, _: PayloadForm) -> str:
    user = f"user {e.username}" if e.username else ""
    return _joined([f"{e.protocol} from {e.address}:{e.port}", user, f"0x{e.reason_code:02x} {e.reason}"])


def _subscribed(e: Subscribed, _: PayloadForm) -> str:
    def one(s: Any) -> str:
        return f"{s.filter} (qos {s.qos})" if s.reason_code < 0x80 else f"{s.filter} (refused 0x{s.reason_code:02x})"

    return _some([one(s) for s in e.subscriptions])


def _unsubscribed(e: Unsubscribed, _: PayloadForm) -> str:
    return _some([u.filter if u.reason_code == 0 else f"{u.filter} (was none)" for u in e.unsubscriptions])


def _disconnected(e: Disconnected, _: PayloadForm) -> str:
    will = "will due" if e.will else ""
    return _joined([f"by {e.by}", f"0x{e.reason_code:02x} {e.reason}".strip(), f"expiry {_expiry(e.expiry)}", will])


def _published(e: Published | WillFired, payloads: PayloadForm) -> str:
    retain = " retain" if e.retain else ""
    return printable(f"{e.topic} qos {e.qos}{retain} {shown_payload(e.payload, payloads)}".rstrip())


def _dropped(e: Dropped, _: PayloadForm) -> str:
    ranges = [f"{position_text(p, first)}..{position_text(p, last)}" for p, first, last in e.ranges]
    return _joined([f"{e.count} messages: {e.reason}", _some(ranges)])


def _denied(e: Denied, _: PayloadForm) -> str:
    many = f"{e.count} publishes" if e.count > 1 else ""
    return _joined([printable(f"{e.topic} qos {e.qos}"), many, f"by rule {e.rule}" if e.rule else "by default"])


def _node_started(e: NodeStarted, _: PayloadForm) -> str:
    continues = f"continues {e.continues}" if e.continues >= 0 else ""
    return _joined([f"{e.node} incarnation {e.incarnation}", continues, f"version {e.version}"])


def _connection_status(e: ConnectionStatus, _: PayloadForm) -> str:
    why = "" if e.error is None else f"{e.error.code} {e.error.message}".strip()
    return _joined(["connected" if e.connected else "not connected", f"since {time_text(e.at)}", why])


_DETAILS: dict[type[Any], Callable[[Any, PayloadForm], str]] = {
    NodeStarted: _node_started,
    NodeStopped: lambda e, _: f"{e.node} incarnation {e.incarnation}",
    NodeLost: lambda e, _: f"{e.node} incarnation {e.incarnation}",
    Connected: _connected,
    ConnectionStatus: _connection_status,
    Refused: _refused,
    Subscribed: _subscribed,
    Unsubscribed: _unsubscribed,
    Disconnected: _disconnected,
    SessionEnded: lambda e, _: printable(e.reason),
    Sending: lambda e, _: _some([f"packet {m.packet_id} {position_text(m.partition, m.position)}" for m in e.messages]),
    Received: lambda e, _: _some([f"packet {number}" for number in e.packet_ids]),
    Progress: lambda e, _: _joined([f"applied {e.vector}", _some([s.client_id for s in e.sessions], "behind: ")]),
    Dropped: _dropped,
    Denied: _denied,
    Measured: lambda e, _: _some([c.client_id for c in e.clients], "of "),
    Published: _published,
    WillFired: _published,
    Released: lambda e, _: f"packet {e.packet_id}",
}
"""How each event is told; a test proves that none is missing."""


def _expiry(seconds: int) -> str:
    return "never" if seconds == NEVER else f"{seconds} s"


def _joined(parts: list[str]) -> str:
    return printable(", ".join(part for part in parts if part))


def _some(names: list[str], before: str = "") -> str:
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return printable(before + ", ".join(names[:_SHOWN_NAMES]) + more)
