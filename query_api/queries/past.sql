-- Sessions and subscriptions whole, as they are and as they were at a moment of partition time. The past is a range of
-- the primary key of the history: what was valid then is a row with valid_from_time <= moment < valid_to_time.

-- name: whole_session
-- One session, with the counters of its present connection; no row when there is none.
-- $1: tenant; $2: client id.
select s.client_id, s.username, s.online, s.node, s.created_at, s.connected_at, s.disconnected_at, s.expiry, s.protocol,
       s.version, s.address, s.port, s.listener, s.zone, s.clean_start, s.keep_alive, s.receive_maximum,
       s.max_packet_size, s.topic_alias_max, s.request_response, s.request_problem, s.has_will, s.connection_name,
       s.tls_identity, s.bridge, s.disconnect_code, s.disconnect_reason, s.subscription_count, s.valid_from_time,
       c.at, c.inflight, c.queued, c.awaiting_rel, c.packets_in, c.packets_out, c.messages_in, c.messages_out,
       c.bytes_in, c.bytes_out, c.dropped, c.reads, c.writes
from sessions s
left join session_counters c on c.tenant = s.tenant and c.client_id = s.client_id and c.epoch >= s.created
where {subscriptions_ready} and s.tenant = $1 and s.client_id = $2 and {alive};

-- name: whole_sessions
-- A page of the sessions of a tenant in a state, by client id.
-- $1, $2: first key (tenant, client id); $3, $4: first key beyond; $5: most rows.
select {session_columns}
from sessions s
where {sessions_ready} and (tenant, client_id) >= ($1, $2) and (tenant, client_id) < ($3, $4) and {state} and {alive}
order by tenant, client_id
limit $5;

-- name: whole_sessions_before
-- The same the other way round.
select {session_columns}
from sessions s
where {sessions_ready} and (tenant, client_id) >= ($1, $2) and (tenant, client_id) < ($3, $4) and {state} and {alive}
order by tenant desc, client_id desc
limit $5;

-- name: session_subscriptions
-- A page of the subscriptions of a session, by filter. $1: tenant; $2: client id; $3: filter behind which to begin;
-- $4: most rows.
select client_id, filter, qos, no_local, retain_as_published, retain_handling, subscription_id, since_time
from subscriptions
where {subscriptions_ready} and tenant = $1 and client_id = $2 and filter > $3
order by tenant, client_id, filter
limit $4;

-- name: subscriptions_by_filter
-- A page of subscriptions that sessions in a state have, by filter and client id. Those that filters skip cost a row each.
-- $1, $2, $3: first key (tenant, filter, client id); $4, $5, $6: first key beyond; $7: most rows; null is any: $8: node;
-- $9: QoS; $10: regular expression for the filter.
select u.client_id, u.filter, u.qos, u.no_local, u.retain_as_published, u.retain_handling, u.subscription_id,
       u.since_time
from subscriptions u
join sessions s on s.tenant = u.tenant and s.client_id = u.client_id
where {subscriptions_ready}
  and (u.tenant, u.filter, u.client_id) >= ($1, $2, $3) and (u.tenant, u.filter, u.client_id) < ($4, $5, $6)
  and ($8::text is null or s.node = $8) and ($9::integer is null or u.qos = $9)
  and ($10::text is null or u.filter ~ $10) and {state} and {alive}
order by u.tenant, u.filter, u.client_id
limit $7;

-- name: subscriptions_by_client
-- The same of one client, by filter.
-- $1, $2, $3: first key (tenant, client id, filter); $4, $5, $6: first key beyond; the others as above.
select u.client_id, u.filter, u.qos, u.no_local, u.retain_as_published, u.retain_handling, u.subscription_id,
       u.since_time
from subscriptions u
join sessions s on s.tenant = u.tenant and s.client_id = u.client_id
where {subscriptions_ready}
  and (u.tenant, u.client_id, u.filter) >= ($1, $2, $3) and (u.tenant, u.client_id, u.filter) < ($4, $5, $6)
  and ($8::text is null or s.node = $8) and ($9::integer is null or u.qos = $9)
  and ($10::text is null or u.filter ~ $10) and {state} and {alive}
order by u.tenant, u.client_id, u.filter
limit $7;

-- name: route_page
-- A page of routes by filter and node: a node of which at least one session holds the filter.
-- $1, $2, $3: first key (tenant, filter, node); $4, $5, $6: first key beyond; $7: most rows.
select filter, node, sum(sessions)::bigint as sessions
from routes
where {routes_ready}
  and (tenant, filter, node) >= ($1, $2, $3) and (tenant, filter, node) < ($4, $5, $6)
group by tenant, filter, node
order by tenant, filter, node
limit $7;

-- name: sessions_as_of
-- A page of the sessions as they were at a moment, by client id.
-- $1, $2: first key (tenant, client id); $3, $4: first key beyond; $5: most rows; $6: milliseconds since 1970.
(select {session_columns} from sessions s
 where {sessions_ready} and (tenant, client_id) >= ($1, $2) and (tenant, client_id) < ($3, $4)
   and valid_from_time <= $6
   and (online or expiry = 4294967295 or disconnected_at + expiry * 1000 > $6) and {state}
 order by tenant, client_id limit $5)
union all
(select {session_columns} from sessions_history s
 where {sessions_ready} and (tenant, client_id) >= ($1, $2) and (tenant, client_id) < ($3, $4)
   and valid_from_time <= $6 and valid_to_time > $6
   and (online or expiry = 4294967295 or disconnected_at + expiry * 1000 > $6) and {state}
 order by tenant, client_id limit $5);

-- name: session_as_of
-- One session as it was at a moment: at most one row. $1: tenant; $2: client id; $3: milliseconds since 1970.
(select {session_columns} from sessions
 where {sessions_ready} and tenant = $1 and client_id = $2 and valid_from_time <= $3
   and (online or expiry = 4294967295 or disconnected_at + expiry * 1000 > $3))
union all
(select {session_columns} from sessions_history
 where {sessions_ready} and tenant = $1 and client_id = $2 and valid_from_time <= $3 and valid_to_time > $3
   and (online or expiry = 4294967295 or disconnected_at + expiry * 1000 > $3));

-- name: subscriptions_as_of
-- The subscriptions of a session as they were at a moment. $1: tenant; $2: client id; $3: milliseconds since 1970;
-- $4: filter behind which to begin; $5: most rows of each.
(select client_id, filter, qos, no_local, retain_as_published, retain_handling, subscription_id, since_time
 from subscriptions
 where {subscriptions_ready} and tenant = $1 and client_id = $2 and filter > $4 and valid_from_time <= $3
 order by tenant, client_id, filter limit $5)
union all
(select client_id, filter, qos, no_local, retain_as_published, retain_handling, subscription_id, since_time
 from subscriptions_history
 where {subscriptions_ready} and tenant = $1 and client_id = $2 and filter > $4
   and valid_from_time <= $3 and valid_to_time > $3
 order by tenant, client_id, filter limit $5);

-- name: retained_page
-- A page of retained messages by topic (of long ones nearly): of the rows of a topic, the one that wins, unless that
-- cleared it.
-- $1, $2: first key (tenant, key); $3, $4: first key beyond; $5: most rows.
select r.key, r.topic, r.client_id, r.qos, r.size, r.time, r.partition, r.position, r.properties
from retained r
where {retained_ready} and (r.tenant, r.key) >= ($1, $2) and (r.tenant, r.key) < ($3, $4) and r.size > 0
  and not exists (
      select 1 from retained o
      where o.tenant = r.tenant and o.key = r.key
        and (o.stamp, o.partition, o.position) > (r.stamp, r.partition, r.position)
  )
order by r.tenant, r.key, r.partition
limit $5;
