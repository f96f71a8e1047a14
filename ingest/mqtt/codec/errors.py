"""Errors, split by whose fault they are: the peer's (ProtocolError) or ours (InvalidPacket)."""

from ingest.mqtt.codec.reason_codes import ReasonCode


class ProtocolError(Exception):
    """The peer broke the protocol.

    `reason` is the MQTT 5 reason code that fits a CONNACK or DISCONNECT; the text says in one
    sentence what is wrong, with the id of the normative statement where there is one.
    """

    def __init__(self, reason: ReasonCode, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class UnsupportedProtocolVersion(ProtocolError):  # noqa: N818  (the name says it)
    """CONNECT names a protocol we don't speak: CONNACK 0x01 (MQTT 3) or 0x84 (MQTT 5)."""

    def __init__(self, name: str, level: int) -> None:
        super().__init__(
            ReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
            f"protocol {name[:16]!r} level {level} is not supported [MQTT-3.1.2-2]",
        )
        self.name = name
        self.level = level


class InvalidPacket(ValueError):  # noqa: N818  (the name says it)
    """We tried to make or encode a packet that the protocol forbids: a defect of ours."""


def malformed(message: str) -> ProtocolError:
    """0x81: the bytes can't be a packet."""
    return ProtocolError(ReasonCode.MALFORMED_PACKET, message)


def violation(message: str) -> ProtocolError:
    """0x82: a well-formed packet that the protocol forbids."""
    return ProtocolError(ReasonCode.PROTOCOL_ERROR, message)
