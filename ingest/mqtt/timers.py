"""Time-outs of connections without a timer each: a wheel of seconds, turned by the node's tick."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from ingest.mqtt.codec import ReasonCode

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection


class Timers:
    """Invariant: an open connection with a keep alive is in one slot of the wheel, at or before its deadline."""

    def __init__(self, connect_timeout: float, slow_timeout: float) -> None:
        self.now = time.monotonic()
        """The monotonic clock as of the last tick."""
        self._connect_timeout = connect_timeout
        self._slow_timeout = slow_timeout
        self._wheel: dict[int, list[Connection]] = {}
        self._turned = int(self.now)
        self._accepted: deque[tuple[float, Connection]] = deque()

    def accepted(self, connection: Connection) -> None:
        """A socket was opened: CONNECT is due [MQTT-3.1.0-1]."""
        self._accepted.append((self.now + self._connect_timeout, connection))

    def watch(self, connection: Connection) -> None:
        """A client is connected: look whether it is still there when its keep alive has passed."""
        if connection.keep_alive:
            self._put(connection, self.now + connection.keep_alive)

    def tick(self) -> None:
        """Move time on and end the connections whose time is up."""
        self.now = now = time.monotonic()
        while self._accepted and self._accepted[0][0] <= now:
            _, connection = self._accepted.popleft()
            connection.connect_overdue()
        while self._turned < int(now):
            self._turned += 1
            for connection in self._wheel.pop(self._turned, ()):
                self._look(connection, now)

    def blocked_too_long(self, connection: Connection) -> bool:
        """Whether the client has left its socket full for longer than is allowed."""
        return connection.blocked and self.now - connection.blocked_since > self._slow_timeout

    def _look(self, connection: Connection, now: float) -> None:
        if connection.is_closed:
            return
        if connection.paused:  # we are not listening: its silence is ours
            connection.last_in = now
        deadline = connection.last_in + connection.keep_alive
        if deadline <= now:  # [MQTT-3.1.2-22]
            connection.stop(ReasonCode.KEEP_ALIVE_TIMEOUT, "nothing was heard for one and a half keep alive intervals")
        else:
            self._put(connection, deadline)

    def _put(self, connection: Connection, deadline: float) -> None:
        self._wheel.setdefault(max(int(deadline) + 1, self._turned + 1), []).append(connection)
