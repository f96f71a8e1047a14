"""A raw MQTT client for tests: says exactly what it is told to say and expects exactly what it is told to expect.

Built on :mod:`ingest.mqtt.codec` in the role of a client, so that every byte of the broker is checked on the way.
Everything that waits has a time-out and fails with what arrived instead. Nothing here knows which broker it talks to.
"""

from tests.mqttkit.client import Client, Outcome, quiet, will
from tests.mqttkit.link import Ended, Link, Silence, connect_packet
from tests.mqttkit.names import unique
from tests.mqttkit.timing import elapse, eventually

__all__ = [
    "Client",
    "Ended",
    "Link",
    "Outcome",
    "Silence",
    "connect_packet",
    "elapse",
    "eventually",
    "quiet",
    "unique",
    "will",
]
