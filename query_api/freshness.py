"""How fresh an answer is: the applied vector as headers, and as a sealed position that a read can wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from query_api.tokens import BadTokenError, Tokens

UNCONFIRMED_SECONDS = 5.0
"""A projector confirms every two seconds how far it is and where the log ends, and the watch looks every second: when
nothing has come for so long, two confirmations are missing. From then on silence counts as lag."""

_PURPOSE = "position"
_DECODER = msgspec.msgpack.Decoder(tuple[str, list[tuple[int, int]]])


@dataclass(frozen=True, slots=True)
class Applied:
    """One row of ``applied``."""

    partition: int
    next: int
    partition_time: int
    """Milliseconds since 1970 UTC."""
    log_end: int
    topic_id: str
    age: float
    """Seconds since its projector last confirmed the row, when it was read."""

    @property
    def whole(self) -> bool:
        """Whether it held all of the log when it was confirmed."""
        return self.next >= self.log_end


@dataclass(frozen=True, slots=True)
class Whole:
    """When a partition was last confirmed to be folded to its end."""

    topic_id: str
    next: int
    at: int
    """Milliseconds since 1970 UTC, by the clock of this process."""

    def tells_of(self, row: Applied) -> bool:
        """Whether ``row`` holds what was held then: the same log, not folded anew from its beginning."""
        return row.topic_id == self.topic_id and row.next >= self.next


def last_whole(rows: Sequence[Applied], now_ms: int, before: Mapping[int, Whole]) -> dict[int, Whole]:
    """By partition, when it was last folded to its end, as far as readings tell: this one, and ``before`` it others."""
    found = {}
    for row in rows:
        known = before.get(row.partition)
        if row.whole:
            found[row.partition] = Whole(row.topic_id, row.next, now_ms - int(row.age * 1000))
        elif known is not None and known.tells_of(row):
            found[row.partition] = known
    return found


@dataclass(frozen=True, slots=True)
class Position:
    """A vector in a log: per partition, the next offset to apply."""

    log: str
    """Id of the topic; offsets of another one say nothing."""
    vector: Mapping[int, int]

    def seal(self, tokens: Tokens) -> str:
        """The position as an opaque token."""
        return tokens.seal(_PURPOSE, (), msgspec.msgpack.encode((self.log, sorted(self.vector.items()))))


def open_position(tokens: Tokens, token: str) -> Position:
    """The position in a token. Raises BadTokenError."""
    payload = tokens.open(_PURPOSE, (), token)
    try:
        log, pairs = _DECODER.decode(payload)
    except msgspec.DecodeError as error:
        raise BadTokenError("holds no position") from error
    return Position(log, dict(pairs))


@dataclass(frozen=True, slots=True)
class Freshness:
    """What a reading of ``applied`` says: a lower bound for every query that begins after it."""

    position: Position
    token: str
    applied: str
    """The vector for people: ``partition:next,...``."""
    lag_frames: int
    """Frames of the log that were not folded when the projector last confirmed."""
    behind_since: int | None
    """Oldest time, in milliseconds, up to which partitions that are behind are known to be folded; 0 when nothing is
    known of one, None when none is behind."""
    read_at: float
    """Monotonic clock, in seconds, when it was read."""
    silent: float
    """Longest time, in seconds, since a projector confirmed a partition, when it was read."""

    def covers(self, position: Position) -> bool:
        """Whether everything below ``position`` is in the models."""
        have = self.position.vector
        return all(have.get(partition, 0) >= offset for partition, offset in position.vector.items())

    def unconfirmed(self, monotonic: float) -> float:
        """Seconds since a projector last confirmed all partitions: what it said of the log's end is so old."""
        return self.silent + monotonic - self.read_at

    def lag_ms(self, now_ms: int, monotonic: float) -> int | None:
        """How old the models are: 0 when they hold all of the log, None when that can't be told.

        Else how long ago they are known to have held all of it; at least the silence of a projector that is silent.
        """
        if self.behind_since == 0:
            return None
        behind = 0 if self.behind_since is None else now_ms - self.behind_since
        silent = self.unconfirmed(monotonic)
        return max(behind, int(silent * 1000) if silent > UNCONFIRMED_SECONDS else 0, 0)

    def frames_behind(self, monotonic: float) -> int | None:
        """Frames of the log that are not folded; None while no projector says where the log ends."""
        return self.lag_frames if self.unconfirmed(monotonic) <= UNCONFIRMED_SECONDS else None

    def headers(self, now_ms: int, monotonic: float) -> dict[str, str]:
        """The headers of an answer; those whose values are not known are left out."""
        headers = {
            "mqledger-position": self.token,
            "mqledger-applied": self.applied,
            "mqledger-confirmed-ms": str(max(int(self.unconfirmed(monotonic) * 1000), 0)),
        }
        if (lag := self.lag_ms(now_ms, monotonic)) is not None:
            headers["mqledger-lag-ms"] = str(lag)
        if (frames := self.frames_behind(monotonic)) is not None:
            headers["mqledger-lag-frames"] = str(frames)
        return headers


def freshness(
    rows: Sequence[Applied], whole: Mapping[int, Whole], tokens: Tokens, monotonic: float
) -> Freshness | None:
    """What the rows of ``applied`` say; None when there are none. ``whole`` is that of :func:`last_whole`."""
    if not rows:
        return None
    position = Position(rows[0].topic_id, {row.partition: row.next for row in rows})
    behind = [row for row in rows if not row.whole]
    return Freshness(
        position=position,
        token=position.seal(tokens),
        applied=",".join(f"{row.partition}:{row.next}" for row in rows),
        lag_frames=sum(row.log_end - row.next for row in behind),
        behind_since=min((_folded_until(row, whole) for row in behind), default=None),
        read_at=monotonic,
        silent=max(row.age for row in rows),
    )


def _folded_until(row: Applied, whole: Mapping[int, Whole]) -> int:
    """The time up to which a partition is known to be folded. A quiet one held all of it long after its last frame."""
    known = whole.get(row.partition)
    return max(row.partition_time, known.at if known is not None else 0)
