"""Hypothesis strategies: every valid packet of every version, by who sends it."""

from hypothesis import strategies as st

from ingest.mqtt.codec import (
    AckProperties,
    AuthPacket,
    AuthProperties,
    ConnackPacket,
    ConnackProperties,
    ConnectPacket,
    ConnectProperties,
    ConnectReturnCode,
    DisconnectPacket,
    DisconnectProperties,
    Packet,
    PingReqPacket,
    PingRespPacket,
    ProtocolVersion,
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PublishProperties,
    PubrecPacket,
    PubrelPacket,
    ReasonCode,
    SubackPacket,
    SubscribePacket,
    SubscribeProperties,
    Subscription,
    UnsubackPacket,
    UnsubscribePacket,
    UnsubscribeProperties,
    Will,
    encode_publish_properties,
)

V31 = ProtocolVersion.V31
V5 = ProtocolVersion.V5

uint16 = st.one_of(st.integers(0, 300), st.integers(0, 65_535))
positive16 = st.one_of(st.integers(1, 300), st.integers(1, 65_535))
uint32 = st.one_of(st.integers(0, 300), st.integers(0, 0xFFFF_FFFF))
positive32 = st.one_of(st.integers(1, 300), st.integers(1, 0xFFFF_FFFF))
subscription_ids = st.one_of(st.integers(1, 300), st.integers(1, 268_435_455))
binary = st.binary(max_size=200)
_characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
text = st.text(_characters, max_size=60)
topics = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=60)
topic_filters = st.text(_characters, min_size=1, max_size=60)
user_properties = st.lists(st.tuples(text, text), max_size=4).map(tuple)
qos = st.integers(0, 2)


def reasons(*codes: int) -> st.SearchStrategy[ReasonCode]:
    return st.sampled_from([ReasonCode(code) for code in codes])


publish_properties = st.builds(
    PublishProperties,
    payload_format_indicator=st.none() | st.integers(0, 1),
    message_expiry_interval=st.none() | uint32,
    content_type=st.none() | text,
    response_topic=st.none() | topics,
    correlation_data=st.none() | binary,
    user_properties=user_properties,
)
server_publish_properties = st.builds(
    PublishProperties,
    payload_format_indicator=st.none() | st.integers(0, 1),
    message_expiry_interval=st.none() | uint32,
    content_type=st.none() | text,
    response_topic=st.none() | topics,
    correlation_data=st.none() | binary,
    user_properties=user_properties,
    subscription_identifiers=st.lists(subscription_ids, max_size=3).map(tuple),
)
connect_properties = st.builds(
    ConnectProperties,
    session_expiry_interval=st.none() | uint32,
    receive_maximum=positive16,
    maximum_packet_size=st.none() | positive32,
    topic_alias_maximum=uint16,
    request_response_information=st.booleans(),
    request_problem_information=st.booleans(),
    authentication_method=text,
    authentication_data=st.none() | binary,
    user_properties=user_properties,
)
connack_properties = st.builds(
    ConnackProperties,
    session_expiry_interval=st.none() | uint32,
    receive_maximum=positive16,
    maximum_qos=qos,
    retain_available=st.booleans(),
    maximum_packet_size=st.none() | positive32,
    assigned_client_identifier=st.none() | text,
    topic_alias_maximum=uint16,
    reason_string=st.none() | text,
    wildcard_subscription_available=st.booleans(),
    subscription_identifiers_available=st.booleans(),
    shared_subscription_available=st.booleans(),
    server_keep_alive=st.none() | uint16,
    response_information=st.none() | text,
    server_reference=st.none() | text,
    authentication_method=text,
    authentication_data=st.none() | binary,
    user_properties=user_properties,
)
ack_properties = st.builds(AckProperties, reason_string=st.none() | text, user_properties=user_properties)
auth_properties = st.builds(
    AuthProperties,
    authentication_method=text,
    authentication_data=st.none() | binary,
    reason_string=st.none() | text,
    user_properties=user_properties,
)


@st.composite
def wills(draw: st.DrawFn, version: ProtocolVersion) -> Will:
    raw, delay = b"", 0
    if version == V5:
        raw = encode_publish_properties(draw(publish_properties))
        delay = draw(uint32)
    return Will(draw(topics), draw(binary), draw(qos), draw(st.booleans()), raw, delay)


@st.composite
def connects(draw: st.DrawFn, version: ProtocolVersion) -> ConnectPacket:
    username = draw(st.none() | text)
    password = None if username is None and version != V5 else draw(st.none() | binary)
    properties = draw(connect_properties) if version == V5 else ConnectProperties()
    return ConnectPacket(
        version,
        draw(text),
        draw(st.booleans()),
        draw(uint16),
        username,
        password,
        draw(st.none() | wills(version)),
        properties,
        bridge=version != V5 and draw(st.booleans()),
    )


@st.composite
def connacks(draw: st.DrawFn, version: ProtocolVersion) -> ConnackPacket:
    if version == V5:
        reason = draw(reasons(0, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, *range(0x99, 0x9E), 0x9F))
        return ConnackPacket(reason == 0 and draw(st.booleans()), reason, draw(connack_properties))
    code = draw(st.sampled_from(ConnectReturnCode))
    return ConnackPacket(version != V31 and code == 0 and draw(st.booleans()), code)


@st.composite
def publishes(draw: st.DrawFn, version: ProtocolVersion, from_client: bool) -> PublishPacket:
    level = draw(qos)
    packet_id = draw(positive16) if level else 0
    dup = level > 0 and draw(st.booleans())
    topic, alias, raw = draw(topics), 0, b""
    if version == V5:
        alias = draw(st.just(0) | positive16)
        topic = "" if alias and draw(st.booleans()) else topic
        properties = publish_properties if from_client else server_publish_properties
        raw = encode_publish_properties(draw(properties))
    return PublishPacket(topic, draw(binary), level, draw(st.booleans()), dup, packet_id, alias, raw)


def acks(version: ProtocolVersion) -> st.SearchStrategy[Packet]:
    if version != V5:
        kinds = (PubackPacket, PubrecPacket, PubrelPacket, PubcompPacket)
        return st.one_of(*(st.builds(kind, positive16) for kind in kinds))
    publish = reasons(0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)
    release = reasons(0, 0x92)
    return st.one_of(
        st.builds(PubackPacket, positive16, publish, ack_properties),
        st.builds(PubrecPacket, positive16, publish, ack_properties),
        st.builds(PubrelPacket, positive16, release, ack_properties),
        st.builds(PubcompPacket, positive16, release, ack_properties),
    )


@st.composite
def subscribes(draw: st.DrawFn, version: ProtocolVersion) -> SubscribePacket:
    options = st.builds(Subscription, topic_filters, qos)
    properties = SubscribeProperties()
    if version == V5:
        options = st.builds(Subscription, topic_filters, qos, st.booleans(), st.booleans(), st.integers(0, 2)).filter(
            lambda item: not (item.no_local and item.topic_filter.startswith("$share/"))
        )
        properties = SubscribeProperties(
            subscription_identifier=draw(st.none() | subscription_ids),
            user_properties=draw(user_properties),
        )
    items = draw(st.lists(options, min_size=1, max_size=4))
    return SubscribePacket(draw(positive16), tuple(items), properties)


@st.composite
def subacks(draw: st.DrawFn, version: ProtocolVersion) -> SubackPacket:
    codes = [0, 1, 2]
    if version != V31:
        codes.append(0x80)
    if version == V5:
        codes += [0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2]
    listed = draw(st.lists(reasons(*codes), min_size=1, max_size=5))
    properties = draw(ack_properties) if version == V5 else AckProperties()
    return SubackPacket(draw(positive16), tuple(listed), properties)


@st.composite
def unsubscribes(draw: st.DrawFn, version: ProtocolVersion) -> UnsubscribePacket:
    pairs = draw(user_properties) if version == V5 else ()
    filters = draw(st.lists(topic_filters, min_size=1, max_size=4))
    properties = UnsubscribeProperties(user_properties=pairs)
    return UnsubscribePacket(draw(positive16), tuple(filters), properties)


@st.composite
def unsubacks(draw: st.DrawFn, version: ProtocolVersion) -> UnsubackPacket:
    if version != V5:
        return UnsubackPacket(draw(positive16))
    codes = reasons(0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91)
    listed = draw(st.lists(codes, min_size=1, max_size=5))
    return UnsubackPacket(draw(positive16), tuple(listed), draw(ack_properties))


@st.composite
def disconnects(draw: st.DrawFn, version: ProtocolVersion, from_client: bool) -> DisconnectPacket:
    if version != V5:
        return DisconnectPacket()
    both = (0, 0x80, 0x81, 0x82, 0x83, 0x90, *range(0x93, 0x9A))
    server = (0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, *range(0x9A, 0xA3))
    reason = draw(reasons(*both, 4) if from_client else reasons(*both, *server))
    properties = DisconnectProperties(
        session_expiry_interval=draw(st.none() | uint32) if from_client else None,
        reason_string=draw(st.none() | text),
        server_reference=draw(st.none() | text),
        user_properties=draw(user_properties),
    )
    return DisconnectPacket(reason, properties)


def client_packets(version: ProtocolVersion) -> dict[str, st.SearchStrategy[Packet]]:
    """What a client may send behind CONNECT, by name."""
    packets: dict[str, st.SearchStrategy[Packet]] = {
        "publish": publishes(version, True),
        "ack": acks(version),
        "subscribe": subscribes(version),
        "unsubscribe": unsubscribes(version),
        "pingreq": st.just(PingReqPacket()),
        "disconnect": disconnects(version, True),
    }
    if version == V5:
        packets["auth"] = st.builds(AuthPacket, reasons(0x18, 0x19), auth_properties)
    return packets


def server_packets(version: ProtocolVersion) -> dict[str, st.SearchStrategy[Packet]]:
    """What a server may send, by name."""
    packets: dict[str, st.SearchStrategy[Packet]] = {
        "connack": connacks(version),
        "publish": publishes(version, False),
        "ack": acks(version),
        "suback": subacks(version),
        "unsuback": unsubacks(version),
        "pingresp": st.just(PingRespPacket()),
    }
    if version == V5:
        packets["disconnect"] = disconnects(version, False)
        packets["auth"] = st.builds(AuthPacket, reasons(0x00, 0x18), auth_properties)
    return packets


def packets(role: str, version: ProtocolVersion) -> dict[str, st.SearchStrategy[Packet]]:
    """What a parser of `role` may receive, by name."""
    return client_packets(version) if role == "server" else server_packets(version)
