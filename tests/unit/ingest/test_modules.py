"""Which modules run, whether a listener is wanted, and what a node tells of itself under $SYS."""

from __future__ import annotations

import pytest

from domain.admin import AdminState
from ingest.mqtt.listener import wanted
from ingest.plugins.modules import Modules
from ingest.plugins.sys_topics import told
from schemas.admin import ListenerSet, PluginSet
from schemas.events import Heartbeat, Order

ORDER = Order("", "ann", "", "", 0)


def test_modules_run_as_configured_until_somebody_switches_them() -> None:
    """Given modules of the configuration, when one is switched, then that counts, and access rules are always there."""
    admin = AdminState()
    required = True
    modules = Modules("retainer", admin, {"password_authentication": lambda: required})
    assert modules.running == ["acl", "password_authentication", "retainer"]
    required = False
    for number, (name, active) in enumerate({"retainer": False, "sys": True, "acl": False}.items()):
        admin.apply(PluginSet(ORDER, name, active), number, 0)
    assert modules.running == ["sys"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], True),
        ([("", False)], False),
        ([("n", False), ("", True)], True),
        ([("", False), ("n", True)], True),
        ([("n", True), ("", False)], False),
        ([("n", True), ("", False), ("n", True)], True),
        ([("other", False)], True),
    ],
)
def test_what_was_said_last_of_a_listener_counts(said: list[tuple[str, bool]], expected: bool) -> None:
    """Given switches of a listener at a node or everywhere, when all are folded, then the last that concerns it
    counts."""
    admin = AdminState()
    for number, (node, active) in enumerate(said):
        admin.apply(ListenerSet(ORDER, node, "mqtt:tcp", active), number, 0)
    assert wanted(admin, "n", "mqtt:tcp") is expected


def test_what_a_node_tells_of_itself() -> None:
    """Given a heartbeat, when it is told under $SYS, then names are those of EMQX 4 and sums are made."""
    beat = Heartbeat(
        "n",
        1,
        90_061_000,
        0,
        "1.0",
        "h",
        1,
        1.0,
        [],
        [],
        {"packets.publish.received": 2, "packets.ping.received": 1, "messages.sent.qos1": 3, "messages.sent.qos2": 4},
        {"connections": 5},
        {"connections": 6},
    )
    found = {topic.removeprefix("$SYS/brokers/n/"): (payload, retain) for topic, payload, retain in told(beat)}
    assert found["$SYS/brokers"] == ("n", True)
    assert found["version"] == ("1.0", True)
    assert found["uptime"] == ("1 days, 1 hours, 1 minutes, 1 seconds", False)
    assert found["datetime"] == ("1970-01-02 01:01:01", False)
    assert found["stats/connections/count"] == ("5", False)
    assert found["stats/connections/max"] == ("6", False)
    assert found["metrics/packets/received"] == ("3", False)
    assert found["metrics/messages/qos1/sent"] == ("3", False)
    assert found["metrics/messages/sent"] == ("7", False)
