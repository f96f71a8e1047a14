"""All connections of a deployment, kept as ``mq.admin`` says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from connector.link import Dial, Link, Report
from domain.admin import AdminState
from schemas.events import ConnectionStatus

MODULE: Final = "connections"
"""The module that an operator can stop; it runs unless somebody did."""
OFF: Final = "the module connections does not run"
STOPPED: Final = "the connector has stopped"


class Links:
    """By tenant and id. Changed by :meth:`follow` and :meth:`stop` alone, which one task calls."""

    def __init__(self, dial: Dial, report: Report, longest: float) -> None:
        """None yet; see :class:`connector.link.Link`."""
        self._dial = dial
        self._report = report
        self._longest = longest
        self._links: dict[tuple[str, str], Link] = {}
        self._attempts = 0

    async def follow(self, state: AdminState) -> None:
        """Make it so: begin what is new, end what is gone, begin again what was changed."""
        positions = {key: position for key, (position, _) in state.connections.items()}
        for key in [key for key, link in self._links.items() if positions.get(key) != link.position]:
            await self._end(key)
        for key, (position, connection) in state.connections.items():
            if key not in self._links:
                self._links[key] = Link(connection, position, self._dial, self._report, self._longest)
        for link in self._links.values():
            if not state.plugins.get(MODULE, True):
                await link.stop(OFF)
            elif not link.running:
                link.start()

    async def stop(self, why: str = "") -> None:
        """End all; with ``why`` it is said of each."""
        for link in self._links.values():
            await link.stop(why)
        for key in list(self._links):
            await self._end(key)

    def statuses(self) -> Iterator[ConnectionStatus]:
        """Of those of which there is something to say."""
        return (link.status for link in self._links.values() if link.status is not None)

    def states(self) -> Counter[str]:
        """How many are in which state."""
        return Counter(link.state for link in self._links.values())

    @property
    def attempts(self) -> int:
        """To connect, since the start of the process."""
        return self._attempts + sum(link.attempts for link in self._links.values())

    async def _end(self, key: tuple[str, str]) -> None:
        link = self._links.pop(key)
        self._attempts += link.attempts
        await link.stop()
