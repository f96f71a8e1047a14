"""Passwords: what is remembered, who waits for whom, and who is told to come back."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from ingest.access.passwords import BusyError, Passwords
from tests.stackkit.eventually import eventually
from tests.unit.ingest.sim.house import (
    HASHER,
    HERE,
)


class Waiting:
    """Somebody who waits for an answer."""

    def __init__(self) -> None:
        self.is_closed = False
        self.answers: list[bool] = []

    def verified(self, known: bool) -> None:
        self.answers.append(known)


async def ask(passwords: Passwords, stored: str, password: bytes, name: str = "u") -> bool:
    """The answer, waited for."""
    waiting = Waiting()
    answer = passwords.ask(("t", name, stored, password), HERE, waiting)
    if answer is None:
        await eventually(lambda: waiting.answers)
        answer = passwords.ask(("t", name, stored, password), HERE, waiting)
    assert answer is not None
    return answer


async def test_answers_are_remembered_for_the_stored_hash_and_the_user() -> None:
    passwords, stored = Passwords(1, 10, 5.0, 2), HASHER.hash("secret")
    assert await ask(passwords, stored, b"secret")
    assert not await ask(passwords, stored, b"wrong")
    for password, answer in ((b"secret", True), (b"wrong", False)):
        assert passwords.ask(("t", "u", stored, password), HERE, Waiting()) is answer
    for question in (
        ("t", "v", stored, b"secret"),
        ("s", "u", stored, b"secret"),
        ("t", "u", HASHER.hash("x"), b"secret"),
    ):
        assert passwords.ask(question, HERE, Waiting()) is None
    for other in (b"1", b"2"):
        assert not await ask(passwords, stored, other)
    assert passwords.ask(("t", "u", stored, b"wrong"), HERE, Waiting()) is None
    passwords.close()


async def test_those_who_ask_the_same_wait_for_one_answer() -> None:
    passwords, stored = Passwords(1, 1, 5.0, 10), HASHER.hash("secret")
    first = Waiting()
    assert passwords.ask(("t", "x", stored, b"other"), HERE, first) is None  # the thread is busy with it
    waiting = [Waiting() for _ in range(1_000)]
    for one in waiting:
        assert passwords.ask(("t", "u", stored, b"secret"), HERE, one) is None
    assert passwords.waiting == 1
    with pytest.raises(BusyError):
        passwords.ask(("t", "v", stored, b"secret"), HERE, Waiting())
    await eventually(lambda: all(one.answers for one in waiting))
    passwords.close()


async def test_who_guesses_waits_behind_itself_and_not_before_others() -> None:
    """Given a queue full of guesses from one address, when somebody asks from another, then its turn is next."""
    slow = PasswordHasher(1, 8_192, 1)
    passwords, stored = Passwords(1, 1_000, 60.0, 1_000), slow.hash("secret")
    guesses = [Waiting() for _ in range(200)]
    for number, one in enumerate(guesses):
        passwords.ask(("t", "u", stored, str(number).encode()), "10.0.0.1", one)
    other = Waiting()
    passwords.ask(("t", "u", stored, b"secret"), "10.0.0.2", other)
    await eventually(lambda: other.answers)
    assert sum(bool(one.answers) for one in guesses) < 100
    for one in guesses:
        one.is_closed = True
    await eventually(lambda: passwords.waiting == 0)
    assert sum(bool(one.answers) for one in guesses) < 100
    passwords.close()


async def test_none_waits_for_longer_than_patience() -> None:
    passwords, stored = Passwords(1, 1_000, 0.5, 10), HASHER.hash("secret")
    most = 12  # of which each is guessed to take 0.05 s, and one runs
    for number in range(most):
        passwords.ask(("t", "u", stored, str(number).encode()), HERE, Waiting())
    with pytest.raises(BusyError):
        passwords.ask(("t", "u", stored, b"one more"), HERE, Waiting())
    passwords.ask(("t", "u", stored, b"one more"), "10.0.0.2", Waiting())
    passwords.close()


async def test_a_stored_hash_that_is_none_is_no_answer() -> None:
    passwords, waiting = Passwords(1, 10, 5.0, 10), Waiting()
    assert passwords.ask(("t", "u", "$argon2id$", b"x"), HERE, waiting) is None
    await eventually(lambda: waiting.answers)
    assert waiting.answers == [False]
    passwords.close()
