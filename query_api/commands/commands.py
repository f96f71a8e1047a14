"""Commands to sessions and to administration: append, wait until the read models tell the outcome, say it.

Nothing is appended while it is known that no outcome could be told. What was appended and is not decided in time may
still be done until its ``not_after``; from then on every reader takes it for void.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from domain.commands import DONE, LATE, WINDOW_MS
from domain.keys import FILTER_BYTES, NAME_BYTES, TENANT_BYTES
from domain.topics import has_wildcard, valid_filter
from query_api.commands.limits import PublishLimits
from query_api.commands.order import order_of, without_order
from query_api.commands.outcome import PENDING, Asker, Outcome
from query_api.commands.writer import Landed, Writer
from query_api.errors import ConflictError, InvalidError, UnavailableError
from query_api.freshness import Position
from query_api.keyset import storable
from query_api.store import Row, Store
from query_api.tokens import Tokens
from query_api.watch import Watch
from schemas.admin import AdminEvent
from schemas.commands import ClearAcl, Expire, Kick, Order, Publish, Retain, Subscribe, Unsubscribe
from schemas.events import AnyEvent
from schemas.parts import Subscription
from schemas.positions import offset_of, partition_of

ADMIN: Final = -1
"""The partition of mq.admin in the table of commands."""
MODELS: Final = frozenset({"admin", "commands"})
"""Without these no outcome can be told; the query for outcomes asks for both."""
MOST_TEXT_BYTES: Final = 65_535
_KEYS: Final = {
    "tenant": TENANT_BYTES,
    **dict.fromkeys(("client_id", "username", "who", "name", "app_id", "connection_id"), NAME_BYTES),
    **dict.fromkeys(("rule", "node", "listener"), NAME_BYTES),
}
"""Fields of events that are keys of tables, with the most bytes of each; of others MOST_TEXT_BYTES."""
EXPIRE: Final = "expire"
"""The verb that concerns every partition."""
CLOCKS_MS: Final = 60_000
"""By how much the clocks of Kafka and of the API may differ, for what is void to be taken as such without the log."""
MOST_FILTERS: Final = 1_000
MOST_LEVELS: Final = 65_535

logger = logging.getLogger(__name__)


class Commands:
    """Made by the service, one per process; every dialect asks it."""

    def __init__(
        self, writer: Writer, watch: Watch, store: Store, tokens: Callable[[], Tokens], partitions: int, timeout: float
    ) -> None:
        """``timeout``: how long an answer waits for its outcome, and how long a command counts, in seconds."""
        self._writer = writer
        self._watch = watch
        self._store = store
        self._tokens = tokens
        self._partitions = partitions
        self._timeout = timeout
        self._limits = PublishLimits(store)

    async def kick(
        self,
        asker: Asker,
        tenant: str,
        client_id: str,
        *,
        reason: str = "",
        end_session: bool = True,
        username: str | None = None,
    ) -> Outcome:
        """Disconnect a client, with its session or without; only if it is this user's, when one is named.

        Each command raises ConflictError, InvalidError, TooLargeError and UnavailableError.
        """
        _names(tenant, client_id)
        return await self._one(
            asker, tenant, client_id, lambda order: Kick(tenant, client_id, order, reason, end_session, username)
        )

    async def publish(
        self,
        asker: Asker,
        tenant: str,
        client_id: str,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        deliver: bool = True,
        report: bool = False,
        properties: bytes = b"",
    ) -> Outcome:
        """Publish in the name of a client. With ``report`` the outcome tells how many sessions it matched.

        Whether it may be retained is its home's to say: ``limit`` and ``stopped`` are outcomes, too. Raises also
        TopicError for a topic of more levels than a client's may have.
        """
        _names(tenant, client_id)
        _topic(topic)
        _qos(qos)
        if payload or deliver:  # what is retained from before the limits may be cleared
            await self._limits.check(topic, qos, properties, payload)
        if retain:
            return await self._one(
                asker,
                tenant,
                client_id,
                lambda order: Retain(tenant, client_id, order, topic, qos, deliver, properties, payload),
            )

        def make(order: Order) -> Publish:
            told = report or order.keyed
            return Publish(tenant, client_id, order, topic, qos, False, deliver, told, properties, payload)

        if report or asker.key:
            return await self._one(asker, tenant, client_id, make)
        order = self._order(asker, tenant, make)
        landed = await self._append(partition_of(tenant, client_id, self._partitions), make(order))
        if order.not_after < landed.time:
            return Outcome(order.id, True, LATE)
        return Outcome(order.id, True, DONE, position=self._sealed({landed.partition: landed.offset + 1}))

    async def subscribe(
        self,
        asker: Asker,
        tenant: str,
        client_id: str,
        subscriptions: Sequence[Subscription],
        *,
        username: str | None = None,
    ) -> Outcome:
        """Give a session subscriptions; the codes tell what became of each."""
        _names(tenant, client_id)
        _filters([one.filter for one in subscriptions])
        for one in subscriptions:
            _qos(one.qos)
        return await self._one(
            asker, tenant, client_id, lambda order: Subscribe(tenant, client_id, order, list(subscriptions), username)
        )

    async def unsubscribe(
        self, asker: Asker, tenant: str, client_id: str, filters: Sequence[str], *, username: str | None = None
    ) -> Outcome:
        """Take subscriptions from a session; the codes tell what became of each."""
        _names(tenant, client_id)
        _filters(filters)
        return await self._one(
            asker, tenant, client_id, lambda order: Unsubscribe(tenant, client_id, order, list(filters), username)
        )

    async def expire(self, asker: Asker, tenant: str, expiry: int) -> Outcome:
        """End the sessions of a tenant that have been away for so many seconds; with 0 every one, connected or not."""
        _names(tenant)
        if not 0 <= expiry < 2**32:
            raise InvalidError("the expiry must be 0 to 4294967295 seconds")
        return await self._ask(asker, tenant, range(self._partitions), lambda order: Expire(tenant, order, expiry))

    async def clear_acl(self, asker: Asker, tenant: str, client_id: str, topic: str = "") -> Outcome:
        """Forget what is remembered of access checks of a connected client, of one topic or of all."""
        _names(tenant, client_id)
        if topic:
            _topic(topic)
        return await self._one(asker, tenant, client_id, lambda order: ClearAcl(tenant, client_id, order, topic))

    async def admin(
        self, asker: Asker, make: Callable[[Order], AdminEvent], *, in_force: bool = True, tenant: str = ""
    ) -> Outcome:
        """Change what ``mq.admin`` says; with ``in_force`` also wait until every running node goes by it.

        ``tenant`` only scopes the idempotency key.
        """
        order = self._order(asker, tenant, make)
        self._require()
        if (told := await self._repetition(order)) is not None and told.outcome != LATE:
            return told if told.known else await self._told(order, (ADMIN,), lambda: True)
        landed = await self._writer.admin(make(order))
        return await self._told(order, (ADMIN,), lambda: self._watch.admin_next > landed.offset, in_force)

    async def find(self, tenant: str, command_id: str) -> Outcome | None:
        """What is known of a command of a tenant, or of any with ``*``; None when there is no such thing."""
        rows = await self._rows(command_id)
        if not rows or (tenant != "*" and any(row["tenant"] != tenant for row in rows)):
            return None
        return self._outcome(command_id, rows, self._wanted(rows))

    def _wanted(self, rows: Sequence[Row]) -> Sequence[int]:
        """The partitions that a command with these rows concerns."""
        return range(self._partitions) if rows[0]["verb"] == EXPIRE else [row["partition"] for row in rows]

    # How

    async def _one(self, asker: Asker, tenant: str, client_id: str, make: Callable[[Order], AnyEvent]) -> Outcome:
        return await self._ask(asker, tenant, (partition_of(tenant, client_id, self._partitions),), make)

    async def _ask(
        self, asker: Asker, tenant: str, partitions: Sequence[int], make: Callable[[Order], AnyEvent]
    ) -> Outcome:
        order = self._order(asker, tenant, make)
        self._require()
        told = await self._repetition(order)
        if told is not None and told.known and LATE not in told.parts.values():
            return told
        # Partitions that did not take an earlier one, or too late, get it now; who has it knows its id.
        left = partitions if told is None else [one for one in partitions if told.parts.get(one, LATE) == LATE]
        position = await self._everywhere(make(order), left)
        if len(position) < len(left):
            return Outcome(order.id, False, PENDING, position=self._sealed(position))
        return await self._told(order, partitions, lambda: self._covers(position), position=position)

    async def _everywhere(self, event: AnyEvent, partitions: Sequence[int]) -> dict[int, int]:
        """Append to all of these partitions: those that took it, with the offsets behind it.

        Raises TooLargeError, and UnavailableError when none took it.
        """
        done = await asyncio.gather(*(self._append(one, event) for one in partitions), return_exceptions=True)
        failed = [one for one in done if isinstance(one, BaseException)]
        if failed and (len(failed) == len(done) or not all(isinstance(one, UnavailableError) for one in failed)):
            raise failed[0]
        if failed:
            logger.warning(
                "some partitions took no command", extra={"partitions": len(failed), "error": str(failed[0])}
            )
        return {one.partition: one.offset + 1 for one in done if isinstance(one, Landed)}

    def _order(self, asker: Asker, tenant: str, make: Callable[[Order], AnyEvent | AdminEvent]) -> Order:
        now = time.time_ns() // 1_000_000
        event = make(without_order())
        _keepable(event)
        return order_of(asker, tenant, event, now, int(self._timeout * 1000))

    async def _append(self, partition: int, event: AnyEvent) -> Landed:
        reading = self._watch.freshness
        vector = reading.position.vector if reading is not None else {}
        depends = [vector.get(one, 0) for one in range(self._partitions)]
        return await self._writer.frame(partition, event, depends, self._watch.partition_time)

    def _require(self) -> None:
        """Raises UnavailableError while no outcome could be told."""
        if not self._watch.alive or self._watch.freshness is None:
            raise UnavailableError("Postgres is away")
        if missing := MODELS - self._watch.ready:
            raise UnavailableError(f"the model {min(missing)} is loading")

    def _covers(self, position: Mapping[int, int]) -> bool:
        reading = self._watch.freshness
        return reading is not None and reading.covers(Position(reading.position.log, position))

    async def _repetition(self, order: Order) -> Outcome | None:
        """What is known of an earlier command of the same key; what came too late was void, and is tried again.

        Raises ConflictError when it asked for another thing.
        """
        if not order.keyed:
            return None
        rows = [row for row in await self._rows(order.id) if row["time"] > order.at - WINDOW_MS]
        if not rows:
            return None
        _same(order, rows)
        return self._outcome(order.id, rows, self._wanted(rows))

    async def _told(
        self,
        order: Order,
        partitions: Sequence[int],
        read: Callable[[], bool],
        in_force: bool = False,
        position: Mapping[int, int] | None = None,
    ) -> Outcome:
        """Wait for the outcome, once ``read`` says that the models hold the command; bounded by the time-out."""
        unknown = Outcome(order.id, False, PENDING, position=self._sealed(position or {}))
        try:
            with self._watch.attended():
                async with asyncio.timeout(self._timeout):
                    while True:
                        changed = self._watch.changed
                        if read() and (told := await self._decided(order, partitions, in_force)) is not None:
                            return told
                        await changed.wait()
        except (TimeoutError, UnavailableError):
            # It is in the log, whatever happened to Postgres meanwhile.
            return unknown

    async def _decided(self, order: Order, partitions: Sequence[int], in_force: bool) -> Outcome | None:
        rows = await self._rows(order.id)
        _same(order, rows)
        told = self._outcome(order.id, rows, partitions)
        if not told.known:
            return None
        if not in_force or told.outcome != DONE:
            return told
        (waiting,) = await self._store.fetch("not_in_force", max(row["done_position"] for row in rows) + 1)
        return told if waiting[0] == 0 else None

    async def _rows(self, command_id: str) -> list[Row]:
        return await self._store.fetch("outcomes", command_id)

    def _outcome(self, command_id: str, rows: Sequence[Row], partitions: Sequence[int]) -> Outcome:
        """The outcome that the rows tell: known once all of the partitions have one.

        A partition that did not take the command in time takes it no more: what came later would be void there.
        """
        parts = {row["partition"]: row["outcome"] for row in rows}
        until = max((row["not_after"] for row in rows), default=0)
        if 0 < until < time.time_ns() // 1_000_000 - CLOCKS_MS:
            parts = dict.fromkeys(partitions, LATE) | parts
        known = all(parts.get(one, PENDING) != PENDING for one in partitions)
        worst = next((parts[one] for one in partitions if parts[one] != DONE), DONE) if known else PENDING
        done = [row for row in rows if row["outcome"] != PENDING and row["partition"] in partitions]
        at = {row["partition"]: offset_of(row["done_position"]) + 1 for row in done if row["partition"] != ADMIN}
        codes = list(done[0]["codes"]) if known and len(partitions) == 1 else []
        position = self._sealed(at) if known else ""
        return Outcome(command_id, known, worst, codes, sum(row["count"] for row in done), parts, position)

    def _sealed(self, position: Mapping[int, int]) -> str:
        reading = self._watch.freshness
        if reading is None:
            return ""
        return Position(reading.position.log, {**position}).seal(self._tokens()) if position else reading.token


def _same(order: Order, rows: Sequence[Row]) -> None:
    if order.keyed and any(row["fingerprint"] != order.fingerprint for row in rows):
        raise ConflictError("this key was used for another command")


def _names(tenant: str, client_id: str | None = None) -> None:
    for name, kind, most in ((tenant, "tenant", TENANT_BYTES), (client_id, "client id", NAME_BYTES)):
        if name is not None and (not name or not storable(name) or len(name.encode()) > most):
            raise InvalidError(f"this is no usable {kind}")


def _keepable(event: AnyEvent | AdminEvent) -> None:
    """Raises InvalidError for text that no table can hold: a projector would stop at it."""
    for name, value in msgspec.structs.asdict(event).items():
        if not isinstance(value, str):
            continue
        if not storable(value):
            raise InvalidError(f"{name} has characters that can't be kept")
        if len(value.encode()) > _KEYS.get(name, MOST_TEXT_BYTES):
            raise InvalidError(f"{name} is too long to be kept")


def _qos(qos: int) -> None:
    if qos not in (0, 1, 2):
        raise InvalidError("the QoS must be 0, 1 or 2")


def _topic(topic: str) -> None:
    if not topic or not storable(topic) or has_wildcard(topic) or len(topic.encode()) > MOST_TEXT_BYTES:
        raise InvalidError("this is no topic name")


def _filters(filters: Sequence[str]) -> None:
    if not 0 < len(filters) <= MOST_FILTERS:
        raise InvalidError(f"there must be 1 to {MOST_FILTERS} topic filters")
    for one in filters:
        if not storable(one) or len(one.encode()) > FILTER_BYTES or not valid_filter(one, MOST_LEVELS):
            raise InvalidError("this is no topic filter")
