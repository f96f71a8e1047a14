"""Tokens open only as what they were made, by whoever shares a key."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.tokens import LONGEST_TOKEN, PATTERN, TAG_BYTES, BadTokenError, Tokens, parse_keys
from schemas.settings import Secret, SettingsError

OLD, NEW = b"o" * 32, b"n" * 32
TOKENS = Tokens([NEW, OLD])
contexts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=4).map(tuple)
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(max_size=60), contexts)
def test_round_trip(payload: bytes, context: tuple[str, ...]) -> None:
    token = TOKENS.seal("page", context, payload)
    assert set(token) <= set(BASE64)
    assert TOKENS.open("page", context, token) == payload


@given(st.binary(max_size=20), contexts, contexts)
def test_a_foreign_context_or_purpose_is_refused(
    payload: bytes, context: tuple[str, ...], other: tuple[str, ...]
) -> None:
    token = TOKENS.seal("page", context, payload)
    if context != other:
        with pytest.raises(BadTokenError):
            TOKENS.open("page", other, token)
    with pytest.raises(BadTokenError):
        TOKENS.open("position", context, token)


def test_contexts_are_told_apart_by_their_parts() -> None:
    token = TOKENS.seal("page", ("a", "bc"), b"x")
    with pytest.raises(BadTokenError):
        TOKENS.open("page", ("ab", "c"), token)


def test_every_single_character_counts() -> None:
    token = TOKENS.seal("page", (), b"device-1")
    for place in range(len(token)):
        for char in BASE64:
            altered = token[:place] + char + token[place + 1 :]
            if altered != token:
                with pytest.raises(BadTokenError):
                    TOKENS.open("page", (), altered)


@given(st.text(max_size=80) | st.text(BASE64, max_size=80))
def test_anything_else_is_a_bad_token(text: str) -> None:
    with pytest.raises(BadTokenError):
        TOKENS.open("page", (), text)


@pytest.mark.parametrize(
    "change", [lambda t: t + "=", lambda t: t[:-1], lambda t: t + "A", lambda t: " " + t, lambda t: t * 2]
)
def test_other_spellings_are_bad_tokens(change: Callable[[str], str]) -> None:
    with pytest.raises(BadTokenError):
        TOKENS.open("page", (), change(TOKENS.seal("page", (), b"device-1")))


def test_rotation() -> None:
    before, after = Tokens([OLD]), Tokens([NEW])
    assert TOKENS.open("page", (), before.seal("page", (), b"x")) == b"x"
    assert after.open("page", (), TOKENS.seal("page", (), b"x")) == b"x"
    with pytest.raises(BadTokenError):
        after.open("page", (), before.seal("page", (), b"x"))


def test_the_tag_has_128_bits() -> None:
    assert TAG_BYTES * 8 >= 128


def test_keys_are_read_from_the_setting_newest_first() -> None:
    assert parse_keys(Secret(f" {'n' * 16} ,{'o' * 20},")) == [b"n" * 16, b"o" * 20]
    assert parse_keys(Secret()) == []


def test_short_keys_are_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        parse_keys(Secret("short-key"))
    assert "short-key" not in str(refused.value)
    with pytest.raises(ValueError, match="key"):
        Tokens([])


@given(st.binary(min_size=4, max_size=60), contexts)
def test_a_token_does_not_show_what_it_carries(payload: bytes, context: tuple[str, ...]) -> None:
    token = TOKENS.seal("page", context, payload)
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert payload not in raw
    assert len(raw) == len(payload) + TAG_BYTES


def test_tokens_of_neighbours_have_nothing_in_common() -> None:
    first, second = (TOKENS.seal("page", (), f"device-{n:06}".encode()) for n in (1, 2))
    assert sum(a == b for a, b in zip(first, second, strict=True)) < len(first) // 2


def test_every_replica_makes_the_same_token() -> None:
    assert Tokens([NEW]).seal("page", ("a",), b"x") == TOKENS.seal("page", ("a",), b"x")


@given(st.binary(max_size=60))
def test_every_token_is_of_the_documented_form(payload: bytes) -> None:
    assert re.fullmatch(PATTERN, TOKENS.seal("page", (), payload))


def test_the_longest_client_id_fits() -> None:
    longest = b"x" * 65_535
    token = TOKENS.seal("page", (), longest)
    assert len(token) < LONGEST_TOKEN
    assert TOKENS.open("page", (), token) == longest
