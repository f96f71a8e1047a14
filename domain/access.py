"""Who may publish and subscribe what, and who is not let in: access rules and bans, judged. Pure.

Rules are asked in the order of :meth:`domain.admin.AdminState.rules_of`; the first that fits decides, then the
default. An allowing rule never fits more than it says: a subscription only when it covers the whole filter, no topic
that begins with ``$`` by a leading wildcard, and no client whose id or user, in the place of ``%c`` or ``%u``, would
add a level or a wildcard. A denying rule never fits less: a subscription that overlaps it, ``$`` topics too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeAlias

from domain.topics import SHARE_PREFIX, valid_filter
from schemas.admin import AclAdded, Banned

DEFAULT_TENANT = "default"
"""Of who says no other."""
LITERAL = "eq "
"""In front of a rule's topic: the rest is meant literally."""
LONGEST_PASSWORD = 1_024
"""Bytes that a password may have."""
MOST_LEVELS = 128
"""Levels that the topic of a rule may have."""
_PLACEHOLDER = re.compile("%[cu]")
_UNSAFE = re.compile(r"[/+#\0]")
_TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")

Network: TypeAlias = IPv4Network | IPv6Network


class Action(StrEnum):
    """What a client wants with a topic name, or with a topic filter."""

    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"


class Who(NamedTuple):
    """The client that asks."""

    client_id: str
    username: str
    address: str


class Decision(NamedTuple):
    """Whether something is allowed, and the id of the rule that says so; empty: the default does."""

    allowed: bool
    rule: str


class BoundRule(NamedTuple):
    """A rule as it stands for one client: its place-holders are filled in."""

    id: str
    allow: bool
    action: str
    topic: str
    literal: bool

    def fits(self, action: Action, topic: str) -> bool:
        """Whether the rule decides over a topic name (publish) or a valid topic filter (subscribe)."""
        if self.action not in ("all", action):
            return False
        if self.literal:
            return self.topic == topic
        return covers(self.topic, topic) if self.allow else overlaps(self.topic, topic)


class Rule:
    """An access rule, parsed. One that can't be understood fits nobody if it allows, and everybody if it denies."""

    __slots__ = ("_network", "event", "flawed")

    def __init__(self, event: AclAdded) -> None:
        self.event = event
        self._network = _network(event.address)
        self.flawed = bool(flaw_of_rule(event))

    def bind(self, who: Who) -> BoundRule | None:
        """The rule for a client; None when it does not concern it."""
        rule, name = self.event, self.event.order.id
        if self.flawed:
            return None if rule.allow else BoundRule(name, False, "all", "#", False)
        if (rule.username and rule.username != who.username) or (rule.client_id and rule.client_id != who.client_id):
            return None
        if self._network is not None and not _inside(self._network, who.address):
            return None
        if rule.topic.startswith(LITERAL):
            return BoundRule(name, rule.allow, rule.action, rule.topic[len(LITERAL) :], True)
        topic = _filled(rule.topic, who) if rule.allow else _filled_widely(rule.topic, who)
        return None if topic is None else BoundRule(name, rule.allow, rule.action, topic, False)


class Rules:
    """The access rules of a tenant, in order. Those that name a client or a user are found by that name, so that a
    client costs what its own rules and the general ones do."""

    def __init__(self, rules: Iterable[AclAdded], default: bool, before: Rules | None = None) -> None:
        """``default`` says whether what no rule fits is allowed. ``before`` are older rules of the tenant, of which is
        taken what is still the same."""
        known = before.parsed if before is not None else {}
        self.default = default
        self.parsed: dict[str, Rule] = {}
        """By id."""
        self._general: list[tuple[int, Rule]] = []
        self._by_name: dict[tuple[str, str], list[tuple[int, Rule]]] = {}
        for place, event in enumerate(rules):
            rule = known.get(event.order.id)
            if rule is None or rule.event is not event:
                rule = Rule(event)
            self.parsed[event.order.id] = rule
            self._found_by(rule).append((place, rule))

    def _found_by(self, rule: Rule) -> list[tuple[int, Rule]]:
        if rule.flawed or not (rule.event.client_id or rule.event.username):
            return self._general
        kind = "clientid" if rule.event.client_id else "username"
        return self._by_name.setdefault((kind, rule.event.client_id or rule.event.username), [])

    def bind(self, who: Who) -> BoundRules:
        """The rules as they stand for one client."""
        own = self._by_name.get(("clientid", who.client_id), []), self._by_name.get(("username", who.username), [])
        mine = sorted([*self._general, *own[0], *own[1]], key=_place) if any(own) else self._general
        bound = (rule.bind(who) for _, rule in mine)
        return BoundRules(tuple(rule for rule in bound if rule is not None), self.default)

    def check(self, who: Who, action: Action, topic: str) -> Decision:
        """What becomes of a client's wish, and which rule decides."""
        return self.bind(who).check(action, topic)


def _place(item: tuple[int, Rule]) -> int:
    return item[0]


class BoundRules(NamedTuple):
    """The rules of a tenant as they stand for one client."""

    rules: tuple[BoundRule, ...]
    default: bool

    def check(self, action: Action, topic: str) -> Decision:
        """What becomes of a publish to a topic name, or of a subscription to a valid filter, shared or not."""
        if action is Action.SUBSCRIBE and topic.startswith(SHARE_PREFIX):
            topic = topic.split("/", 2)[-1]
        for rule in self.rules:
            if rule.fits(action, topic):
                return Decision(rule.allow, rule.id)
        return Decision(self.default, "")


def covers(rule: str, asked: str) -> bool:
    """Whether every topic that the filter ``asked`` matches is matched by the filter ``rule``, as far as their levels
    show. A topic name is a filter that matches itself."""
    if asked[:1] == "$" and rule[:1] in ("+", "#"):
        return False
    allowed, wanted = rule.split("/"), asked.split("/")
    for i, level in enumerate(allowed):
        if level == "#":
            return True
        if i >= len(wanted) or wanted[i] == "#" or (level != "+" and level != wanted[i]):
            return False
    return len(allowed) == len(wanted)


def overlaps(rule: str, asked: str) -> bool:
    """Whether some topic is matched by both filters, where wildcards in front of ``rule`` mean ``$`` topics too."""
    if rule[:1] == "$" and asked[:1] in ("+", "#"):
        return False
    denied, wanted = rule.split("/"), asked.split("/")
    for one, other in zip(denied, wanted, strict=False):
        if "#" in (one, other):
            return True
        if one != other and "+" not in (one, other):
            return False
    longer = denied if len(denied) > len(wanted) else wanted
    shorter = min(len(denied), len(wanted))
    return len(longer) == shorter or longer[shorter] == "#"


def _filled(topic: str, who: Who) -> str | None:
    """The topic of an allowing rule for a client; None when a name of the client would change its levels."""
    used = {_value(found, who) for found in _PLACEHOLDER.findall(topic)}
    if any(not value or _UNSAFE.search(value) for value in used):
        return None
    return _PLACEHOLDER.sub(lambda found: _value(found[0], who), topic)


def _filled_widely(topic: str, who: Who) -> str:
    """The topic of a denying rule for a client; where its names make no filter of it, all that could be meant."""
    text = _PLACEHOLDER.sub(lambda found: _value(found[0], who), topic)
    if valid_filter(text, len(text) + 1):
        return text
    before = _PLACEHOLDER.split(topic, 1)[0]
    return before[: before.rfind("/") + 1] + "#"


def _value(placeholder: str, who: Who) -> str:
    return who.client_id if placeholder == "%c" else who.username


# Addresses


def canonical(address: str) -> str:
    """An address in the one way in which it is written here; as it is when it is none."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    mapped = found.ipv4_mapped if found.version == 6 else None
    return str(mapped or found)


def _network(text: str) -> Network | None:
    try:
        return ip_network(canonical(text), strict=False)
    except ValueError:
        return None


def _inside(network: Network, address: str) -> bool:
    try:
        return ip_address(canonical(address)) in network
    except ValueError:
        return False


# Bans


def ban_of(bans: Mapping[tuple[str, str, str], Banned], tenant: str, who: Who, now: int) -> Banned | None:
    """The ban in force, at a time in milliseconds, that concerns a client; None when there is none."""
    if not bans:
        return None
    for key in (("clientid", who.client_id), ("username", who.username), ("peerhost", canonical(who.address))):
        ban = bans.get((tenant, *key))
        if ban is not None and (not ban.until or now < ban.until):
            return ban
    return None


# Tenants


def tenant_and_user(text: str, otherwise: str) -> tuple[str, str]:
    """Tenant and user of ``tenant/user``; without a separator all of it is the user, of the tenant ``otherwise``."""
    tenant, separator, user = text.partition("/")
    return (tenant, user) if separator else (otherwise, text)


def valid_tenant(name: str) -> bool:
    """Whether the text can name a tenant: letters, digits, dot, underscore and hyphen, at most 64."""
    return _TENANT.fullmatch(name) is not None


# What may be asked for


def flaw_of_rule(rule: AclAdded) -> str:
    """What is wrong with a rule that somebody wants, in words; empty: nothing."""
    if rule.action not in ("publish", "subscribe", "all"):
        return "the action must be publish, subscribe or all"
    literal = rule.topic.startswith(LITERAL)
    if not valid_filter(rule.topic[len(LITERAL) :] if literal else rule.topic, MOST_LEVELS):
        return "the topic is no topic filter"
    if rule.address and _network(rule.address) is None:
        return "the address must be an IP address or a network such as 10.0.0.0/8"
    return ""


def flaw_of_ban(ban: Banned) -> str:
    """What is wrong with a ban that somebody wants, in words; empty: nothing."""
    if ban.kind not in ("clientid", "username", "peerhost"):
        return "a ban is of a clientid, username or peerhost"
    if not ban.who:
        return "a ban must say whom it concerns"
    if ban.kind == "peerhost" and (_network(ban.who) is None or "/" in ban.who):
        return "a peerhost is an IP address"
    if ban.kind == "peerhost" and canonical(ban.who) != ban.who:
        return f"the address is written {canonical(ban.who)}"
    return ""
