"""Who is behind an event: it carries the epoch of its connection, and the ``connected`` there names the user."""

from __future__ import annotations

from collections.abc import Collection

from schemas.events import Connected
from schemas.frames import FrameError, read_frame
from schemas.positions import Position, index_of, offset_of
from stack.logreader.sighting import Sighting
from stack.logreader.source import LogSource

_CACHED = 500_000


class UsersByEpoch:
    """Finds users by fetching the ``connected`` at the epoch, once for each connection."""

    def __init__(self, source: LogSource, users: Collection[str]) -> None:
        """``source``: a reader of its own, because a reader reads one thing at a time."""
        self._source = source
        self._users = frozenset(users)
        self._known: dict[tuple[int, Position], str | None] = {}
        self.unknown = 0
        """Connections whose ``connected`` is not in the log any more, or cannot be read."""

    async def wanted(self, sighting: Sighting) -> bool:
        """Whether the event is of one of the users; of an unknown connection: no."""
        return await self.user_of(sighting) in self._users

    async def user_of(self, sighting: Sighting) -> str | None:
        """The user of an event, or None when there is none or none can be found."""
        event = sighting.event
        username: str | None = getattr(event, "username", None)
        if isinstance(event, Connected):
            self._remember((sighting.partition, sighting.position), username)
        if username is not None:
            return username
        epoch: Position | None = getattr(event, "epoch", None)
        if epoch is None:
            return None
        key = (sighting.partition, epoch)
        if key not in self._known:
            self._remember(key, await self._fetch(*key))
        return self._known[key]

    def _remember(self, key: tuple[int, Position], username: str | None) -> None:
        if len(self._known) >= _CACHED:
            self._known.clear()
        self._known[key] = username

    async def _fetch(self, partition: int, epoch: Position) -> str | None:
        record = await self._source.record(partition, offset_of(epoch))
        try:
            found = {} if record is None else dict(read_frame(record.headers, record.value).lifecycle())
        except FrameError:
            found = {}  # counted below: the scan itself reports the frame if it comes across it
        event = found.get(index_of(epoch))
        if isinstance(event, Connected):
            return event.username
        self.unknown += 1
        return None
