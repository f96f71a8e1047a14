"""One example of every event, with every field away from its default: what the golden files pin.

A new event or version needs an example here, then ``python -m tests.golden.regenerate``. A golden file that has
once been released is never changed: a change of its bytes is a new version of the event.
"""

from __future__ import annotations

from typing import cast

from schemas.admin import (
    AccountRemoved,
    AccountSet,
    AclAdded,
    AclCacheCleared,
    AclRemoved,
    ApiKeyRemoved,
    ApiKeySet,
    Banned,
    ConnectionRemoved,
    ConnectionSet,
    ListenerSet,
    PluginSet,
    Unbanned,
    UserRemoved,
    UserSet,
)
from schemas.events import (
    LIFECYCLE_TYPES,
    MESSAGE_TYPES,
    NEVER,
    AnyEvent,
    Appended,
    Behind,
    ClearAcl,
    ClientCounters,
    CommandDone,
    Connected,
    ConnectionStatus,
    Counters,
    Cursor,
    Denied,
    Disconnected,
    Dropped,
    Event,
    Expire,
    Heartbeat,
    Inflight,
    Kick,
    LinkError,
    Listener,
    Measured,
    NodeLost,
    NodeStarted,
    NodeStopped,
    Order,
    Progress,
    Publish,
    Published,
    Received,
    Refused,
    Released,
    Retain,
    Sending,
    SessionEnded,
    Subscribe,
    Subscribed,
    Subscription,
    Unsubscribe,
    Unsubscribed,
    Unsubscription,
    Will,
    WillFired,
)
from schemas.positions import position

_EPOCH = position(1_234, 5)
_CURSOR = Cursor(
    low=[_EPOCH, 0, position(9, 0)], inflight=[Inflight(7, 2, position(8, 3), 2, True, [1, 268_435_455])], last_id=9
)
_COUNTERS = Counters(1, 2, 3, 4, 5, 6, 7, 8_000_000_000, 9, 10, 11, 12)
_ORDER = Order(
    "c0ffee", "ada", "192.0.2.7", "b0a7", 1_700_000_000_000, 1_700_000_010_000, True, "5eed", {"broker": "b"}
)
_HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g"

EVENTS: tuple[Event, ...] = (
    NodeStarted("node-1", 42, 41, "0.1.0", ["connected.1", "published.1"]),
    NodeStopped("node-1", 42),
    NodeLost("node-2", 17),
    Connected(
        tenant="default",
        client_id="sensor-1",
        username="ada",
        protocol="mqtt5",
        version=5,
        address="192.0.2.7",
        port=50_123,
        listener="tcp:default",
        clean_start=True,
        expiry=NEVER,
        keep_alive=60,
        receive_maximum=65_535,
        max_packet_size=1_048_576,
        topic_alias_max=10,
        request_response=True,
        request_problem=True,
        will=Will("will/sensor-1", b"\xff\x00gone", 1, True, bytes.fromhex("0201020304"), 30),
        connection_name="a connection",
        zone="edge",
        tls_identity="CN=sensor-1",
        bridge=True,
        assigned=True,
        user_properties=[("k", "v"), ("k", "Ω")],
    ),
    Refused("default", "x", "eve", "mqtt3.1.1", 4, "2001:db8::1", 1, "tls", 0x87, "not authorized"),
    Subscribed(
        "default",
        "sensor-1",
        _EPOCH,
        [1_235, 0, 10],
        [Subscription("a/+/c", 2, True, True, 1, 17, 2), Subscription("$SYS/#", 0, reason_code=0x87)],
    ),
    Unsubscribed("default", "sensor-1", _EPOCH, [1_236, 0, 10], [Unsubscription("a/+/c", 0), Unsubscription("b", 17)]),
    Disconnected(
        "default", "sensor-1", _EPOCH, 0x8E, "taken over", "server", 3_600, True, [1_237, 0, 10], _CURSOR, _COUNTERS
    ),
    SessionEnded("default", "sensor-1", _EPOCH, "expired"),
    Sending("default", "sensor-1", _EPOCH, [Inflight(65_535, 0, _EPOCH, 2)]),
    Received("default", "sensor-1", _EPOCH, [65_535, 1]),
    Progress([1_240, 0, 11], [Behind("default", "sensor-1", _EPOCH, _CURSOR)], False),
    Dropped("default", "sensor-1", _EPOCH, "queue_full", 12, [(0, _EPOCH, position(1_300, 0))]),
    Denied("default", "sensor-1", _EPOCH, "secret/x", 1, 7, "0f3c", 3),
    Measured([ClientCounters("default", "sensor-1", _EPOCH, _COUNTERS)]),
    Published(
        "default", "sensor-1", _EPOCH, "site/a/temp", 2, True, 65_535, bytes.fromhex("0101"), b'{"\xe2\x84\x83": 21.5}'
    ),
    WillFired("default", "sensor-1", _EPOCH, "will/sensor-1", 1, True, bytes.fromhex("0201020304"), b"\xff\x00gone"),
    Released("default", "sensor-1", _EPOCH, 65_535),
    Heartbeat(
        "node-1",
        42,
        1_700_000_000_123,
        1_700_000_000_000,
        "0.1.0",
        "host-1",
        4_711,
        1.5,
        [1_240, 0, 11],
        [Listener("tcp:default", "mqtt", "127.0.0.1", 1_883, 3)],
        {"bytes.sent": 8_000_000_000},
        {"connections": 3},
        {"connections": 9},
        7,
        {"max_inflight": 256},
        ["retainer"],
    ),
    Kick("default", "sensor-1", _ORDER, "kicked by ada", True, "ada"),
    Publish("default", "http", _ORDER, "site/a/set", 1, True, False, True, bytes.fromhex("0101"), b"on"),
    Retain("default", "http", _ORDER, "site/a/set", 1, False, bytes.fromhex("0101"), b"on"),
    Subscribe("default", "sensor-1", _ORDER, [Subscription("a/+/c", 2, True, True, 1, 17)], "ada"),
    Unsubscribe("default", "sensor-1", _ORDER, ["a/+/c", "b"], "ada"),
    Expire("default", _ORDER, 3_600),
    ClearAcl("default", "sensor-1", _ORDER, "site/a/temp"),
    CommandDone("default", "sensor-1", "c0ffee", "done", [2, 0x87], 3),
    Appended(3, 1_241),
    ConnectionStatus(
        "default",
        "mosquitto-dev",
        12,
        True,
        1_700_000_000_000,
        LinkError("ECONNREFUSED", -111, "connect", "192.0.2.9", 1_883, "broker.example", "refused"),
    ),
    UserSet(_ORDER, "add", "default", "ada", _HASH, True),
    UserRemoved(_ORDER, "default", "ada"),
    AclAdded(_ORDER, "default", False, "publish", "site/%u/#", "ada", "sensor-1", "192.0.2.0/24", 10),
    AclRemoved(_ORDER, "default", "c0ffee"),
    Banned(_ORDER, "add", "default", "clientid", "sensor-1", "ada", "noisy", 1_700_000_000_000, 1_700_000_300_000),
    Unbanned(_ORDER, "default", "clientid", "sensor-1"),
    AccountSet(_ORDER, "add", "ada", _HASH, "administrator", "*", "administrator"),
    AccountRemoved(_ORDER, "ada"),
    ApiKeySet(_ORDER, "add", "app-1", _HASH, "dashboard", "viewer", "default", False, 1_800_000_000_000),
    ApiKeyRemoved(_ORDER, "app-1"),
    ConnectionSet(
        _ORDER,
        "add",
        "default",
        "mosquitto-dev",
        "Development Server",
        "mqtts://broker.example:8883",
        "ada",
        "ledger",
        True,
        ["password", "ca"],
        b"\x00sealed\xff",
        10,
    ),
    ConnectionRemoved(_ORDER, "default", "mosquitto-dev"),
    PluginSet(_ORDER, "retainer", True),
    ListenerSet(_ORDER, "node-1", "mqtt:tcp", True),
    AclCacheCleared(_ORDER, "default"),
)
"""One of each."""

_IN_FRAMES: tuple[AnyEvent, ...] = tuple(
    cast("AnyEvent", e) for e in EVENTS if isinstance(e, (*LIFECYCLE_TYPES, *MESSAGE_TYPES))
)
_MESSAGES = tuple(e for e in _IN_FRAMES if isinstance(e, Published | WillFired | Released))

FRAMES: dict[str, tuple[AnyEvent, ...]] = {
    "empty": (),
    "everything": _IN_FRAMES,
    "messages_only": _MESSAGES,
    "lifecycle_only": tuple(e for e in _IN_FRAMES if e not in _MESSAGES),
    "mixed_order": (
        _MESSAGES[0],
        _IN_FRAMES[1],
        _MESSAGES[2],
        _MESSAGES[1],
        _IN_FRAMES[3],
        _IN_FRAMES[8],
        _MESSAGES[0],
    ),
    "two_tenants": (
        Published("a", "bc", 1, "t", 0, False, 0, b"", b"1"),
        Published("ab", "c", 1, "t", 1, True, 9, b"", b"22"),
        Published("a", "bc", 1, "u/v/w", 0, True, 0, b"", b"333"),
    ),
}
"""Frames by name."""

FRAME_HEADER = ("node-1", 42, 7, 1_700_000_000_123 << 16 | 3, [1_234, 0, 10])
"""Node, incarnation, sequence, stamp and depends of all these frames."""
