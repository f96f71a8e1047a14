"""What stops a projector, by whose fault."""

from __future__ import annotations


class ReopenError(Exception):
    """A lane must forget what it holds and begin again from what Postgres says; the text says why."""


class MovedError(ReopenError):
    """The position in Postgres is not where this worker left it: another worker has folded the partition."""


class StopError(Exception):
    """A partition can't go on without a person; the text says what is wrong and how to mend it."""


class LeftOutError(Exception):
    """The group has partitions that nobody folds and gives this worker none; it begins again as a new member."""


class NotYetError(Exception):
    """Something that the projector needs is not there yet (a topic, the tables); the text says what."""
