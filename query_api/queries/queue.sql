-- What is known of a session before the log is read for its queue.

-- name: session_reach
-- Where the log speaks of a session, and the latest time at which it says how far it is; no row when there is none.
-- $1: tenant; $2: client id. A measurement of another connection, and an end before the present session, say nothing.
select s.partition, s.created, s.node, s.online, s.expiry, s.disconnected_at, c.at as measured_at,
       (
           select h.disconnected_at from sessions_history h
           where h.tenant = s.tenant and h.client_id = s.client_id and h.valid_from >= s.created
             and h.valid_from < s.epoch and not h.online
           order by h.valid_from desc limit 1
       ) as left_at
from sessions s
left join session_counters c on c.tenant = s.tenant and c.client_id = s.client_id and c.epoch = s.epoch
where {subscriptions_ready} and s.tenant = $1 and s.client_id = $2 and {alive};

-- name: subscriptions_before
-- The subscriptions of a session before a position of its partition. $1: tenant; $2: client id; $3: position.
select filter, qos, no_local, retain_as_published, retain_handling, subscription_id
from subscriptions
where {subscriptions_ready} and tenant = $1 and client_id = $2 and valid_from < $3
union all
select filter, qos, no_local, retain_as_published, retain_handling, subscription_id
from subscriptions_history
where {subscriptions_ready} and tenant = $1 and client_id = $2 and valid_from < $3 and valid_to >= $3;
