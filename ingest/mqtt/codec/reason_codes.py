"""Protocol versions and reason codes, and which packet may carry which code.

Source: MQTT 5.0, section 2.4 and the table of each packet; MQTT 3.1.1, table 3.1.
"""

import enum
from collections.abc import Iterable


class ProtocolVersion(enum.IntEnum):
    """The protocol level byte of CONNECT."""

    V31 = 3
    V311 = 4
    V5 = 5


class ReasonCode(enum.IntEnum):
    """MQTT 5 reason codes; SUBACK of MQTT 3 uses 0, 1, 2 and 0x80 of them."""

    SUCCESS = 0x00
    NORMAL_DISCONNECTION = 0x00
    GRANTED_QOS_0 = 0x00
    GRANTED_QOS_1 = 0x01
    GRANTED_QOS_2 = 0x02
    DISCONNECT_WITH_WILL_MESSAGE = 0x04
    NO_MATCHING_SUBSCRIBERS = 0x10
    NO_SUBSCRIPTION_EXISTED = 0x11
    CONTINUE_AUTHENTICATION = 0x18
    REAUTHENTICATE = 0x19
    UNSPECIFIED_ERROR = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    BAD_USER_NAME_OR_PASSWORD = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_BUSY = 0x89
    BANNED = 0x8A
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    PACKET_IDENTIFIER_IN_USE = 0x91
    PACKET_IDENTIFIER_NOT_FOUND = 0x92
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    MESSAGE_RATE_TOO_HIGH = 0x96
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    PAYLOAD_FORMAT_INVALID = 0x99
    RETAIN_NOT_SUPPORTED = 0x9A
    QOS_NOT_SUPPORTED = 0x9B
    USE_ANOTHER_SERVER = 0x9C
    SERVER_MOVED = 0x9D
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E
    CONNECTION_RATE_EXCEEDED = 0x9F
    MAXIMUM_CONNECT_TIME = 0xA0
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1
    WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2


class ConnectReturnCode(enum.IntEnum):
    """CONNACK return codes of MQTT 3.1 and 3.1.1 (3.1.1 table 3.1)."""

    ACCEPTED = 0
    UNACCEPTABLE_PROTOCOL_VERSION = 1
    IDENTIFIER_REJECTED = 2
    SERVER_UNAVAILABLE = 3
    BAD_USER_NAME_OR_PASSWORD = 4
    NOT_AUTHORIZED = 5


_RETURN_CODES = {
    ReasonCode.SUCCESS: ConnectReturnCode.ACCEPTED,
    ReasonCode.UNSUPPORTED_PROTOCOL_VERSION: ConnectReturnCode.UNACCEPTABLE_PROTOCOL_VERSION,
    ReasonCode.CLIENT_IDENTIFIER_NOT_VALID: ConnectReturnCode.IDENTIFIER_REJECTED,
    ReasonCode.BAD_USER_NAME_OR_PASSWORD: ConnectReturnCode.BAD_USER_NAME_OR_PASSWORD,
    ReasonCode.BAD_AUTHENTICATION_METHOD: ConnectReturnCode.BAD_USER_NAME_OR_PASSWORD,
    ReasonCode.NOT_AUTHORIZED: ConnectReturnCode.NOT_AUTHORIZED,
    ReasonCode.BANNED: ConnectReturnCode.NOT_AUTHORIZED,
}


def connect_return_code(reason: ReasonCode) -> ConnectReturnCode:
    """The MQTT 3 CONNACK return code that says `reason`; what has none is "server unavailable"."""
    return _RETURN_CODES.get(reason, ConnectReturnCode.SERVER_UNAVAILABLE)


ReasonTable = tuple[ReasonCode | None, ...]


def _table(codes: Iterable[int]) -> ReasonTable:
    """A table by byte value: the reason code where allowed, None elsewhere."""
    allowed = frozenset(codes)
    return tuple(ReasonCode(code) if code in allowed else None for code in range(256))


_BOTH_DISCONNECT = {0x80, 0x81, 0x82, 0x83, 0x90, *range(0x93, 0x9A)}
_SERVER_DISCONNECT = {0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, *range(0x9A, 0xA3)}

CONNACK_REASONS = _table([0x00, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, *range(0x99, 0x9E), 0x9F])
# PUBACK [MQTT-3.4.2-1] and PUBREC [MQTT-3.5.2-1]
PUBLISH_REASONS = _table([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99])
# PUBREL [MQTT-3.6.2-1] and PUBCOMP [MQTT-3.7.2-1]
RELEASE_REASONS = _table([0x00, 0x92])
# SUBACK [MQTT-3.9.3-2]
SUBACK_REASONS = _table([0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2])
SUBACK_REASONS_V311 = _table([0, 1, 2, 0x80])
SUBACK_REASONS_V31 = _table([0, 1, 2])
# UNSUBACK [MQTT-3.11.3-2]
UNSUBACK_REASONS = _table([0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91])
# DISCONNECT [MQTT-3.14.2-1], by who sends it
CLIENT_DISCONNECT_REASONS = _table({0x00, 0x04} | _BOTH_DISCONNECT)
SERVER_DISCONNECT_REASONS = _table({0x00} | _BOTH_DISCONNECT | _SERVER_DISCONNECT)
# AUTH [MQTT-3.15.2-1], by who sends it
CLIENT_AUTH_REASONS = _table([0x18, 0x19])
SERVER_AUTH_REASONS = _table([0x00, 0x18])
