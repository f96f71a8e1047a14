"""The tables in memory, and the comparison of rows: what ``replay`` prints and ``replay --verify`` compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

import msgspec

from domain.models.changes import Changes
from domain.models.commands import OUTCOME, with_outcome
from domain.models.retained import later
from domain.models.rows import counted
from domain.models.tables import TABLES, Row

_MASK = (1 << 64) - 1


class MemoryTables:
    """The read models as dicts from key to row, changed as Postgres is changed."""

    def __init__(self) -> None:
        """Empty tables."""
        self._tables: dict[str, dict[Row, Row]] = {name: {} for name in TABLES}

    def rows(self, table: str) -> Iterable[Row]:
        """The rows of a table, in no order."""
        return self._tables[table].values()

    def get(self, table: str, *key: object) -> Row | None:
        """The row with this primary key."""
        return self._tables[table].get(key)

    def apply(self, changes: Changes) -> None:
        """Take one batch of changes. Raises ``ValueError`` when they do not fit what the tables hold."""
        self._present("sessions", changes.sessions_gone, changes.sessions_changed, changes.sessions_new)
        self._present(
            "subscriptions", changes.subscriptions_gone, changes.subscriptions_changed, changes.subscriptions_new
        )
        counters = self._tables["session_counters"]
        for gone in changes.counters_gone:
            counters.pop(gone, None)
        counters.update((row[:2], counted(row, counters.get(row[:2]))) for row in changes.counters)
        self._insert("sessions_history", changes.sessions_history)
        self._insert("subscriptions_history", changes.subscriptions_history)
        self._commands(changes)
        retained, key_of = self._tables["retained"], TABLES["retained"].key_of
        for row in changes.retained:
            if later(row, retained.get(key_of(row))):
                retained[key_of(row)] = row
        self._sums(changes)

    def _commands(self, changes: Changes) -> None:
        table, partition = self._tables["commands"], changes.partition
        table.update((row[:2], row) for row in changes.commands)
        for row in changes.commands_late:
            table.setdefault(row[:2], row)
        for done in changes.commands_done:
            key = (done[0], partition)
            if key in table and table[key][OUTCOME] == "":
                table[key] = with_outcome(table[key], done)

    def _present(self, name: str, gone: Iterable[Row], changed: Iterable[Row], new: Iterable[Row]) -> None:
        table, key_of = self._tables[name], TABLES[name].key_of
        for key in gone:
            if table.pop(key, None) is None:
                raise ValueError(f"{name}: {key} is to go, but is not there")
        for row in changed:
            key = key_of(row)
            if key not in table:
                raise ValueError(f"{name}: {key} is to change, but is not there")
            table[key] = row
        self._insert(name, new)

    def _insert(self, name: str, rows: Iterable[Row]) -> None:
        table, key_of = self._tables[name], TABLES[name].key_of
        for row in rows:
            if table.setdefault(key_of(row), row) is not row:
                raise ValueError(f"{name}: {key_of(row)} is there already")

    def _sums(self, changes: Changes) -> None:
        partition = changes.partition
        routes = self._tables["routes"]
        for (tenant, topic_filter, node), number in changes.routes.items():
            key = (tenant, topic_filter, node, partition)
            self._add("routes", key, (partition, tenant, topic_filter, node), number)
            if routes[key][-1] == 0:
                del routes[key]
        for (tenant, name), number in changes.totals.items():
            self._add("totals", (partition, tenant, name), (partition, tenant, name), number)
        for (tenant, node, name), number in changes.metrics.items():
            self._add("metrics", (partition, tenant, node, name), (partition, tenant, node, name), number)

    def _add(self, name: str, key: Row, head: Row, number: int) -> None:
        table = self._tables[name]
        old = table.get(key)
        table[key] = (*head, number + (old[-1] if old else 0))


class Difference(msgspec.Struct, frozen=True):
    """One row that two tables disagree about."""

    table: str
    key: Row
    expected: Row | None
    """None: the row should not be there."""
    found: Row | None
    """None: the row is missing."""

    def describe(self) -> str:
        """One line for people: the row's key and what is wrong with it."""
        name = f"{self.table} {'/'.join(str(part) for part in self.key)}"
        if self.expected is None:
            return f"{name}: is there, but should not be"
        if self.found is None:
            return f"{name}: is missing"
        columns = TABLES[self.table].columns
        pairs = zip(columns, self.expected, self.found, strict=True)
        wrong = (f"{column} is {found!r}, not {expected!r}" for column, expected, found in pairs if expected != found)
        return f"{name}: {'; '.join(wrong)}"


def differences(table: str, expected: Iterable[Row], found: Iterable[Row]) -> Iterator[Difference]:
    """Every row in which two tables differ, by primary key."""
    key_of = TABLES[table].key_of
    wanted = {key_of(row): row for row in expected}
    for row in found:
        key = key_of(row)
        other = wanted.pop(key, None)
        if other != row:
            yield Difference(table, key, other, row)
    for key, row in wanted.items():
        yield Difference(table, key, row, None)


def checksum(rows: Iterable[Row]) -> str:
    """A checksum of rows in any order: the sum of their BLAKE2b-64 hashes as MessagePack arrays, in hexadecimal."""
    encode = msgspec.msgpack.Encoder().encode
    total = 0
    for row in rows:
        total += int.from_bytes(blake2b(encode(row), digest_size=8).digest(), "big")
    return f"{total & _MASK:016x}"
