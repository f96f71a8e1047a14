"""The identifiers of a Kafka cluster and of a topic, which a topic made anew under the same name does not share.

aiokafka speaks the metadata request up to version 5; topic identifiers came with version 10 (KIP-516), which is
described here.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from projector.errors import NotYetError
from projector.kafka_log import LogIdentity
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings


class _Uuid:
    """A Kafka UUID: 16 bytes, no length."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        """The bytes as they are."""
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        """The next 16 bytes."""
        return data.read(16)

    @classmethod
    def repr(cls, value: bytes) -> str:
        """For logs."""
        return value.hex()


class _Response(Response):  # type: ignore[misc] # aiokafka has no types for its protocol
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _RequestStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_RequestStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_RequestStruct]) -> _RequestStruct:
        """The request for one topic, which is not created when it is missing."""
        return request_struct_class([(bytes(16), self._topic, {})], False, False, False, {})


async def identify(settings: KafkaSettings) -> LogIdentity:
    """Which cluster and event topic the settings lead to; see :func:`identify_topic`."""
    return await identify_topic(settings, settings.events_topic, settings.partitions)


async def identify_topic(settings: KafkaSettings, topic: str, partitions: int) -> LogIdentity:
    """Which cluster the settings lead to, and which topic of that name is there.

    Raises:
        NotYetError: Kafka can't be reached, the topic is not there yet, or it has another number of partitions.
    """
    client = AIOKafkaClient(**kafka_client_options(settings))
    try:
        await client.bootstrap()
        response = await client.send(client.get_random_node(), _MetadataRequest(topic))
        return _identity(response, partitions)
    except (KafkaError, OSError) as error:
        raise NotYetError(f"Kafka at {settings.bootstrap} can't be asked: {type(error).__name__}: {error}") from error
    finally:
        await client.close()


def _identity(response: Any, expected: int) -> LogIdentity:
    code, topic, topic_id, _, partitions, _, _ = response.topics[0]
    if code == UnknownTopicOrPartitionError.errno:
        raise NotYetError(f"the topic {topic} is not there yet: run `mqledger topics`")
    if code:
        raise for_code(code)(f"metadata of {topic}")
    if len(partitions) != expected:
        raise NotYetError(
            f"the topic {topic} has {len(partitions)} partitions, not {expected}: "
            "set kafka.partitions to what the topic of events has"
        )
    return LogIdentity(response.cluster_id, str(UUID(bytes=topic_id)))
