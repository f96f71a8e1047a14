"""UTF-8 strings, topic names and topic filters.

Source: MQTT 5.0, sections 1.5.4, 4.7 and 4.8.2; the rules of 3.1.1 are the same.
"""

import re

from ingest.mqtt.codec.errors import ProtocolError, malformed
from ingest.mqtt.codec.reason_codes import ReasonCode

SHARE_PREFIX = "$share/"

# A topic filter is levels joined by "/": "+" or a name each, "#" only as the last level.
_TOPIC_FILTER = re.compile(r"(?:(?:\+|[^+#/\0]*)/)*(?:\+|#|[^+#/\0]*)")
_SHARE_NAME = re.compile(r"[^/+#\0]+")


def decode_text(raw: bytes, what: str) -> str:
    """The text of a UTF-8 encoded string.

    Raises ProtocolError (0x81) for ill-formed UTF-8, which includes surrogates [MQTT-1.5.4-1],
    and for U+0000 [MQTT-1.5.4-2]. U+FEFF is kept [MQTT-1.5.4-3].
    """
    try:
        text = str(raw, "utf-8")
    except UnicodeDecodeError:
        raise malformed(f"{what} is not well-formed UTF-8 [MQTT-1.5.4-1]") from None
    if "\0" in text:
        raise malformed(f"{what} contains U+0000 [MQTT-1.5.4-2]")
    return text


def decode_topic_name(raw: bytes, what: str) -> str:
    """The text of a topic name of at least one character.

    Raises ProtocolError: 0x81 as decode_text; 0x90 when it is empty [MQTT-4.7.3-1] or has a
    wildcard [MQTT-3.3.2-2].
    """
    topic = decode_text(raw, what)
    if not topic:
        raise ProtocolError(ReasonCode.TOPIC_NAME_INVALID, f"{what} is empty [MQTT-4.7.3-1]")
    if "+" in topic or "#" in topic:
        message = f"{what} contains a wildcard [MQTT-3.3.2-2]"
        raise ProtocolError(ReasonCode.TOPIC_NAME_INVALID, message)
    return topic


def decode_topic_filter(raw: bytes) -> str:
    """The text of a topic filter, its wildcards unchecked (see valid_topic_filter).

    Raises ProtocolError (0x81) as decode_text, and when it is empty [MQTT-4.7.3-1].
    """
    topic_filter = decode_text(raw, "topic filter")
    if not topic_filter:
        raise malformed("topic filter is empty [MQTT-4.7.3-1]")
    return topic_filter


def valid_topic_name(topic: str) -> bool:
    """Whether a PUBLISH may carry `topic` (MQTT 5.0, 4.7)."""
    if "+" in topic or "#" in topic or "\0" in topic:
        return False
    return topic != "" and _fits(topic)


def valid_topic_filter(topic_filter: str) -> bool:
    """Whether the wildcards of `topic_filter` stand where they may.

    "#" only as the last level [MQTT-4.7.1-1], "+" only as a whole level [MQTT-4.7.1-2]; a
    shared subscription has a share name without "/", "+" or "#" and a filter of at least one
    character behind it [MQTT-4.8.2-1], [MQTT-4.8.2-2].
    """
    if topic_filter.startswith(SHARE_PREFIX):
        share, slash, rest = topic_filter[len(SHARE_PREFIX) :].partition("/")
        if not slash or not _SHARE_NAME.fullmatch(share):
            return False
        return bool(rest) and bool(_TOPIC_FILTER.fullmatch(rest)) and _fits(topic_filter)
    return bool(topic_filter) and bool(_TOPIC_FILTER.fullmatch(topic_filter)) and _fits(topic_filter)


def _fits(text: str) -> bool:
    """Whether UTF-8 can hold `text` in at most 65,535 bytes [MQTT-4.7.3-3]."""
    try:
        return len(text.encode()) <= 65_535
    except UnicodeEncodeError:  # a surrogate
        return False
