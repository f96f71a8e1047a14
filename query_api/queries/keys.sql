-- The keys of tokens that the API keeps in Postgres when none are configured (see ../sql/tokens.sql).

-- name: keys
-- All keys, newest first: the newest seals.
select key from api_keys order by made_at desc, key;

-- name: add_key
-- The first process keeps its key; the others find it there.
-- $1: key.
insert into api_keys (name, key) values ('first', $1) on conflict do nothing;
