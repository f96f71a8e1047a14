"""The way in of a client: its CONNECT is looked at, its password verified, what came of it appended.

:mod:`ingest.access` says as whom it comes in, :mod:`ingest.mqtt.connect` what it is granted; both are asked again when
its password has been verified, since things may have changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.access.access import BUSY, Entrance
from ingest.mqtt import connect
from ingest.mqtt.codec import ConnackPacket, ConnectPacket, ProtocolVersion, ReasonCode, encode
from schemas.events import Refused
from schemas.positions import partition_of

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection

_OF_ACCESS = (ReasonCode.BAD_USER_NAME_OR_PASSWORD, ReasonCode.NOT_AUTHORIZED, ReasonCode.BANNED)
_EVENT_BYTES = 512


def begin(connection: Connection, packet: ConnectPacket) -> None:
    """A CONNECT came."""
    server = connection.server
    if (why := connect.unfit(packet, server.settings)) is not None:
        _decide(connection, packet, server.access.refused(packet.username or "", why))
    else:
        _ask(connection, packet)


def go_on(connection: Connection, packet: ConnectPacket, known: bool) -> None:
    """Its password was verified, unless ``known`` is False."""
    if known:
        _ask(connection, packet)
    else:
        _decide(connection, packet, connection.server.access.refused(packet.username or "", BUSY))
    connection.server.soon_flush()


def _ask(connection: Connection, packet: ConnectPacket) -> None:
    entrance = connection.server.access.enter(packet, connection)
    if entrance is None:
        connection.asking = packet
    else:
        _decide(connection, packet, entrance)


def _decide(connection: Connection, packet: ConnectPacket, entrance: Entrance) -> None:
    server = connection.server
    decision = connect.decide(
        packet,
        entrance,
        server.settings,
        connection.peer,
        connection.listener,
        server.new_client_id,
        server.quotas.may_connect,
        lambda tenant, client_id: server.access.foreign(entrance, server.node.sessions.get((tenant, client_id))),
    )
    connection.client_id = decision.client_id
    connection.tenant = decision.tenant
    connection.partition = partition_of(decision.tenant, decision.client_id, server.partitions)
    if server.overloaded:
        connection.write(encode(ConnackPacket(False, ReasonCode.SERVER_UNAVAILABLE), connection.version))
        connection.close("the log does not take connections now")
        return
    server.append(connection.partition, decision, connection, _EVENT_BYTES + _will_size(packet))
    if packet.version == ProtocolVersion.V5:
        connection.aliases = {}
        connection.most_receiving = server.settings.receive_maximum
    if isinstance(decision, Refused):
        reason = ReasonCode(decision.reason_code)
        server.counters.refused(reason.name.lower(), reason in _OF_ACCESS)
        return
    connection.connected_event = decision
    connection.credential = entrance.credential
    connection.rights = server.access.rights(entrance)
    connection.window = min(decision.receive_maximum, server.settings.max_inflight)
    connection.max_out = decision.max_packet_size
    connection.keep_alive = decision.keep_alive * 1.5  # [MQTT-3.1.2-22]


def _will_size(packet: ConnectPacket) -> int:
    will = packet.will
    return 0 if will is None else len(will.payload) + len(will.topic) + len(will.properties)
