"""The topic ``<prefix>.events.dead``: copies of frames that could not be folded, as they were, with the reason.

Headers of a copy: those of the frame, then ``dead.partition``, ``dead.offset``, ``dead.time``, ``dead.reason`` and
``dead.worker``, all UTF-8. A crash between copy and position gives a second copy with the same headers.
"""

from __future__ import annotations

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from projector.inbox import Message
from projector.settings import ProjectorSettings
from schemas.kafka_options import kafka_client_options
from schemas.topics import MAX_MESSAGE_BYTES


class DeadLetterTopic:
    """Writes copies; connects when there is something to write."""

    def __init__(self, settings: ProjectorSettings) -> None:
        """For the events topic of these settings."""
        self._settings = settings
        self._topic = f"{settings.kafka.events_topic}.dead"

    async def put(self, partition: int, message: Message, reason: str) -> None:
        """Keep a copy; returns when Kafka has it. Raises KafkaError."""
        producer = AIOKafkaProducer(
            **kafka_client_options(self._settings.kafka),
            acks="all",
            enable_idempotence=True,
            max_request_size=2 * MAX_MESSAGE_BYTES,
        )
        why = {
            "dead.partition": str(partition),
            "dead.offset": str(message.offset),
            "dead.time": str(message.time),
            "dead.reason": reason,
            "dead.worker": self._settings.worker,
        }
        headers = [*message.headers, *((name, text.encode()) for name, text in why.items())]
        await self._create()
        await producer.start()
        try:
            await producer.send_and_wait(self._topic, value=message.value, headers=headers)
        finally:
            await producer.stop()

    async def _create(self) -> None:
        """Make the topic if it is not there; it is kept for ever, like the events."""
        kafka = self._settings.kafka
        admin = AIOKafkaAdminClient(**kafka_client_options(kafka))
        await admin.start()
        try:
            if self._topic not in await admin.list_topics():
                configs = {"retention.ms": "-1", "max.message.bytes": str(2 * MAX_MESSAGE_BYTES)}
                topic = NewTopic(self._topic, 1, kafka.replication, topic_configs=configs)
                response = await admin.create_topics([topic])
                for _, code, message in response.topic_errors:
                    if code and code != TopicAlreadyExistsError.errno:
                        raise for_code(code)(f"{self._topic} can't be created: {message}")
        finally:
            await admin.close()
