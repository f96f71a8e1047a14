"""Access rules and bans: which rule decides, what wildcards and names of clients can and can't do."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import (
    Action,
    Decision,
    Rules,
    Who,
    ban_of,
    canonical,
    covers,
    flaw_of_ban,
    flaw_of_rule,
    overlaps,
    tenant_and_user,
    valid_tenant,
)
from domain.topics import matches, valid_filter
from schemas.admin import AclAdded, Banned
from schemas.commands import Order

PUBLISH, SUBSCRIBE = Action.PUBLISH, Action.SUBSCRIBE
ALICE = Who("sensor-1", "alice", "10.1.2.3")


def order(name: str) -> Order:
    return Order(name, "admin", "127.0.0.1", "c", 0)


def allow(topic: str, action: str = "all", name: str = "a", **fields: str) -> AclAdded:
    return AclAdded(order(name), "t", True, action, topic, **fields)  # type: ignore[arg-type]


def deny(topic: str, action: str = "all", name: str = "d", **fields: str) -> AclAdded:
    return AclAdded(order(name), "t", False, action, topic, **fields)  # type: ignore[arg-type]


def allowed(rule: AclAdded, action: Action, topic: str, who: Who = ALICE) -> bool:
    """What one rule says; the default says the opposite."""
    return Rules([rule], not rule.allow).check(who, action, topic).allowed


def test_the_first_rule_that_fits_decides_then_the_default() -> None:
    rules = Rules([allow("a/b", name="1"), deny("a/#", name="2"), allow("a/c", name="3")], True)
    assert rules.check(ALICE, PUBLISH, "a/b") == Decision(True, "1")
    assert rules.check(ALICE, PUBLISH, "a/c") == Decision(False, "2")
    assert rules.check(ALICE, PUBLISH, "b") == Decision(True, "")
    assert Rules([], False).check(ALICE, SUBSCRIBE, "b") == Decision(False, "")


@pytest.mark.parametrize(
    ("rule", "action", "topic", "fits"),
    [
        (allow("a/+"), PUBLISH, "a/b", True),
        (allow("a/+"), PUBLISH, "a/b/c", False),
        (allow("a/#"), PUBLISH, "a", True),
        (allow("a/#", "subscribe"), PUBLISH, "a", False),
        (allow("a/#", "publish"), SUBSCRIBE, "a", False),
        (allow("#"), PUBLISH, "$SYS/x", False),
        (deny("#"), PUBLISH, "$SYS/x", True),
        (allow("#"), SUBSCRIBE, "$SYS/#", False),
        (deny("#"), SUBSCRIBE, "$SYS/#", True),
        (deny("$SYS/#"), SUBSCRIBE, "#", False),
        (allow("a/#"), SUBSCRIBE, "a/+/c", True),
        (allow("a/+"), SUBSCRIBE, "a/#", False),
        (allow("a/b"), SUBSCRIBE, "a/+", False),
        (deny("secret/#"), SUBSCRIBE, "#", True),
        (deny("secret/#"), SUBSCRIBE, "+/+", True),
        (deny("secret/#"), SUBSCRIBE, "other/#", False),
        (deny("secret/#"), SUBSCRIBE, "$share/g/secret/x", True),
        (allow("a/#"), SUBSCRIBE, "$share/g/a/x", True),
        (allow("eq a/+"), PUBLISH, "a/b", False),
        (allow("eq a/+"), SUBSCRIBE, "a/+", True),
        (allow("eq a/+"), SUBSCRIBE, "a/b", False),
        (deny("eq #"), SUBSCRIBE, "#", True),
        (deny("eq #"), SUBSCRIBE, "a", False),
        (allow("x", username="alice"), PUBLISH, "x", True),
        (allow("x", username="bob"), PUBLISH, "x", False),
        (allow("x", client_id="sensor-1"), PUBLISH, "x", True),
        (allow("x", client_id="sensor-2"), PUBLISH, "x", False),
        (allow("x", address="10.0.0.0/8"), PUBLISH, "x", True),
        (allow("x", address="10.1.2.3"), PUBLISH, "x", True),
        (allow("x", address="10.9.0.0/16"), PUBLISH, "x", False),
        (allow("x", address="nonsense"), PUBLISH, "x", False),
        (deny("x", address="nonsense"), PUBLISH, "y", True),
        (allow("a/#/b"), PUBLISH, "a/b", False),
        (allow("d/%c/u/%u"), PUBLISH, "d/sensor-1/u/alice", True),
        (allow("d/x-%c"), PUBLISH, "d/x-sensor-1", True),
        (allow("d/%c"), PUBLISH, "d/sensor-2", False),
    ],
)
def test_a_rule_fits(rule: AclAdded, action: Action, topic: str, fits: bool) -> None:
    assert allowed(rule, action, topic) is (rule.allow if fits else not rule.allow)


def test_an_address_of_ipv4_in_ipv6_is_the_one_of_ipv4() -> None:
    who = Who("c", "u", "::ffff:10.1.2.3")
    assert allowed(allow("x", address="10.0.0.0/8"), PUBLISH, "x", who)
    assert canonical("::ffff:10.1.2.3") == "10.1.2.3"
    assert canonical("2001:DB8::0001") == "2001:db8::1"


NAMES = st.text("ab/+#%cu$", max_size=5)
LEVEL = st.sampled_from(["a", "b", "", "$x", "%c", "%u", "x%c"])
FILTER = st.lists(st.sampled_from(["a", "b", "", "+", "$x"]), min_size=1, max_size=4).flatmap(
    lambda levels: st.sampled_from(["/".join(levels), "/".join([*levels[:-1], "#"])])
)
TOPICS = ["/".join(levels) for n in range(1, 5) for levels in product(["a", "b", "", "$x"], repeat=n)]


@given(FILTER, FILTER)
def test_what_an_allowing_rule_covers_is_matched_by_it_whole(rule: str, asked: str) -> None:
    if covers(rule, asked):
        assert all(matches(rule, topic) for topic in TOPICS if matches(asked, topic))


@given(FILTER, FILTER)
def test_a_denying_rule_overlaps_where_a_topic_is_matched_by_both(rule: str, asked: str) -> None:
    def wide(topic: str) -> bool:
        return matches(rule.replace("$x", "x"), topic.replace("$x", "x"))

    shared = [topic for topic in TOPICS if matches(asked, topic) and wide(topic)]
    assert overlaps(rule, asked) is bool(shared)


@given(st.lists(LEVEL, min_size=1, max_size=3), NAMES, NAMES, st.sampled_from(TOPICS))
def test_no_name_of_a_client_widens_an_allowing_rule(levels: list[str], client_id: str, user: str, topic: str) -> None:
    """Whoever it is: a topic that is let through has the rule's levels, and the client's names where they belong."""
    rule, who = "/".join(levels), Who(client_id, user, "")
    if allowed(allow(rule), PUBLISH, topic, who):
        got = topic.split("/")
        assert len(got) == len(levels)
        for level, found in zip(levels, got, strict=True):
            if level == "%c":
                assert found == client_id != ""
            elif level == "%u":
                assert found == user != ""
            elif "%" not in level:
                assert found == level


@given(NAMES, NAMES, FILTER)
def test_no_name_of_a_client_gets_a_wildcard_through_an_allowing_rule(client_id: str, user: str, asked: str) -> None:
    who = Who(client_id, user, "")
    if allowed(allow("a/%c/%u"), SUBSCRIBE, asked, who):
        assert asked == f"a/{client_id}/{user}"
        assert "+" not in asked
        assert "#" not in asked


@given(NAMES)
def test_no_name_of_a_client_narrows_a_denying_rule(client_id: str) -> None:
    who, topic = Who(client_id, "", ""), f"d/{client_id}/secret"
    if "+" not in topic and "#" not in topic:
        assert not allowed(deny("d/%c/secret"), PUBLISH, topic, who)
    if valid_filter(topic, 99):
        assert not allowed(deny("d/%c/secret"), SUBSCRIBE, topic, who)


def test_a_name_that_makes_no_filter_of_a_denying_rule_is_denied_all_that_could_be_meant() -> None:
    assert not allowed(deny("d/%c/secret"), PUBLISH, "d/anything", Who("a#", "", ""))
    assert allowed(deny("d/%c/secret"), PUBLISH, "e/anything", Who("a#", "", ""))


def test_a_place_holder_in_a_name_is_a_name() -> None:
    assert not allowed(allow("d/%c"), PUBLISH, "d/bob", Who("%u", "bob", ""))
    assert allowed(allow("d/%c"), PUBLISH, "d/%u", Who("%u", "bob", ""))


def ban(kind: str, who: str, until: int = 0) -> Banned:
    return Banned(order("b"), "set", "t", kind, who, "admin", "", 0, until)


@pytest.mark.parametrize(("kind", "who"), [("clientid", "sensor-1"), ("username", "alice"), ("peerhost", "10.1.2.3")])
def test_a_ban_is_in_force_until_its_end_and_in_its_tenant(kind: str, who: str) -> None:
    bans = {("t", kind, who): ban(kind, who, 1_000)}
    assert ban_of(bans, "t", ALICE, 999) is not None
    assert ban_of(bans, "t", ALICE, 1_000) is None
    assert ban_of(bans, "u", ALICE, 0) is None
    assert ban_of({}, "t", ALICE, 0) is None
    assert ban_of({("t", kind, who): ban(kind, who)}, "t", ALICE, 2**50) is not None


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["", "sensor-1", "other"]), st.sampled_from(["", "alice", "bob"])),
        max_size=8,
    )
)
def test_rules_that_name_somebody_keep_their_place(made: list[tuple[bool, str, str]]) -> None:
    rules = [
        AclAdded(order(str(n)), "t", allows, "all", "x", user, client_id)
        for n, (allows, client_id, user) in enumerate(made)
    ]
    first = [r for r in rules if r.client_id in ("", "sensor-1") and r.username in ("", "alice")][:1]
    wanted = Decision(first[0].allow, first[0].order.id) if first else Decision(True, "")
    assert Rules(rules, True).check(ALICE, PUBLISH, "x") == wanted
    assert Rules(rules, True, Rules(rules[::2], False)).check(ALICE, PUBLISH, "x") == wanted


def test_another_rule_of_the_same_name_takes_its_place() -> None:
    before = Rules([allow("x", name="1")], False)
    assert not Rules([deny("x", name="1")], True, before).check(ALICE, PUBLISH, "x").allowed


def test_flaws_are_told() -> None:
    assert flaw_of_rule(allow("a/%c/#")) == ""
    assert "filter" in flaw_of_rule(allow("a/#/b"))
    assert "action" in flaw_of_rule(allow("a", "both"))
    assert "address" in flaw_of_rule(allow("a", address="10.0.0.0/99"))
    assert flaw_of_ban(ban("peerhost", "10.1.2.3")) == ""
    assert "::1" in flaw_of_ban(ban("peerhost", "0:0::1"))
    assert flaw_of_ban(ban("peerhost", "host")) != ""
    assert flaw_of_ban(ban("nobody", "x")) != ""
    assert flaw_of_ban(ban("username", "")) != ""


def test_a_tenant_is_named_in_front_of_the_user() -> None:
    assert tenant_and_user("acme/bob", "default") == ("acme", "bob")
    assert tenant_and_user("acme/a/b", "default") == ("acme", "a/b")
    assert tenant_and_user("bob", "default") == ("default", "bob")
    assert valid_tenant("Acme_1.x-y")
    for name in ("", "*", "a b", "a/b", "a\0", "ä", "x" * 65, "a\n"):
        assert not valid_tenant(name)
