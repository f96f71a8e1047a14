-- Indexes that only searches for sessions need. They are made when the read models have become ready and not before:
-- each costs every change of a session's row as much again as a third of all the others, so that a cold start without
-- them is faster by half. Each holds all columns that can be searched: what is skipped costs an entry, never a row.

-- name: sessions_by_kind
create index concurrently if not exists sessions_by_kind on sessions
    (tenant, online, node, clean_start, version, zone collate "C", created_at, client_id)
    include (connected_at, disconnected_at, expiry, username, address);

-- name: sessions_by_username
create index concurrently if not exists sessions_by_username on sessions
    (tenant, username collate "C", created_at, client_id)
    include (online, node, clean_start, version, zone, connected_at, disconnected_at, expiry, address)
    where username <> '';

-- name: sessions_by_address
create index concurrently if not exists sessions_by_address on sessions
    (tenant, address collate "C", created_at, client_id)
    include (online, node, clean_start, version, zone, connected_at, disconnected_at, expiry, username);
