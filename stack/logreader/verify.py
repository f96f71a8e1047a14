"""Compares the live read models with a fresh fold of the log, table by table.

1. A snapshot of Postgres is opened; its ``applied`` rows give a vector.
2. The log is folded from its beginning exactly to that vector.
3. Per table and partition, checksums of live and folded rows are compared.
4. Where they differ, every row that differs is named: key, column, live value, folded value.

The snapshot stays open meanwhile, so that the projector may go on. Not provable, because the event log does not tell
it: the rows of ``nodes`` (heartbeats), ``model`` and ``migrations``, and what ``mq.admin`` says; frames in
``quarantined`` are taken as given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from domain.models import TABLES, MemoryTables, ModelFold, Row, checksum
from stack.errors import StackError
from stack.logreader.fold import FoldTally, FreshFold, ends_of
from stack.logreader.live import AppliedRow, LiveTables
from stack.logreader.source import LogSource

NOT_PROVABLE = (
    "not provable from the event log: the rows of nodes (heartbeats), model and migrations, and of the administration; "
    "quarantined frames are taken as given"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One value, or one whole row, about which the live tables and the fold disagree."""

    table: str
    key: Row
    column: str
    """Empty: the whole row."""
    live: object
    """None for a whole row that is missing there."""
    folded: object


@dataclass(slots=True)
class Verdict:
    """The outcome of a comparison."""

    vector: dict[int, int]
    tally: FoldTally
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Per table, the number of live and of folded rows."""
    unequal: dict[str, list[int]] = field(default_factory=dict)
    """Per table that differs, the partitions in which it does."""
    differences: list[Difference] = field(default_factory=list)
    """The first of them."""
    differing: int = 0
    """Number of all: rows that are missing or too many, and values of the others."""

    @property
    def equal(self) -> bool:
        """Whether there is no difference."""
        return self.differing == 0


async def verify(
    source: LogSource,
    live: LiveTables,
    *,
    at_most: int,
    identity: tuple[str, str] | None = None,
    progress: Callable[[FoldTally], None] = lambda _: None,
    skip_bad: Callable[[str], None] | None = None,
) -> Verdict:
    """Compare; names ``at_most`` differences. ``identity``: cluster and topic id of the log, compared when given.

    Raises :class:`StackError` when the two cannot be compared.
    """
    applied = await live.applied()
    if not applied:
        raise StackError("The live read models have folded nothing yet: there is nothing to compare.")
    await _check_belongs(source, applied, identity)
    begins = dict(enumerate(await source.begins()))
    put_aside = await live.put_aside()
    fold = FreshFold(
        source,
        ends_of({p: row.next for p, row in applied.items()}, begins),
        history=True,
        put_aside=put_aside,
        skip_bad=skip_bad,
    )
    await fold.run(progress)
    verdict = Verdict({p: row.next for p, row in applied.items()}, fold.tally)
    comparison = _Comparison(verdict, at_most)
    comparison.positions(applied, fold.folds, {p for p, _ in put_aside})
    for table in TABLES:
        await comparison.table(table, live, fold.tables)
    return verdict


async def _check_belongs(source: LogSource, applied: dict[int, AppliedRow], identity: tuple[str, str] | None) -> None:
    ends = await source.ends()
    for partition, row in sorted(applied.items()):
        if partition >= source.partitions:
            raise StackError(
                f"The live read models know partition {partition}; {source.topic} has {source.partitions}."
            )
        if row.next > ends[partition]:
            raise StackError(
                f"The live read models are at offset {row.next} of partition {partition}, but the log ends at "
                f"{ends[partition]}: it is another log, or it has lost records."
            )
        if identity is not None and (row.cluster_id, row.topic_id) != identity:
            raise StackError(
                f"The live read models belong to topic {row.topic_id} of cluster {row.cluster_id}; this is topic "
                f"{identity[1]} of cluster {identity[0]}. Set kafka.bootstrap or postgres.schema to those of one log."
            )


class _Comparison:
    """Fills a verdict."""

    def __init__(self, verdict: Verdict, at_most: int) -> None:
        self._verdict = verdict
        self._at_most = at_most

    def positions(self, applied: dict[int, AppliedRow], folds: dict[int, ModelFold], partly: set[int]) -> None:
        """What ``applied`` says beside the position; in partitions ``partly``, the last frame may be one put aside."""
        for partition, row in sorted(applied.items()):
            fold = folds[partition]
            pairs: list[tuple[str, object, object]] = [
                ("next", row.next, fold.next),
                ("partition_time", row.partition_time, fold.partition_time),
                ("fences", row.fences, fold.fences.lowest),
            ]
            if partition not in partly:
                pairs.append(("last_frame", row.last_frame, fold.last_frame))
            for column, live, folded in pairs:
                if live != folded:
                    self._note("applied", partition, Difference("applied", (partition,), column, live, folded))

    async def table(self, name: str, live: LiveTables, folded: MemoryTables) -> None:
        """Compare one table: checksums first, rows only where these differ."""
        place = TABLES[name].columns.index("partition")
        expected: dict[int, list[Row]] = {}
        for row in folded.rows(name):
            expected.setdefault(row[place], []).append(row)
        sums: dict[int, int] = {}
        count = 0
        async for chunk in live.rows(name):
            count += len(chunk)
            for partition, rows in _by_partition(chunk, place).items():
                sums[partition] = sums.get(partition, 0) + int(checksum(rows), 16)
        self._verdict.rows[name] = (count, sum(map(len, expected.values())))
        unequal = [
            partition
            for partition in sorted(sums.keys() | expected.keys())
            if f"{sums.get(partition, 0) & (1 << 64) - 1:016x}" != checksum(expected.get(partition, ()))
        ]
        if unequal:
            await self._rows(name, place, set(unequal), live, expected)

    async def _rows(
        self, name: str, place: int, partitions: set[int], live: LiveTables, expected: dict[int, list[Row]]
    ) -> None:
        key_of = TABLES[name].key_of
        wanted = {key_of(row): row for p in partitions for row in expected.get(p, ())}
        async for chunk in live.rows(name):
            for row in chunk:
                if row[place] in partitions:
                    self._row(name, row[place], key_of(row), row, wanted.pop(key_of(row), None))
        for key, row in sorted(wanted.items()):
            self._row(name, row[place], key, None, row)

    def _row(self, name: str, partition: int, key: Row, live: Row | None, folded: Row | None) -> None:
        if live != folded:
            for difference in _differences(name, key, live, folded):
                self._note(name, partition, difference)

    def _note(self, table: str, partition: int, difference: Difference) -> None:
        verdict = self._verdict
        verdict.differing += 1
        if partition not in verdict.unequal.setdefault(table, []):
            verdict.unequal[table].append(partition)
        if len(verdict.differences) < self._at_most:
            verdict.differences.append(difference)


def _differences(table: str, key: Row, live: Row | None, folded: Row | None) -> Iterator[Difference]:
    if live is None or folded is None:
        yield Difference(table, key, "", live, folded)
        return
    for column, ours, theirs in zip(TABLES[table].columns, live, folded, strict=True):
        if ours != theirs:
            yield Difference(table, key, column, ours, theirs)


def _by_partition(rows: list[Row], place: int) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row[place], []).append(row)
    return found
