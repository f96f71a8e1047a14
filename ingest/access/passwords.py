"""Passwords verified by argon2 in threads, a bounded number waiting, and what came of it remembered.

A password is never kept: what is remembered is a hash, under a key of this process, of tenant, user, stored hash and
password, so that a changed password is another question. Clients that ask the same at the same time wait for one
answer. Those of one address queue behind each other and take turns with those of others, so that one who guesses does
not keep the rest out. Only the event loop touches anything here but the verifying itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

log = logging.getLogger(__name__)

_FIRST_GUESS = 0.05
"""Seconds that verifying takes, before any was measured."""
_NICE = 5
"""How much the threads leave to others: a third of an equal share of a busy machine is theirs."""
_hasher = PasswordHasher()

Question = tuple[str, str, str, bytes]
"""Tenant, user, stored hash, password."""


class BusyError(Exception):
    """Too many passwords wait to be verified."""


class Waiter(Protocol):
    """A connection whose password is verified."""

    @property
    def is_closed(self) -> bool:
        """Whether the answer is of no use any more."""

    def verified(self, known: bool) -> None:
        """The answer is known: ask again. With ``known`` False there is none, something failed."""


class _Job:
    __slots__ = ("address", "began", "digest", "password", "stored", "waiters")

    def __init__(self, digest: bytes, stored: str, password: bytes, address: str) -> None:
        self.digest = digest
        self.stored = stored
        self.password = password
        self.address = address
        self.waiters: list[Waiter] = []
        self.began = 0.0


class Passwords:
    """Invariants: ``_jobs`` are those in ``_queues`` and those that run; at most ``threads`` run."""

    def __init__(self, threads: int, most_waiting: int, patience: float, remembered: int) -> None:
        """``most_waiting`` passwords may wait, and none that would have to for longer than ``patience`` seconds;
        ``remembered`` answers are kept of each kind."""
        self.waiting = 0
        """Passwords that are not being verified yet."""
        self._threads = threads
        self._most_waiting = most_waiting
        self._patience = patience
        self._seconds = _FIRST_GUESS
        self._key = secrets.token_bytes(32)
        self._known = {True: _Remembered(remembered), False: _Remembered(remembered)}
        self._jobs: dict[bytes, _Job] = {}
        self._running = 0
        self._queues: dict[str, deque[_Job]] = {}
        """By address; the one at the front has its turn."""
        self._pool = ThreadPoolExecutor(threads, "argon2", initializer=_yield_to_the_loop)

    @property
    def busy(self) -> bool:
        """Whether a password waits or is being verified."""
        return bool(self._jobs)

    def ask(self, question: Question, address: str, waiter: Waiter) -> bool | None:
        """Whether the password is the one of the stored hash; None when that is not known yet and the waiter will be
        told to ask again. Raises BusyError when too many wait."""
        digest = self._digest(question)
        for answer, known in self._known.items():
            if digest in known:
                return answer
        job = self._jobs.get(digest)
        if job is None:
            job = self._enqueue(_Job(digest, question[2], question[3], address))
        job.waiters.append(waiter)
        self._start()
        return None

    def close(self) -> None:
        """Verify nothing more."""
        self._queues.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _digest(self, question: Question) -> bytes:
        digest = hashlib.blake2b(key=self._key, digest_size=16)
        for part in question:
            raw = part if isinstance(part, bytes) else part.encode()
            digest.update(len(raw).to_bytes(4, "big") + raw)
        return digest.digest()

    def _enqueue(self, job: _Job) -> _Job:
        ahead = len(self._queues.get(job.address, ()))
        if self.waiting >= self._most_waiting or ahead * self._seconds / self._threads > self._patience:
            raise BusyError
        self._jobs[job.digest] = job
        self._queues.setdefault(job.address, deque()).append(job)
        self.waiting += 1
        return job

    def _start(self) -> None:
        while self._running < self._threads and self._queues:
            job = self._next()
            if all(waiter.is_closed for waiter in job.waiters):
                del self._jobs[job.digest]
                continue
            self._running += 1
            job.began = time.monotonic()
            loop = asyncio.get_running_loop()
            future = self._pool.submit(verify_password, job.stored, job.password)
            future.add_done_callback(_on_loop(loop, self._finished, job))

    def _next(self) -> _Job:
        address = next(iter(self._queues))
        queue = self._queues.pop(address)
        job = queue.popleft()
        if queue:
            self._queues[address] = queue
        self.waiting -= 1
        return job

    def _finished(self, job: _Job, future: Future[bool]) -> None:
        self._running -= 1
        self._seconds += (time.monotonic() - job.began - self._seconds) / 8
        del self._jobs[job.digest]
        if (error := future.exception()) is None:
            self._known[future.result()].add(job.digest)
        else:
            log.error("a password could not be verified: %s", error)
        for waiter in job.waiters:
            if not waiter.is_closed:
                waiter.verified(error is None)
        self._start()


class _Remembered:
    """The latest digests, up to a number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._digests: dict[bytes, None] = {}

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._digests

    def add(self, digest: bytes) -> None:
        while len(self._digests) >= self._most:
            del self._digests[next(iter(self._digests))]
        self._digests[digest] = None


def verify_password(stored: str, password: bytes) -> bool:
    """Whether the password is that of an argon2 hash in PHC format. Takes tens of milliseconds.

    Raises:
        argon2.exceptions.VerificationError: argon2 could not do it, for want of memory for example.
        argon2.exceptions.InvalidHashError: it is no such hash.
    """
    try:
        return _hasher.verify(stored, password)
    except VerifyMismatchError:
        return False


def _on_loop(
    loop: asyncio.AbstractEventLoop, done: Callable[[_Job, Future[bool]], None], job: _Job
) -> Callable[[Future[bool]], None]:
    def call(future: Future[bool]) -> None:
        if not future.cancelled() and not loop.is_closed():
            loop.call_soon_threadsafe(done, job, future)

    return call


def _yield_to_the_loop() -> None:
    """Let the event loop go first on a busy machine, before this thread and those that argon2 starts."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
