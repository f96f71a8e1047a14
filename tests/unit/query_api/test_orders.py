"""Ids and fingerprints of commands."""

from __future__ import annotations

from query_api.commands.order import fingerprint, keyed_id, order_of, without_order
from query_api.commands.outcome import Asker
from schemas.admin import Banned, UserSet
from schemas.commands import Kick

ANN = Asker("ann", "192.0.2.1", "corr")


def kick(client_id: str, order: object = None) -> Kick:
    return Kick("default", client_id, order or without_order(), "why", True)  # type: ignore[arg-type]


def test_without_a_key_each_command_is_another() -> None:
    one, other = (order_of(ANN, "default", kick("c"), 1_000, 5_000) for _ in range(2))
    assert one.id != other.id
    assert (one.keyed, one.fingerprint, one.at, one.not_after) == (False, "", 1_000, 6_000)
    assert (one.actor, one.address, one.correlation) == ("ann", "192.0.2.1", "corr")


def test_a_key_gives_the_id_by_tenant() -> None:
    keyed = Asker("ann", "", "", "native/k")
    one, again = (order_of(keyed, "default", kick("c"), at, 5_000) for at in (1, 2))
    assert one.id == again.id == keyed_id("default", "native/k")
    assert one.fingerprint == again.fingerprint
    assert one.keyed
    assert keyed_id("acme", "native/k") != one.id
    assert keyed_id("default", "emqx4/k") != one.id
    assert keyed_id("a", "bc") != keyed_id("ab", "c")


def test_the_fingerprint_is_of_what_is_asked_and_not_of_who_asks_when() -> None:
    order = order_of(ANN, "default", kick("c"), 1, 1)
    assert fingerprint(kick("c")) == fingerprint(kick("c", order))
    assert fingerprint(kick("c")) != fingerprint(kick("d"))


def test_another_secret_is_another_command() -> None:
    user = UserSet(without_order(), "add", "default", "u", "$argon2")
    one, same, other = (Asker("ann", "", "", "native/k", secret) for secret in ("sealed", "sealed", "sealed otherwise"))
    orders = [order_of(asker, "default", user, 1, 1) for asker in (one, same, other)]
    assert orders[0].fingerprint == orders[1].fingerprint != orders[2].fingerprint
    assert fingerprint(user) == fingerprint(user, "")
    assert "sealed" not in repr(orders) + repr(one)


def test_salts_and_times_are_not_in_the_fingerprint() -> None:
    def user(password: str, name: str = "u") -> UserSet:
        return UserSet(without_order(), "add", "default", name, password)

    def ban(until: int) -> Banned:
        return Banned(without_order(), "add", "default", "clientid", "c", "by", "", until, until)

    assert fingerprint(user("$1")) == fingerprint(user("$2"))
    assert fingerprint(user("$1")) != fingerprint(user("$1", "v"))
    assert fingerprint(ban(1)) == fingerprint(ban(2))
