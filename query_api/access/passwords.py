"""Hashes of secrets: argon2id, in threads, a bounded number at a time, and what was verified is remembered."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from query_api.errors import TooManyRequestsError

THREADS: Final = 2
MOST_WAITING: Final = 64
"""Verifications that may wait for a thread; further ones are told to come back."""
MOST_VERIFIED: Final = 10_000
MEMORY_KIB: Final = 19_456
PASSES: Final = 2
"""With one lane and this memory: the first choice of the OWASP password storage cheat sheet; 20 to 40 ms."""


T = TypeVar("T")


class Passwords:
    """Hashes and verifies. What is remembered is a keyed digest of secret and hash, never a secret."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._dummy = ""

    async def hashed(self, secret: str) -> str:
        """The PHC string to keep of a secret. Raises TooManyRequestsError."""
        return await self._in_thread(self._hasher.hash, secret)

    def known(self, secret: str, hashed: str) -> bool:
        """Whether this very pair was verified before; costs nothing."""
        mark = self._mark(secret, hashed)
        if mark not in self._verified:
            return False
        self._verified.move_to_end(mark)
        return True

    async def verify(self, secret: str, hashed: str | None) -> bool:
        """Whether the secret is that of the hash. Without a hash the answer is no, for the same work.

        Raises TooManyRequestsError.
        """
        if hashed is None:
            if not self._dummy:
                self._dummy = await self.hashed(secrets.token_hex(16))
            await self._in_thread(self._verify, secret, self._dummy)
            return False
        if not await self._in_thread(self._verify, secret, hashed):
            return False
        self._verified[self._mark(secret, hashed)] = None
        if len(self._verified) > MOST_VERIFIED:
            self._verified.popitem(last=False)
        return True

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, secret: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, secret)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[..., T], *arguments: str) -> T:
        if self._waiting >= MOST_WAITING:
            raise TooManyRequestsError("too many logins at a time")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1

    def _mark(self, secret: str, hashed: str) -> bytes:
        return hmac.digest(self._key, f"{len(secret)}:{secret}{hashed}".encode("utf-8", "surrogatepass"), "sha256")
