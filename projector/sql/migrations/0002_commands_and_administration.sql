-- Commands and what came of them; users, rules, bans, accounts, connections and switches, folded from mq.admin.

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

insert into model (name, version, state) values ('commands', 1, 'loading'), ('admin', 1, 'loading');

alter table session_counters add column reads bigint not null default 0, add column writes bigint not null default 0;
alter table session_counters alter column reads drop default, alter column writes drop default;

alter table nodes
    add column admin   bigint not null default 0,          -- offset of the next record of mq.admin to apply there
    add column limits  jsonb  not null default '{}',
    add column plugins jsonb  not null default '[]';
