-- The read models, whole. Run with search_path set to the schema that shall hold them.
-- The numbered files in migrations/ lead to exactly this (tests/integration/projector/test_migrations.py).
--
-- Times are milliseconds since 1970 UTC (0: not set); positions are offset << 16 | index (schemas/positions.py).
-- Written by projectors only; a row is changed by the worker that holds the row's partition and by no other.

-- Which numbered migrations have run here.
create table migrations (
    version    integer primary key,
    name       text not null,
    checksum   text not null,
    applied_at timestamptz not null default now()
);

-- How far each partition of the event log is folded. Every transaction of a projector begins by moving `next`.
create table applied (
    partition      integer primary key,
    next           bigint not null,                        -- offset of the next frame to fold
    partition_time bigint not null default 0,              -- running maximum of append times below `next`
    log_end        bigint not null default 0,              -- highest end offset of the log seen
    goal           bigint not null default 0,              -- end of the log when this fold began; ready from there on
    fences         jsonb  not null default '{}',           -- node -> lowest incarnation that may still speak
    cluster_id     text   not null default '',
    topic_id       text   not null default '',
    last_frame     text   not null default '',             -- node/incarnation/sequence of the frame below `next`
    updated_at     timestamptz not null default now()      -- confirmed by its worker, every few seconds when idle
) with (fillfactor = 50);

-- Which models there are, and whether they may be asked.
create table model (
    name    text primary key,
    version integer not null,
    state   text not null                                  -- loading, ready
);

insert into model (name, version, state) values
    ('sessions', 1, 'loading'),
    ('subscriptions', 1, 'loading'),
    ('routes', 1, 'loading'),
    ('metrics', 1, 'loading'),
    ('nodes', 1, 'loading');

-- Frames that could not be folded and were put aside, by the operator's rule or by name.
create table quarantined (
    partition integer not null,
    "offset"  bigint not null,
    time      bigint not null,                             -- append time of the frame
    reason    text not null,
    primary key (partition, "offset")
);

-- Sessions as they are.
create table sessions (
    tenant             text collate "C" not null,
    client_id          text collate "C" not null,
    partition          integer not null,
    created            bigint not null,                    -- position of the `connected` that began the session
    created_at         bigint not null,
    epoch              bigint not null,                    -- position of its latest `connected`
    node               text collate "C" not null,
    incarnation        bigint not null,
    online             boolean not null,
    connected_at       bigint not null,
    disconnected_at    bigint not null,                    -- 0 while connected
    expiry             bigint not null,                    -- seconds; 4294967295 never
    username           text not null,
    protocol           text not null,
    version            integer not null,
    address            text not null,
    port               integer not null,
    listener           text not null,
    zone               text not null,
    clean_start        boolean not null,
    keep_alive         integer not null,                   -- seconds
    receive_maximum    integer not null,
    max_packet_size    bigint not null,                    -- bytes; 0 no limit
    topic_alias_max    integer not null,
    request_response   boolean not null,
    request_problem    boolean not null,
    has_will           boolean not null,
    connection_name    text not null,
    tls_identity       text not null,
    bridge             boolean not null,
    disconnect_code    integer not null,
    disconnect_reason  text not null,
    subscription_count integer not null,
    valid_from         bigint not null,                    -- position since which the row reads like this
    valid_from_time    bigint not null,
    primary key (tenant, client_id)
) with (fillfactor = 70);

create index sessions_online on sessions (tenant, client_id) where online;
create index sessions_away on sessions (tenant, client_id) where not online;

-- Sessions as they were, insert-only: valid in [valid_from, valid_to) of positions and of partition times.
-- "As of" for a client is the row with the greatest valid_from not above the moment: a range of the primary key.
create table sessions_history (
    like sessions,
    valid_to      bigint not null,
    valid_to_time bigint not null,
    ended         text not null,                           -- '' or why the session ended there
    primary key (tenant, client_id, valid_from)
);

-- Subscriptions as they are.
create table subscriptions (
    tenant              text collate "C" not null,
    client_id           text collate "C" not null,
    filter              text collate "C" not null,
    partition           integer not null,
    qos                 integer not null,
    no_local            boolean not null,
    retain_as_published boolean not null,
    retain_handling     integer not null,
    subscription_id     bigint not null,                   -- 0: none
    since               bigint not null,                   -- position that made the subscription
    since_time          bigint not null,
    valid_from          bigint not null,                   -- position that last changed its options
    valid_from_time     bigint not null,
    primary key (tenant, client_id, filter)
) with (fillfactor = 70);

create index subscriptions_by_filter on subscriptions (tenant, filter, client_id);

-- Subscriptions as they were, insert-only.
create table subscriptions_history (
    like subscriptions,
    valid_to      bigint not null,
    valid_to_time bigint not null,
    primary key (tenant, client_id, filter, valid_from)
);

-- Counters of the present connection of a session, and its gauges; no history.
create table session_counters (
    tenant       text collate "C" not null,
    client_id    text collate "C" not null,
    partition    integer not null,
    epoch        bigint not null,
    at           bigint not null,                          -- partition time of the measurement
    inflight     bigint not null,
    queued       bigint not null,
    awaiting_rel bigint not null,
    packets_in   bigint not null,
    packets_out  bigint not null,
    messages_in  bigint not null,
    messages_out bigint not null,
    bytes_in     bigint not null,
    bytes_out    bigint not null,
    dropped      bigint not null,
    primary key (tenant, client_id)
) with (fillfactor = 70);

-- How many sessions of a node hold a filter; summed over partitions on read. No row is 0.
create table routes (
    partition integer not null,
    tenant    text collate "C" not null,
    filter    text collate "C" not null,
    node      text collate "C" not null,
    sessions  bigint not null,
    primary key (tenant, filter, node, partition)
) with (fillfactor = 70);

-- Present numbers, so that no list counts rows: sessions, sessions.connected, subscriptions.
create table totals (
    partition integer not null,
    tenant    text collate "C" not null,
    name      text collate "C" not null,
    value     bigint not null,
    primary key (partition, tenant, name)
) with (fillfactor = 50);

-- Cumulative numbers. What concerns no tenant (frames, frames.void, events, ...) has the tenant ''.
create table metrics (
    partition integer not null,
    tenant    text collate "C" not null,
    node      text collate "C" not null,
    name      text collate "C" not null,
    value     bigint not null,
    primary key (partition, tenant, node, name)
) with (fillfactor = 50);

-- Nodes by their latest sign of life; the only rows that the event log does not prove.
create table nodes (
    node         text collate "C" primary key,
    incarnation  bigint not null,
    status       text not null,                            -- running, stopped, lost
    started_at   bigint not null default 0,
    heartbeat_at bigint not null default 0,                -- append time of the latest heartbeat
    "interval"   double precision not null default 0,      -- seconds until the next one is due
    version      text not null default '',
    host         text not null default '',
    pid          integer not null default 0,
    applied      jsonb not null default '[]',
    listeners    jsonb not null default '[]',
    counters     jsonb not null default '{}',
    gauges       jsonb not null default '{}',
    maxima       jsonb not null default '{}'
) with (fillfactor = 50);
