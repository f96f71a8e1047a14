"""Commands and administration as words for people: what was asked, by whom, from where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.admin import (
    AccountRemoved,
    AccountSet,
    AclAdded,
    AclCacheCleared,
    AclRemoved,
    ApiKeyRemoved,
    ApiKeySet,
    Banned,
    ConnectionRemoved,
    ConnectionSet,
    ListenerSet,
    PluginSet,
    Unbanned,
    UserRemoved,
    UserSet,
)
from schemas.commands import ClearAcl, CommandDone, Expire, Kick, Order, Publish, Retain, Subscribe, Unsubscribe
from stack.logreader.bounds import time_text
from stack.logreader.payloads import PayloadForm, shown_payload

SHOWN_FILTERS = 3
"""Of many filters, so many are named."""


def command_words(event: Any, payloads: PayloadForm) -> list[str]:
    """What the event says, in pieces; no secret is among them."""
    words = _WORDS[type(event)](event)
    if isinstance(event, Publish | Retain):
        words.append(shown_payload(event.payload, payloads))
    order: Order | None = getattr(event, "order", None)
    return words if order is None else [*words, _asked(order)]


def _asked(order: Order) -> str:
    key = " by key" if order.keyed else ""
    meta = "".join(f" {name}={value}" for name, value in sorted(order.meta.items()))
    return f"{order.id}{key} of {order.actor} from {order.address}{meta}"


def _kick(e: Kick) -> list[str]:
    return [e.reason, "with its session" if e.end_session else "", f"of user {e.username}" if e.username else ""]


def _publish(e: Publish) -> list[str]:
    only = "" if e.deliver else " only"
    return [f"{e.topic} qos {e.qos}{f' retain{only}' if e.retain else ''}"]


def _filters(names: list[str]) -> list[str]:
    more = len(names) - SHOWN_FILTERS
    return [*names[:SHOWN_FILTERS], f"{more} more" if more > 0 else ""]


def _done(e: CommandDone) -> list[str]:
    codes = " ".join(f"0x{code:02x}" for code in e.codes[: 2 * SHOWN_FILTERS])
    return [f"{e.id} {e.outcome}", f"codes {codes}" if codes else "", f"{e.count} of them" if e.count else ""]


def _acl(e: AclAdded) -> list[str]:
    who = [f"{name} {value}" for name in ("username", "client_id", "address") if (value := getattr(e, name))]
    return [f"{'allow' if e.allow else 'deny'} {e.action} {e.topic} in {e.tenant}", *who, f"place {e.place}"]


def _banned(e: Banned) -> list[str]:
    until = f"until {time_text(e.until)}" if e.until else "for ever"
    return [f"{e.kind} {e.who} in {e.tenant}", until, e.reason]


def _key(e: ApiKeySet) -> list[str]:
    return [f"{e.app_id} {e.name}".strip(), f"{e.role} of {e.tenant}", "" if e.enabled else "disabled"]


_WORDS: dict[type[Any], Callable[[Any], list[str]]] = {
    Kick: _kick,
    Publish: _publish,
    Retain: lambda e: [f"{e.topic} qos {e.qos} retain{'' if e.deliver else ' only'}"],
    Subscribe: lambda e: _filters([f"{one.filter} (qos {one.qos})" for one in e.subscriptions]),
    Unsubscribe: lambda e: _filters(e.filters),
    Expire: lambda e: [f"sessions away for {e.expiry} s"],
    ClearAcl: lambda e: [e.topic or "all topics"],
    CommandDone: _done,
    UserSet: lambda e: [f"{e.username} in {e.tenant}", e.mode, "superuser" if e.superuser else ""],
    UserRemoved: lambda e: [f"{e.username} in {e.tenant}"],
    AclAdded: _acl,
    AclRemoved: lambda e: [f"{e.rule} in {e.tenant}"],
    Banned: _banned,
    Unbanned: lambda e: [f"{e.kind} {e.who} in {e.tenant}"],
    AccountSet: lambda e: [e.name, e.mode, f"{e.role or 'role as it is'} of {e.tenant or 'tenant as it is'}"],
    AccountRemoved: lambda e: [e.name],
    ApiKeySet: _key,
    ApiKeyRemoved: lambda e: [e.app_id],
    ConnectionSet: lambda e: [f"{e.connection_id} {e.name} in {e.tenant}", e.mode, e.url],
    ConnectionRemoved: lambda e: [f"{e.connection_id} in {e.tenant}"],
    PluginSet: lambda e: [f"{e.name} {_switch(e.active)}"],
    ListenerSet: lambda e: [f"{e.listener} of {e.node or 'every node'} {_switch(e.active)}"],
    AclCacheCleared: lambda e: [f"in {e.tenant}"],
}
"""How each command and each change of administration is told; a test proves that none is missing."""


def _switch(active: bool) -> str:
    return "on" if active else "off"


COMMAND_EVENTS = frozenset(_WORDS)
