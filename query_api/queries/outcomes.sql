-- What became of commands, and who may ask for them.

-- name: outcomes
-- All rows of a command: one, or one per partition when it concerns a whole tenant; the partition of mq.admin is -1.
-- $1: id.
select partition, tenant, verb, outcome, codes, count, done_position, fingerprint, time, not_after
from commands
where id = $1
  and {commands_ready}
order by partition;

-- name: not_in_force
-- How many running nodes have not applied mq.admin up to an offset; a silent one is not waited for.
-- $1: offset behind what is to be in force.
select count(*)
from nodes
where status = 'running'
  and admin < $1
  and heartbeat_at > (extract(epoch from statement_timestamp()) * 1000)::bigint - (3 * interval + 5) * 1000
  and {admin_ready};

-- name: login_accounts
-- Who may log in, with argon2 hashes: for the API's own check, never for an answer.
select name, password, role, tenant from accounts where {admin_ready} order by name;

-- name: login_keys
-- API keys, likewise.
select app_id, secret, role, tenant, enabled, expires from api_keys where {admin_ready} order by app_id;
