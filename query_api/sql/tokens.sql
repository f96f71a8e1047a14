-- What the query API keeps for itself, in a schema of its own: read models are the projector's alone.
-- Run with search_path set to that schema, <schema>_api. Used only while token_keys is not configured.

-- Keys that seal page tokens and positions; every replica reads them at start.
-- To rotate: insert a row with a new name and key, restart the replicas, delete the old row a while later.
create table if not exists api_keys (
    name    text primary key,
    key     bytea not null,
    made_at timestamptz not null default now()
);
