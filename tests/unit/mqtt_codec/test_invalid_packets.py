"""What we must never send: packets that refuse to exist or to be encoded."""

from collections.abc import Callable

import pytest

from ingest.mqtt.codec import (
    AuthPacket,
    AuthProperties,
    ConnackPacket,
    ConnectPacket,
    ConnectReturnCode,
    DisconnectPacket,
    InvalidPacket,
    Packet,
    ProtocolVersion,
    PubackPacket,
    PublishPacket,
    PubrelPacket,
    ReasonCode,
    SubackPacket,
    SubscribePacket,
    Subscription,
    UnsubackPacket,
    UnsubscribePacket,
    Will,
    connect_return_code,
    encode,
)

V31, V311, V5 = ProtocolVersion
R = ReasonCode

REFUSE_TO_EXIST: list[Callable[[], object]] = [
    lambda: Will("", b""),
    lambda: Will("a/+", b""),
    lambda: Will("a", b"", 3),
    lambda: ConnectPacket(V311, "c", password=b"p"),
    lambda: ConnectPacket(V5, "c", bridge=True),
    lambda: ConnackPacket(True, R.NOT_AUTHORIZED),
    lambda: Subscription(""),
    lambda: Subscription("a", 3),
    lambda: Subscription("a", retain_handling=3),
    lambda: SubscribePacket(1, ()),
    lambda: SubscribePacket(0, (Subscription("a"),)),
    lambda: SubackPacket(1, ()),
    lambda: SubackPacket(65_536, (R.SUCCESS,)),
    lambda: UnsubscribePacket(1, ()),
    lambda: UnsubscribePacket(1, ("a", "")),
    lambda: UnsubackPacket(-1),
]


@pytest.mark.parametrize("make", REFUSE_TO_EXIST)
def test_refuses_to_exist(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidPacket):
        make()


REFUSE_TO_BE_ENCODED: list[tuple[Packet, ProtocolVersion]] = [
    (ConnectPacket(V5, "c"), V311),
    (ConnectPacket(V5, "c\0"), V5),
    (ConnectPacket(V5, "c" * 65_536), V5),
    (ConnectPacket(V5, "c", keep_alive=65_536), V5),
    (ConnectPacket(V5, "c", will=Will("w", properties=b"\x0b\x01")), V5),
    (ConnectPacket(V5, "c", will=Will("w", properties=b"\x23\x00\x01")), V5),
    (ConnackPacket(False, R.KEEP_ALIVE_TIMEOUT), V5),
    (PublishPacket("a", qos=3, packet_id=1), V5),
    (PublishPacket("a", qos=1), V5),
    (PublishPacket("a", packet_id=1), V5),
    (PublishPacket("a", dup=True), V5),
    (PublishPacket("a/#"), V5),
    (PublishPacket("a\0"), V5),
    (PublishPacket("\ud800"), V5),
    (PublishPacket("x" * 65_536), V5),
    (PublishPacket(""), V5),
    (PublishPacket("", topic_alias=1), V311),
    (PublishPacket("a", topic_alias=65_536), V5),
    (PublishPacket("a", properties=b"\x23\x00\x01"), V5),
    (PublishPacket("a", properties=b"\x99"), V5),
    (PubackPacket(0), V5),
    (PubackPacket(65_536), V311),
    (PubackPacket(1, R.PACKET_IDENTIFIER_NOT_FOUND), V5),
    (PubrelPacket(1, R.UNSPECIFIED_ERROR), V5),
    (SubscribePacket(1, (Subscription("$share/g/a", no_local=True),)), V5),
    (SubackPacket(1, (R.NO_SUBSCRIPTION_EXISTED,)), V5),
    (UnsubackPacket(1), V5),
    (UnsubackPacket(1, (R.GRANTED_QOS_1,)), V5),
    (DisconnectPacket(R.NO_MATCHING_SUBSCRIBERS), V5),
    (AuthPacket(R.CONTINUE_AUTHENTICATION), V5),
    (AuthPacket(R.NOT_AUTHORIZED, AuthProperties(authentication_method="m")), V5),
    (AuthPacket(), V311),
]


@pytest.mark.parametrize(("packet", "version"), REFUSE_TO_BE_ENCODED)
def test_refuses_to_be_encoded(packet: Packet, version: ProtocolVersion) -> None:
    with pytest.raises(InvalidPacket):
        encode(packet, version)


def test_mqtt_3_leaves_out_what_it_has_no_place_for() -> None:
    assert encode(PubackPacket(1, R.QUOTA_EXCEEDED), V311) == b"\x40\x02\x00\x01"
    assert encode(UnsubackPacket(1, (R.SUCCESS,)), V311) == b"\xb0\x02\x00\x01"
    assert encode(DisconnectPacket(R.SERVER_BUSY), V311) == b"\xe0\x00"
    publish = PublishPacket("a", b"x", properties=b"\x01\x01", topic_alias=3)
    assert encode(publish, V311) == b"\x30\x04\x00\x01ax"
    refused = (R.GRANTED_QOS_1, R.NOT_AUTHORIZED)
    assert encode(SubackPacket(1, refused), V311) == b"\x90\x04\x00\x01\x01\x80"
    assert encode(SubackPacket(1, refused), V31) == b"\x90\x04\x00\x01\x01\x00"
    assert encode(ConnackPacket(True), V31) == b"\x20\x02\x00\x00"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (R.SUCCESS, 0),
        (R.UNSUPPORTED_PROTOCOL_VERSION, 1),
        (R.CLIENT_IDENTIFIER_NOT_VALID, 2),
        (R.SERVER_BUSY, 3),
        (R.BAD_USER_NAME_OR_PASSWORD, 4),
        (R.BANNED, 5),
    ],
)
def test_connack_of_mqtt_3_says_the_reason_as_well_as_it_can(reason: R, code: int) -> None:
    assert connect_return_code(reason) is ConnectReturnCode(code)
    assert encode(ConnackPacket(False, reason), V311) == bytes((0x20, 2, 0, code))
