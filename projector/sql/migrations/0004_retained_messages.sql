-- Retained messages, without their payloads. What was folded before did not look at them, so the log is folded anew.

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

insert into model (name, version, state) values ('retained', 1, 'loading');
update model set state = 'loading' where name <> 'admin';
delete from commands where partition >= 0;
truncate applied, sessions, sessions_history, subscriptions, subscriptions_history, session_counters, routes, totals,
    metrics;
