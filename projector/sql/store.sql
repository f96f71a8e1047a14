-- What a projector reads and writes. search_path names the schema; all columns of a table in its own order.
-- Few rows travel as one array of rows of the table's type, many by COPY: straight into the table when they are
-- known to be new, else into a staging table of the transaction and from there by the same statement.

-- name: read_applied
select next, partition_time, log_end, goal, fences::text, cluster_id, topic_id, last_frame
from applied where partition = $1;

-- name: begin_partition
-- The row of a partition that was never folded here; whoever comes first wins.
insert into applied (partition, next, log_end, goal, cluster_id, topic_id)
values ($1, $2, $3, $4, $5, $6)
on conflict (partition) do nothing;

-- name: move
-- Begins every transaction: no row means that another worker has moved on, and nothing else may be written.
-- Listeners hear of it when the transaction commits.
with moved as (
    update applied
    set next = $3, partition_time = $4, log_end = greatest(log_end, $5, $3), fences = $6::text::jsonb, last_frame = $7,
        updated_at = now()
    where partition = $1 and next = $2
    returning partition, next
)
select pg_notify(current_schema() || '_applied', partition || ':' || next) from moved;

-- name: confirm
-- The worker of these partitions is alive and sees these log ends; where the positions are, so that it notices when
-- Postgres has gone back (a crash may lose the last transactions).
-- Partition -1 is mq.admin, here and below.
with seen as (
    select * from unnest($1::integer[], $2::bigint[]) as seen (partition, log_end)
), events as (
    update applied set log_end = greatest(applied.log_end, seen.log_end), updated_at = now()
    from seen where applied.partition = seen.partition
    returning applied.partition, applied.next
), admin as (
    update admin_applied set log_end = greatest(admin_applied.log_end, seen.log_end), updated_at = now()
    from seen where seen.partition = -1 and admin_applied.partition = 0
    returning seen.partition, admin_applied.next
)
select * from events union all select * from admin;

-- name: held
-- How many partitions a worker has confirmed in the last so many seconds.
select (select count(*) from applied where updated_at > now() - make_interval(secs => $1))
     + (select count(*) from admin_applied where updated_at > now() - make_interval(secs => $1));

-- name: make_ready
-- Models are ready once every partition has reached the log end that its fold saw at its start; that of mq.admin has
-- one partition of its own.
update model set state = 'ready'
where state <> 'ready' and case name
    when 'admin' then exists (select from admin_applied where next >= goal)
    else (select count(*) from applied where next >= goal) >= $1
end;

-- name: are_ready
select coalesce(bool_and(state = 'ready'), false) from model;

-- name: schema_version
select coalesce(max(version), 0) from migrations;

-- name: load_sessions
select sessions.* from unnest($1::text[], $2::text[]) as wanted (tenant, client_id)
join sessions using (tenant, client_id);

-- name: load_subscriptions
select subscriptions.* from unnest($1::text[], $2::text[]) as wanted (tenant, client_id)
join subscriptions using (tenant, client_id);

-- name: sessions_gone
delete from sessions using unnest($1::text[], $2::text[]) as gone (tenant, client_id)
where sessions.tenant = gone.tenant and sessions.client_id = gone.client_id;

-- name: subscriptions_gone
delete from subscriptions using unnest($1::text[], $2::text[], $3::text[]) as gone (tenant, client_id, filter)
where subscriptions.tenant = gone.tenant and subscriptions.client_id = gone.client_id
  and subscriptions.filter = gone.filter;

-- name: counters_gone
delete from session_counters using unnest($1::text[], $2::text[]) as gone (tenant, client_id)
where session_counters.tenant = gone.tenant and session_counters.client_id = gone.client_id;

-- name: sessions_history
insert into sessions_history select * from unnest($1::sessions_history[]);

-- name: subscriptions_history
insert into subscriptions_history select * from unnest($1::subscriptions_history[]);

-- name: sessions_new
insert into sessions select * from unnest($1::sessions[]);

-- name: subscriptions_new
insert into subscriptions select * from unnest($1::subscriptions[]);

-- name: stage_sessions
-- Staging tables belong to a connection and are empty again after every transaction.
create temporary table if not exists sessions_stage (like sessions) on commit delete rows;

-- name: stage_subscriptions
create temporary table if not exists subscriptions_stage (like subscriptions) on commit delete rows;

-- name: stage_session_counters
create temporary table if not exists session_counters_stage (like session_counters) on commit delete rows;

-- name: sessions_changed
insert into sessions select * from unnest($1::sessions[])
on conflict (tenant, client_id) do update set (
    created, created_at, epoch, node, incarnation, online, connected_at, disconnected_at, expiry, username,
    protocol, version, address, port, listener, zone, clean_start, keep_alive, receive_maximum,
    max_packet_size, topic_alias_max, request_response, request_problem, has_will, connection_name,
    tls_identity, bridge, disconnect_code, disconnect_reason, subscription_count, valid_from, valid_from_time
) = (
    excluded.created, excluded.created_at, excluded.epoch, excluded.node, excluded.incarnation,
    excluded.online, excluded.connected_at, excluded.disconnected_at, excluded.expiry, excluded.username,
    excluded.protocol, excluded.version, excluded.address, excluded.port, excluded.listener, excluded.zone,
    excluded.clean_start, excluded.keep_alive, excluded.receive_maximum, excluded.max_packet_size,
    excluded.topic_alias_max, excluded.request_response, excluded.request_problem, excluded.has_will,
    excluded.connection_name, excluded.tls_identity, excluded.bridge, excluded.disconnect_code,
    excluded.disconnect_reason, excluded.subscription_count, excluded.valid_from, excluded.valid_from_time
);

-- name: sessions_staged
insert into sessions select * from sessions_stage
on conflict (tenant, client_id) do update set (
    created, created_at, epoch, node, incarnation, online, connected_at, disconnected_at, expiry, username,
    protocol, version, address, port, listener, zone, clean_start, keep_alive, receive_maximum,
    max_packet_size, topic_alias_max, request_response, request_problem, has_will, connection_name,
    tls_identity, bridge, disconnect_code, disconnect_reason, subscription_count, valid_from, valid_from_time
) = (
    excluded.created, excluded.created_at, excluded.epoch, excluded.node, excluded.incarnation,
    excluded.online, excluded.connected_at, excluded.disconnected_at, excluded.expiry, excluded.username,
    excluded.protocol, excluded.version, excluded.address, excluded.port, excluded.listener, excluded.zone,
    excluded.clean_start, excluded.keep_alive, excluded.receive_maximum, excluded.max_packet_size,
    excluded.topic_alias_max, excluded.request_response, excluded.request_problem, excluded.has_will,
    excluded.connection_name, excluded.tls_identity, excluded.bridge, excluded.disconnect_code,
    excluded.disconnect_reason, excluded.subscription_count, excluded.valid_from, excluded.valid_from_time
);

-- name: subscriptions_changed
insert into subscriptions select * from unnest($1::subscriptions[])
on conflict (tenant, client_id, filter) do update set (
    qos, no_local, retain_as_published, retain_handling, subscription_id, since, since_time, valid_from,
    valid_from_time
) = (
    excluded.qos, excluded.no_local, excluded.retain_as_published, excluded.retain_handling,
    excluded.subscription_id, excluded.since, excluded.since_time, excluded.valid_from,
    excluded.valid_from_time
);

-- name: subscriptions_staged
insert into subscriptions select * from subscriptions_stage
on conflict (tenant, client_id, filter) do update set (
    qos, no_local, retain_as_published, retain_handling, subscription_id, since, since_time, valid_from,
    valid_from_time
) = (
    excluded.qos, excluded.no_local, excluded.retain_as_published, excluded.retain_handling,
    excluded.subscription_id, excluded.since, excluded.since_time, excluded.valid_from,
    excluded.valid_from_time
);

-- name: session_counters_changed
-- Within a connection its counters only grow: of a session that is away none but the gauges are known.
insert into session_counters select * from unnest($1::session_counters[])
on conflict (tenant, client_id) do update set (
    epoch, at, inflight, queued, awaiting_rel, packets_in, packets_out, messages_in, messages_out, bytes_in,
    bytes_out, dropped, reads, writes
) = (
    excluded.epoch, excluded.at, excluded.inflight, excluded.queued, excluded.awaiting_rel,
    greatest(excluded.packets_in, session_counters.packets_in * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.packets_out, session_counters.packets_out * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.messages_in, session_counters.messages_in * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.messages_out, session_counters.messages_out * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.bytes_in, session_counters.bytes_in * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.bytes_out, session_counters.bytes_out * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.dropped, session_counters.dropped * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.reads, session_counters.reads * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.writes, session_counters.writes * (session_counters.epoch = excluded.epoch)::integer)
);

-- name: session_counters_staged
insert into session_counters select * from session_counters_stage
on conflict (tenant, client_id) do update set (
    epoch, at, inflight, queued, awaiting_rel, packets_in, packets_out, messages_in, messages_out, bytes_in,
    bytes_out, dropped, reads, writes
) = (
    excluded.epoch, excluded.at, excluded.inflight, excluded.queued, excluded.awaiting_rel,
    greatest(excluded.packets_in, session_counters.packets_in * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.packets_out, session_counters.packets_out * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.messages_in, session_counters.messages_in * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.messages_out, session_counters.messages_out * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.bytes_in, session_counters.bytes_in * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.bytes_out, session_counters.bytes_out * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.dropped, session_counters.dropped * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.reads, session_counters.reads * (session_counters.epoch = excluded.epoch)::integer),
    greatest(excluded.writes, session_counters.writes * (session_counters.epoch = excluded.epoch)::integer)
);

-- name: stage_retained
create temporary table if not exists retained_stage (like retained) on commit delete rows;

-- name: retained_changed
insert into retained select * from unnest($1::retained[])
on conflict (tenant, key, partition) do update set (topic, stamp, position, time, qos, client_id, size, properties) = (
    excluded.topic, excluded.stamp, excluded.position, excluded.time, excluded.qos, excluded.client_id, excluded.size,
    excluded.properties
)
where (retained.stamp, retained.position) < (excluded.stamp, excluded.position);

-- name: retained_staged
insert into retained select * from retained_stage
on conflict (tenant, key, partition) do update set (topic, stamp, position, time, qos, client_id, size, properties) = (
    excluded.topic, excluded.stamp, excluded.position, excluded.time, excluded.qos, excluded.client_id, excluded.size,
    excluded.properties
)
where (retained.stamp, retained.position) < (excluded.stamp, excluded.position);

-- name: load_commands
-- What a fold that goes on must remember, the latest first.
select id, time from commands
where partition = $1 and keyed and outcome <> 'late' and time > $2
order by position desc limit $3;

-- name: commands
-- A row of the same id is of before its window: it gives way.
insert into commands select * from unnest($1::commands[])
on conflict (id, partition) do update set (
    tenant, position, time, verb, client_id, target, actor, address, correlation, keyed, fingerprint, at, not_after,
    outcome, codes, count, done_position, done_at, meta
) = (
    excluded.tenant, excluded.position, excluded.time, excluded.verb, excluded.client_id, excluded.target,
    excluded.actor, excluded.address, excluded.correlation, excluded.keyed, excluded.fingerprint, excluded.at,
    excluded.not_after, excluded.outcome, excluded.codes, excluded.count, excluded.done_position, excluded.done_at,
    excluded.meta
);

-- name: commands_late
insert into commands select * from unnest($1::commands[]) on conflict (id, partition) do nothing;

-- name: command_done
-- The first outcome of a command counts.
update commands set outcome = $3, codes = $4, count = $5, done_position = $6, done_at = $7
where id = $1 and partition = $2 and outcome = '';

-- name: routes
insert into routes (partition, tenant, filter, node, sessions)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::bigint[])
on conflict (tenant, filter, node, partition) do update set sessions = routes.sessions + excluded.sessions;

-- name: routes_gone
-- A route that no session holds is no row. Only filters that lost sessions are looked at.
delete from routes using unnest($2::text[], $3::text[], $4::text[]) as fell (tenant, filter, node)
where routes.tenant = fell.tenant and routes.filter = fell.filter and routes.node = fell.node
  and routes.partition = $1 and routes.sessions = 0;

-- name: totals
insert into totals (partition, tenant, name, value)
select $1, * from unnest($2::text[], $3::text[], $4::bigint[])
on conflict (partition, tenant, name) do update set value = totals.value + excluded.value;

-- name: metrics
insert into metrics (partition, tenant, node, name, value)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::bigint[])
on conflict (partition, tenant, node, name) do update set value = metrics.value + excluded.value;

-- name: nodes_lost
-- A loss may be read before the first heartbeat; an incarnation that came later is not lost.
insert into nodes (node, incarnation, status)
select node, incarnation, 'lost' from unnest($1::text[], $2::bigint[]) as lost (node, incarnation)
on conflict (node) do update set status = 'lost', incarnation = excluded.incarnation
where nodes.incarnation <= excluded.incarnation;

-- name: quarantine
insert into quarantined (partition, "offset", time, reason) values ($1, $2, $3, $4)
on conflict (partition, "offset") do nothing;

-- name: node_started
insert into nodes (node, incarnation, status, started_at, heartbeat_at, version)
values ($1, $2, 'running', $3, $3, $4)
on conflict (node) do update
set incarnation = excluded.incarnation, status = 'running', started_at = excluded.started_at,
    heartbeat_at = excluded.heartbeat_at, version = excluded.version
where nodes.incarnation < excluded.incarnation;

-- name: node_stopped
update nodes set status = 'stopped', heartbeat_at = greatest(heartbeat_at, $3)
where node = $1 and incarnation <= $2;

-- name: node_heartbeat
-- Heartbeats may be read again after a restart: an older one changes nothing, and nothing revives the lost. Listeners
-- hear of it when the node has applied more of the administration.
with before as (
    select admin from nodes where node = $1
), beat as (
    insert into nodes (node, incarnation, status, heartbeat_at, started_at, "interval", version, host, pid,
        applied, listeners, counters, gauges, maxima, admin, limits, plugins)
    values ($1, $2, 'running', $3, $4, $5, $6, $7, $8,
        $9::text::jsonb, $10::text::jsonb, $11::text::jsonb, $12::text::jsonb, $13::text::jsonb,
        $14, $15::text::jsonb, $16::text::jsonb)
    on conflict (node) do update
    set (incarnation, status, heartbeat_at, started_at, "interval", version, host, pid,
        applied, listeners, counters, gauges, maxima, admin, limits, plugins) =
        (excluded.incarnation,
        case when nodes.incarnation = excluded.incarnation then nodes.status else 'running' end,
        excluded.heartbeat_at, excluded.started_at, excluded."interval", excluded.version, excluded.host, excluded.pid,
        excluded.applied, excluded.listeners, excluded.counters, excluded.gauges, excluded.maxima,
        excluded.admin, excluded.limits, excluded.plugins)
    where nodes.incarnation < excluded.incarnation
       or nodes.incarnation = excluded.incarnation and nodes.heartbeat_at <= excluded.heartbeat_at
    returning admin
)
select pg_notify(current_schema() || '_applied', 'node:' || beat.admin)
from beat where beat.admin is distinct from (select admin from before);

-- name: connection_status
-- Who waits for the first word on a new connection is woken.
with told as (
    insert into connection_status (tenant, connection_id, position, connected, at, error, "offset")
    values ($1, $2, $3, $4, $5, $6::text::jsonb, $7)
    on conflict (tenant, connection_id) do update
    set (position, connected, at, error, "offset") =
        (excluded.position, excluded.connected, excluded.at, excluded.error, excluded."offset")
    where (connection_status.position, connection_status.at, connection_status."offset")
        <= (excluded.position, excluded.at, excluded."offset")
    returning true
)
select pg_notify(current_schema() || '_applied', 'connection') from told;
