"""Time-outs of connections without a timer each: a wheel of seconds, turned by the node's tick."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from ingest.mqtt.codec import ReasonCode

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection
    from ingest.mqtt.socket import Socket

    S = TypeVar("S", bound=Socket)


class Timers:
    """Invariants: an open connection with a keep alive is in one slot of the wheel, at or before its deadline;
    a closed one is nowhere."""

    def __init__(self, connect_timeout: float, slow_timeout: float) -> None:
        self.now = time.monotonic()
        """The monotonic clock as of the last tick."""
        self._connect_timeout = connect_timeout
        self._slow_timeout = slow_timeout
        self._wheel: dict[int, set[Connection]] = {}
        self._turned = int(self.now)
        self._accepted: dict[Connection, float] = {}
        """Connections that said no CONNECT yet, oldest first, with the time until which they may wait."""
        self._closing: dict[Socket, float] = {}
        """Connections whose client has not read our last words yet, likewise."""

    def accepted(self, connection: Connection) -> None:
        """A socket was opened: CONNECT is due [MQTT-3.1.0-1]."""
        self._accepted[connection] = self.now + self._connect_timeout

    def watch(self, connection: Connection) -> None:
        """A client is connected: look whether it is still there when its keep alive has passed."""
        self._accepted.pop(connection, None)
        if connection.keep_alive:
            self._put(connection, self.now + connection.keep_alive)

    def closing(self, connection: Socket) -> None:
        """A connection is closed as soon as the client has read what was written: that it must do in time."""
        self._closing[connection] = self.now + self._connect_timeout

    def forget(self, connection: Connection) -> None:
        """A connection is closed."""
        self._accepted.pop(connection, None)
        self._closing.pop(connection, None)
        slot = self._wheel.get(connection.slot)
        if slot is not None:
            slot.discard(connection)
            if not slot:
                del self._wheel[connection.slot]

    def tick(self) -> None:
        """Move time on and end the connections whose time is up."""
        self.now = now = time.monotonic()
        for connection in _overdue(self._accepted, now):
            connection.connect_overdue()
        for socket in _overdue(self._closing, now):
            socket.cut()
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
        connection.slot = max(int(deadline) + 1, self._turned + 1)
        self._wheel.setdefault(connection.slot, set()).add(connection)


def _overdue(waiting: dict[S, float], now: float) -> list[S]:
    """Those whose time is up, taken out."""
    found = []
    for connection, deadline in waiting.items():
        if deadline > now:
            break
        found.append(connection)
    for connection in found:
        del waiting[connection]
    return found
