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
    ('nodes', 1, 'loading'),
    ('commands', 1, 'loading'),
    ('admin', 1, 'loading'),
    ('retained', 1, 'loading');

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
    reads        bigint not null,                          -- times that bytes came from the socket
    writes       bigint not null,                          -- times that bytes were written to it
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
    maxima       jsonb not null default '{}',
    admin        bigint not null default 0,                -- offset of the next record of mq.admin to apply there
    limits       jsonb not null default '{}',              -- what it grants a client
    plugins      jsonb not null default '[]'               -- modules that run
) with (fillfactor = 50);

-- Commands that count, and those that came too late; a repetition by the same key within its window is no row, and a
-- publish of which nobody wants to hear is none either. Partition -1 is mq.admin, whose positions are offsets.
create table commands (
    id            text collate "C" not null,
    partition     integer not null,
    tenant        text collate "C" not null,               -- '' when it concerns none
    position      bigint not null,
    time          bigint not null,                         -- partition time at the position
    verb          text collate "C" not null,               -- name of the event: kick, publish, user_set, ...
    client_id     text collate "C" not null,               -- '' when it concerns none
    target        text not null,                           -- what else it names: topic, first filter, user, rule, ...
    actor         text collate "C" not null,
    address       text not null,
    correlation   text not null,
    keyed         boolean not null,
    fingerprint   text not null,
    at            bigint not null,                         -- when it was asked, by the writer's clock
    not_after     bigint not null,
    outcome       text not null,                           -- '' while it is pending
    codes         integer[] not null,                      -- by filter
    count         bigint not null,
    done_position bigint not null,                         -- 0 while it is pending
    done_at       bigint not null,
    meta          text not null default '',                -- what the caller told of itself, a JSON object; '' for nothing
    primary key (id, partition)
) with (fillfactor = 70);

create index commands_by_time on commands (time, id, partition);
create index commands_by_tenant on commands (tenant, time, id, partition);
create index commands_by_actor on commands (tenant, actor, time, id, partition);
create index commands_by_client on commands (tenant, client_id, time, id, partition) where client_id <> '';
create index commands_keyed on commands (partition, position) where keyed;

-- How far mq.admin is folded: one row, partition 0. Every transaction of its fold begins by moving `next`.
create table admin_applied (
    partition      integer primary key,
    next           bigint not null,                        -- offset of the next record to fold
    partition_time bigint not null default 0,              -- running maximum of append times below `next`
    log_end        bigint not null default 0,
    goal           bigint not null default 0,              -- end of the log when this fold began; ready from there on
    cluster_id     text   not null default '',
    topic_id       text   not null default '',
    updated_at     timestamptz not null default now()      -- confirmed by its worker, every few seconds when idle
) with (fillfactor = 50);

-- Users of the MQTT side. In the tables of mq.admin a position is the offset of the record that set the row.
create table mqtt_users (
    tenant     text collate "C" not null,
    username   text collate "C" not null,
    password   text not null,                              -- argon2 hash
    superuser  boolean not null,
    position   bigint not null,
    changed_at bigint not null,
    changed_by text not null,
    primary key (tenant, username)
);

-- Access rules, asked by rising place and then position.
create table acl_rules (
    tenant     text collate "C" not null,
    id         text collate "C" not null,
    place      bigint not null,
    position   bigint not null,
    allow      boolean not null,
    action     text not null,                              -- publish, subscribe, all
    topic      text not null,
    username   text not null,                              -- '' any, so with the next two
    client_id  text not null,
    address    text not null,
    changed_at bigint not null,
    changed_by text not null,
    primary key (tenant, id)
);

create index acl_rules_in_order on acl_rules (tenant, place, position);

-- Clients that are not let in; one whose time is over stays until somebody removes it.
create table bans (
    tenant     text collate "C" not null,
    kind       text collate "C" not null,                  -- clientid, username, peerhost
    who        text collate "C" not null,
    by         text not null,
    reason     text not null,
    at         bigint not null,
    until      bigint not null,                            -- 0 for ever
    position   bigint not null,
    changed_at bigint not null,
    changed_by text not null,
    primary key (tenant, kind, who)
);

-- Accounts of the admin side.
create table accounts (
    name       text collate "C" primary key,
    password   text not null,                              -- argon2 hash
    role       text not null,
    tenant     text not null,                              -- '*' all
    tags       text not null,
    position   bigint not null,
    changed_at bigint not null,
    changed_by text not null
);

-- API keys: app ids with their secrets.
create table api_keys (
    app_id     text collate "C" primary key,
    secret     text not null,                              -- argon2 hash
    name       text not null,
    role       text not null,
    tenant     text not null,                              -- '*' all
    enabled    boolean not null,
    expires    bigint not null,                            -- 0 never
    position   bigint not null,
    changed_at bigint not null,
    changed_by text not null
);

-- Connections to other brokers.
create table connections (
    tenant              text collate "C" not null,
    connection_id       text collate "C" not null,
    name                text collate "C" not null,
    url                 text not null,
    username            text not null,
    client_id           text not null,
    reject_unauthorized boolean not null,
    parts               text[] not null,                   -- what is sealed: password, ca, cert, key
    sealed              bytea not null,
    position            bigint not null,
    changed_at          bigint not null,
    changed_by          text not null,
    primary key (tenant, connection_id)
);

create index connections_by_name on connections (tenant, name);

-- How connections are, from mq.nodes: of the connection with the same position, else of one that is no more.
create table connection_status (
    tenant        text collate "C" not null,
    connection_id text collate "C" not null,
    position      bigint not null,                         -- of the row in connections of which it speaks
    connected     boolean not null,
    at            bigint not null,                         -- since when
    error         jsonb,
    "offset"      bigint not null,                         -- of the record; the latest by (position, at, offset) stays
    primary key (tenant, connection_id)
) with (fillfactor = 70);

-- Modules that were ever switched, and whether they run; the others are as configured.
create table plugins (
    name       text collate "C" primary key,
    active     boolean not null,
    position   bigint not null,
    changed_at bigint not null,
    changed_by text not null
);

-- Listeners that were ever switched, and whether they take connections; node '' is every node.
create table listener_states (
    node       text collate "C" not null,
    listener   text collate "C" not null,
    active     boolean not null,
    position   bigint not null,
    changed_at bigint not null,
    changed_by text not null,
    primary key (node, listener)
);

-- The last message retained for a topic, or the clear of it, that came by each partition. Of several partitions the row
-- with the highest (stamp, partition, position) counts; a topic is retained when that row's size is not 0.
create table retained (
    tenant     text collate "C" not null,
    key        text collate "C" not null,                  -- the topic, or of a long one its beginning and a checksum
    partition  integer not null,
    topic      text not null,
    stamp      bigint not null,                            -- hybrid logical stamp of its frame
    position   bigint not null,
    time       bigint not null,                            -- partition time, from which on it expires
    qos        integer not null,
    client_id  text not null,
    size       bigint not null,                            -- bytes of its payload, which is in the log; 0: it was cleared
    properties bytea not null,                             -- property block of MQTT 5, without its length
    primary key (tenant, key, partition)
) with (fillfactor = 70);
