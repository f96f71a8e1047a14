"""How fresh an answer is: the applied vector as headers, and as a sealed position that a read can wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from query_api.tokens import BadTokenError, Tokens

UNCONFIRMED_SECONDS = 15.0
"""A projector confirms every few seconds where the log ends; when it has not for so long, silence counts as lag."""

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
    behind_since: int | None
    """Oldest partition time, in milliseconds, among partitions that are behind; None when none is."""
    read_at: float
    """Monotonic clock, in seconds, when it was read."""
    silent: float
    """Longest time, in seconds, since a projector confirmed a partition, when it was read."""

    def covers(self, position: Position) -> bool:
        """Whether everything below ``position`` is in the models."""
        have = self.position.vector
        return all(have.get(partition, 0) >= offset for partition, offset in position.vector.items())

    def lag_ms(self, now_ms: int, monotonic: float) -> int:
        """How old the models are: 0 when they hold all of the log, else the age of what was folded last."""
        behind = 0 if self.behind_since is None else now_ms - self.behind_since
        silent = self.silent + monotonic - self.read_at
        return max(behind, int(silent * 1000) if silent > UNCONFIRMED_SECONDS else 0, 0)

    def headers(self, now_ms: int, monotonic: float) -> dict[str, str]:
        """The headers of an answer."""
        return {
            "mqledger-position": self.token,
            "mqledger-applied": self.applied,
            "mqledger-lag-ms": str(self.lag_ms(now_ms, monotonic)),
            "mqledger-lag-frames": str(self.lag_frames),
        }


def freshness(rows: Sequence[Applied], tokens: Tokens, monotonic: float) -> Freshness | None:
    """What the rows of ``applied`` say; None when there are none."""
    if not rows:
        return None
    position = Position(rows[0].topic_id, {row.partition: row.next for row in rows})
    behind = [row for row in rows if row.next < row.log_end]
    return Freshness(
        position=position,
        token=position.seal(tokens),
        applied=",".join(f"{row.partition}:{row.next}" for row in rows),
        lag_frames=sum(row.log_end - row.next for row in behind),
        behind_since=min((row.partition_time for row in behind), default=None),
        read_at=monotonic,
        silent=max(row.age for row in rows),
    )
