"""Secrets at rest: what is sealed, what opens it, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.sealed import PARTS, NotOpenedError, Sealer, sealer
from schemas.settings import Secret, SettingsError

OLD, NEW = "o" * 32, "n" * 32
SECRETS = {"password": b"hunter2", "key": b"-----BEGIN PRIVATE KEY-----"}


@given(st.dictionaries(st.sampled_from(PARTS), st.binary(min_size=1)))
def test_what_is_sealed_opens(parts: dict[str, bytes]) -> None:
    sealed = Sealer([NEW]).seal(parts, "default", "one")
    assert Sealer([NEW]).open(sealed, "default", "one") == parts


def test_nothing_of_it_can_be_read() -> None:
    sealed = Sealer([NEW]).seal(SECRETS, "default", "one")
    assert not any(secret in sealed for secret in SECRETS.values())


def test_it_opens_with_an_older_key_and_is_sealed_with_the_newest() -> None:
    sealed = Sealer([OLD]).seal(SECRETS, "default", "one")
    assert Sealer([NEW, OLD]).open(sealed, "default", "one") == SECRETS
    assert Sealer([NEW]).open(Sealer([NEW, OLD]).seal(SECRETS, "default", "one"), "default", "one") == SECRETS


@pytest.mark.parametrize(("tenant", "connection"), [("other", "one"), ("default", "two"), ("defaulto", "ne")])
def test_it_opens_for_no_other_connection(tenant: str, connection: str) -> None:
    with pytest.raises(NotOpenedError):
        Sealer([NEW]).open(Sealer([NEW]).seal(SECRETS, "default", "one"), tenant, connection)


def test_another_key_or_damage_does_not_open_it() -> None:
    sealed = Sealer([NEW]).seal(SECRETS, "default", "one")
    for keys, text in (([OLD], sealed), ([NEW], sealed[:-1] + bytes([sealed[-1] ^ 1])), ([NEW], b"short")):
        with pytest.raises(NotOpenedError):
            Sealer(keys).open(text, "default", "one")


def test_nothing_needs_no_seal() -> None:
    assert Sealer([NEW]).seal({"password": b""}, "default", "one") == b""
    assert Sealer([OLD]).open(b"", "default", "one") == {}


def test_the_setting() -> None:
    assert sealer(Secret("")) is None
    assert sealer(Secret(f"{NEW}, {OLD}")) is not None
    with pytest.raises(SettingsError, match="less than 32"):
        sealer(Secret(f"{NEW},short"))
