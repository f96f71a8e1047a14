-- The session behind a client id, as BifroMQ's dialect shows it.

-- name: bifromq_session
-- No row when there is none.
-- $1: tenant; $2: client id.
select s.client_id, s.username, s.version, s.address, s.port, s.node, s.epoch, s.expiry, s.online, s.connected_at,
       s.disconnected_at, s.clean_start, s.keep_alive, s.subscription_count
from sessions s
where {sessions_ready} and s.tenant = $1 and s.client_id = $2 and {alive};
