"""Settings of an ingest node."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Limits and listener of the MQTT side of a node."""

    host: str = "127.0.0.1"
    """Address to listen on. Beyond loopback only with ``authentication = required`` or ``allow_anonymous_remote``."""
    port: int = 1883
    """TCP port; 0 takes a free one."""
    allow_anonymous_remote: bool = False
    """Say explicitly that anyone who reaches a non-loopback address may connect without a password."""
    authentication: str = "open"
    """Who may connect: ``open`` is anyone, but a user that there is needs its password; ``required`` is users with
    their password. The module ``password_authentication`` switches it while the node runs, never to open beyond
    loopback without ``allow_anonymous_remote``."""
    tenant_from: str = "none"
    """Where the tenant of a client comes from: ``none``, everybody is in ``default``; ``username``, which is then
    ``tenant/user``. A tenant but ``default`` is entered with a verified password only."""
    max_packet_size: int = 262_144
    """Largest packet accepted from a client, in bytes, announced to MQTT 5 clients."""
    receive_maximum: int = 1_024
    """QoS 1 and 2 publishes of one client that may be unacknowledged, announced to MQTT 5 clients."""
    max_inflight: int = 256
    """QoS 1 and 2 messages sent to one client and not yet acknowledged; the client's receive maximum lowers it."""
    max_queued_messages: int = 100_000
    """Messages kept for one session while it is away or slow."""
    max_sessions: int = 1_000_000
    """Sessions of the node, connected and away. A client without one is refused beyond it: 0x97, 3 in MQTT 3."""
    max_subscriptions: int = 5_000_000
    """Subscriptions of all sessions together, and likewise levels of their filters, shared ones counted once. New ones
    are refused beyond it: 0x97, 0x80 in MQTT 3."""
    max_retained_messages: int = 1_000_000
    """Topics with a retained message. Beyond it a new one is refused: 0x97 for QoS 1 and 2, or the connection ends
    where MQTT has no word for it; QoS 0 and wills are delivered and not retained."""
    max_retained_bytes: int = 1_073_741_824
    """Bytes of memory that retained messages may take, about; beyond it likewise."""
    max_sessions_per_tenant: int = 0
    """Sessions of one tenant, refused beyond it as above; 0 is no limit."""
    max_subscriptions_per_tenant: int = 0
    """Subscriptions of one tenant, and levels of their filters; 0 is no limit."""
    max_retained_messages_per_tenant: int = 0
    """Topics of one tenant with a retained message; 0 is no limit."""
    max_retained_bytes_per_tenant: int = 0
    """Bytes of memory that retained messages of one tenant may take, about; 0 is no limit."""
    queue_policy: str = "drop_oldest"
    """What goes when a queue is full: drop_oldest or drop_newest."""
    max_session_expiry: int = 0xFFFFFFFF
    """Longest session expiry interval granted, in seconds; 0xFFFFFFFF never expires."""
    persistent_v3_expiry: int = 0xFFFFFFFF
    """Expiry in seconds of MQTT 3 sessions opened with clean session 0."""
    topic_alias_maximum: int = 64
    """Topic aliases a client may use towards us."""
    max_client_id_bytes: int = 1_024
    """Longest client identifier, in bytes of UTF-8: it and the next keep the keys of the read models indexable."""
    max_username_bytes: int = 1_024
    """Longest user name, likewise."""
    max_topic_filter_bytes: int = 1_536
    """Longest topic filter of a subscription, in bytes of UTF-8."""
    max_topic_levels: int = 128
    """Most levels in a topic name or filter."""
    connect_timeout: float = 10.0
    """Seconds a new connection has to send CONNECT."""
    max_keep_alive: int = 65_535
    """Longest keep alive in seconds; below 65535, MQTT 5 clients that ask for more or none are told this one."""
    max_connections: int = 100_000
    """Connections accepted at once."""
    outbound_high_water: int = 1_048_576
    """Bytes waiting in one socket above which nothing more is written to it until it drains."""
    slow_consumer_timeout: float = 60.0
    """Seconds a client may leave its socket full before it is disconnected."""
    inbound_high_water: int = 4_194_304
    """Bytes of one connection that may await the log before reading from it pauses."""
    backlog: int = 4_096
    """Connections that wait to be taken when many come at once; Linux allows ``net.core.somaxconn`` at most. Who finds
    no room is left to the repetitions of TCP, which take seconds."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How passwords and access rules of MQTT clients are applied."""

    acl_default: str = "allow"
    """What becomes of a publish or a subscription that no access rule of the tenant fits: allow or deny."""
    deny_action: str = "ignore"
    """What a client is told of a denied publish: ``ignore`` answers it (0x87 in MQTT 5; MQTT 3 has no word, there it is
    acknowledged and nobody gets it), ``disconnect`` ends the connection."""
    acl_cache: int = 64
    """Answers of access rules that are remembered for one connection."""
    password_threads: int = 2
    """Passwords verified at once, with lower priority than everything else; each takes the memory its hash says."""
    password_queue: int = 5_000
    """Passwords that may wait to be verified; none waits longer than half of ``mqtt.connect_timeout``. Beyond that
    clients are told 0x89, 3 in MQTT 3."""
    password_cache: int = 100_000
    """Verified passwords that are remembered, as keyed hashes, and as many wrong ones."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How a node appends to the log."""

    max_frame_bytes: int = 786_432
    """Largest frame, in bytes; below the topic's max.message.bytes."""
    max_frame_events: int = 4_096
    """Most events in one frame (at most 65536, the range of an index in a position)."""
    max_pending_bytes: int = 67_108_864
    """Bytes of events that may await the log before the node stops reading from all sockets."""
    request_timeout: float = 20.0
    """Seconds an append may take before the producer is rebuilt."""
    poison: str = "stop"
    """What to do at a record that cannot be read: stop (the node) or skip (it goes on without what the record says)."""
    quarantine: str = ""
    """Records to go on without, whatever poison says: comma separated partition/offset; one of the administration,
    which poison never skips, as admin/offset."""
    lost: str = ""
    """Partitions that have lost their end and may be gone on with: comma separated partition/offset, as a refused
    start names them."""
    ring_bytes: int = 67_108_864
    """Bytes of recent frames kept decoded in memory for readers that attach a little behind."""
    progress_interval: float = 0.25
    """Seconds between two progress events of a partition."""
    counters_interval: float = 10.0
    """Seconds between two reports of a client's counters."""
    heartbeat_interval: float = 1.0
    """Seconds between two heartbeats of the node."""


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """Everything an ingest node needs to know."""

    node: str = "node-1"
    """Name of the node, unique in the cluster and stable over restarts."""
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    log: LogSettings = field(default_factory=LogSettings)
    clients: ClientSettings = field(default_factory=ClientSettings)
    http_host: str = "127.0.0.1"
    """Address of the liveness, readiness and Prometheus endpoint; beyond loopback only with
    ``http_allow_anonymous_remote``."""
    http_allow_anonymous_remote: bool = False
    """Say explicitly that anyone who reaches a non-loopback ``http_host`` may read health and metrics."""
    http_port: int = 9101
    """Port of that endpoint; 0 takes a free one."""
    modules: str = "retainer,sys"
    """Modules that run unless somebody has switched them (``mq.admin``): retainer, sys. Access rules always do, and
    mqtt.authentication says whether passwords are needed."""
    sys_interval: float = 60.0
    """Seconds between two messages of the module sys for each topic under $SYS."""
    sys_tenant: str = "default"
    """The tenant whose clients may hear there of the broker as a whole."""
    shutdown_grace: float = 10.0
    """Seconds a graceful stop may take before connections are cut."""
