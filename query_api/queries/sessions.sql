-- Queries of sessions. Both ends of a range are row comparisons on the primary key: see keyset.py.

-- name: sessions
-- A page, or all, of the sessions of a tenant in a state, in bytewise order of client ids.
-- $1, $2: first key (tenant, client id); $3, $4: first key beyond; $5: most rows, null for all.
-- Counters of an earlier session of the same client id don't count (epoch before created).
select s.client_id, s.connection_name, s.online, s.protocol, s.version, s.clean_start, s.expiry,
       s.connected_at, s.disconnected_at, s.receive_maximum, s.max_packet_size, s.topic_alias_max,
       s.request_response, s.request_problem, s.has_will, s.subscription_count, c.inflight, c.queued
from sessions s
left join session_counters c on c.tenant = s.tenant and c.client_id = s.client_id and c.epoch >= s.created
where {sessions_ready}
  and (s.tenant, s.client_id) >= ($1, $2) and (s.tenant, s.client_id) < ($3, $4)
  and {state} and {alive}
order by s.tenant, s.client_id
limit $5;

-- name: session
-- One session with its subscriptions, sorted by filter, in one snapshot; no row when there is none.
-- $1: tenant; $2: client id.
select s.client_id, s.connection_name, s.online, s.protocol, s.version, s.clean_start, s.expiry,
       s.connected_at, s.disconnected_at, s.receive_maximum, s.max_packet_size, s.topic_alias_max,
       s.request_response, s.request_problem, s.has_will, s.subscription_count, c.inflight, c.queued,
       array(
           select row(u.filter, u.qos, u.no_local, u.retain_as_published, u.retain_handling, u.subscription_id)
           from subscriptions u
           where u.tenant = s.tenant and u.client_id = s.client_id
           order by u.filter
       ) as subscriptions
from sessions s
left join session_counters c on c.tenant = s.tenant and c.client_id = s.client_id and c.epoch >= s.created
where {subscriptions_ready} and s.tenant = $1 and s.client_id = $2 and {alive};
