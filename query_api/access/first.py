"""The first administrator: made when there is no account at all, with a random password that is told once.

Several processes may try; the event counts only while there is no account, so that one wins, and only that one tells.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from query_api.access.passwords import Passwords
from query_api.access.principal import ALL_TENANTS, Role
from query_api.access.roll import Roll
from query_api.access.sessions import Known
from query_api.commands.commands import MODELS, Commands
from query_api.commands.outcome import Asker, Outcome
from query_api.errors import TooManyRequestsError, UnavailableError
from query_api.watch import Watch
from schemas.admin import AccountSet

NAME: Final = "admin"
RETRY_SECONDS: Final = 2.0
MOST_RETRY_SECONDS: Final = 5.0
_ASKER: Final = Asker("first start", "", "first-start")

logger = logging.getLogger(__name__)


class FirstAdministrator:
    """One attempt after the other, until there is an account."""

    def __init__(self, roll: Roll, watch: Watch, commands: Commands, passwords: Passwords, file: str) -> None:
        """``file`` gets the password, readable by its owner alone; empty: it goes to standard error."""
        self._roll = roll
        self._watch = watch
        self._commands = commands
        self._passwords = passwords
        self._file = file
        self._name = NAME
        self._made: tuple[str, str] | None = None
        """Password and its hash."""

    async def run(self) -> None:
        """Return when there is an account, whoever made it."""
        pause = RETRY_SECONDS
        while True:
            try:
                if await self._settled():
                    return
            except (UnavailableError, TooManyRequestsError) as error:
                logger.info("the first administrator has to wait", extra={"error": str(error)})
                # A pace: the log may take an append by then.
                await asyncio.sleep(pause)
                pause = min(2 * pause, MOST_RETRY_SECONDS)
            except OSError:
                logger.exception("the password of the first administrator could not be written; trying again")
                await asyncio.sleep(MOST_RETRY_SECONDS)

    async def _settled(self) -> bool:
        changed = self._watch.changed
        if not self._watch.alive or self._watch.admin_next < 0 or not self._watch.ready >= MODELS:
            await changed.wait()
            return False
        roll = await self._roll.current()
        if not roll.empty:
            await self._tell_of(roll.accounts.values())
            return True
        _, hashed = await self._password()
        outcome = await self._known(
            await self._commands.admin(
                _ASKER,
                lambda order: AccountSet(order, "first", self._name, hashed, Role.ADMINISTRATOR, ALL_TENANTS),
                in_force=False,
            )
        )
        if await self._nobody() and outcome.outcome == "exists":
            # An API key has the name.
            self._name = f"{NAME}-{secrets.token_hex(2)}"
            logger.warning("the first administrator gets another name", extra={"account": self._name})
        return False

    async def _nobody(self) -> bool:
        """Whether there is no account, by a reading of the watch that is no older than this call.

        Outcomes are asked for directly: that of our own account may be known before the account is.
        """
        for _ in range(2):
            # The reading that is under way may have begun before, the one behind it not.
            if not (await self._roll.current()).empty:
                return False
            await self._watch.changed.wait()
        return (await self._roll.current()).empty

    async def _tell_of(self, accounts: Iterable[Known]) -> None:
        """Tell the password, if one of them is ours: its hash says so. The append that made it may have had no answer,
        or another name."""
        if self._made is None:
            return
        secret, hashed = self._made
        for name in (one.name for one in accounts if one.secret == hashed):
            await asyncio.to_thread(self._tell, name, secret)

    async def _password(self) -> tuple[str, str]:
        if self._made is None:
            secret = secrets.token_urlsafe(18)
            self._made = secret, await self._passwords.hashed(secret)
        return self._made

    async def _known(self, outcome: Outcome) -> Outcome:
        """What became of it, however long that takes: another one would be another record in a log kept for ever."""
        while not outcome.known:
            changed = self._watch.changed
            try:
                outcome = await self._commands.find(ALL_TENANTS, outcome.id) or outcome
            except UnavailableError as error:
                logger.info("the first administrator is not known yet", extra={"error": str(error)})
            if not outcome.known:
                await changed.wait()
        return outcome

    def _tell(self, name: str, secret: str) -> None:
        if not self._file:
            # Not through the logs, which others collect and keep.
            sys.stderr.write(
                f"\nThe first administrator is {name!r} with the password {secret}\n"
                "It is shown this once. Change it, or make accounts of your own and remove this one.\n\n"
            )
            sys.stderr.flush()
            return
        path = Path(self._file)
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secret)
        part.replace(path)
