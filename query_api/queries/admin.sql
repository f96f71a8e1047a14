-- Who may do what, what runs, and what was asked: the tables of mq.admin and of commands. No query gives a secret.
-- Lists are ranges of an index; $n beyond the last key given is the number of rows, null for all.

-- name: mqtt_users
-- $1, $2: first key (tenant, username); $3, $4: first key beyond; $5: most rows.
select username, superuser, position, changed_at, changed_by
from mqtt_users
where {admin_ready} and (tenant, username) >= ($1, $2) and (tenant, username) < ($3, $4)
order by tenant, username
limit $5;

-- name: mqtt_user
-- $1: tenant; $2: username.
select username, superuser, position, changed_at, changed_by
from mqtt_users where {admin_ready} and tenant = $1 and username = $2;

-- name: acl_rules
-- In the order in which rules are asked.
-- $1: tenant; $2, $3: place and position behind which to begin; $4: most rows.
select id, place, position, allow, action, topic, username, client_id, address, changed_at, changed_by
from acl_rules
where {admin_ready} and tenant = $1 and (place, position) > ($2, $3)
order by tenant, place, position
limit $4;

-- name: acl_rule
-- $1: tenant; $2: id.
select id, place, position, allow, action, topic, username, client_id, address, changed_at, changed_by
from acl_rules where {admin_ready} and tenant = $1 and id = $2;

-- name: bans
-- $1, $2, $3: first key (tenant, kind, who); $4, $5, $6: first key beyond; $7: most rows.
select kind, who, by, reason, at, until, position, changed_at, changed_by
from bans
where {admin_ready} and (tenant, kind, who) >= ($1, $2, $3) and (tenant, kind, who) < ($4, $5, $6)
order by tenant, kind, who
limit $7;

-- name: ban
-- $1: tenant; $2: kind; $3: who.
select kind, who, by, reason, at, until, position, changed_at, changed_by
from bans where {admin_ready} and tenant = $1 and kind = $2 and who = $3;

-- name: account_list
-- $1: name behind which to begin; $2: only of this tenant, '*' for all; $3: most rows.
select name, role, tenant, tags, position, changed_at, changed_by
from accounts where {admin_ready} and name > $1 and ($2 = '*' or tenant = $2)
order by name
limit $3;

-- name: account
-- $1: name.
select name, role, tenant, tags, position, changed_at, changed_by from accounts where {admin_ready} and name = $1;

-- name: api_key_list
-- $1: app id behind which to begin; $2: only of this tenant, '*' for all; $3: most rows.
select app_id, name, role, tenant, enabled, expires, position, changed_at, changed_by
from api_keys where {admin_ready} and app_id > $1 and ($2 = '*' or tenant = $2)
order by app_id
limit $3;

-- name: api_key
-- $1: app id.
select app_id, name, role, tenant, enabled, expires, position, changed_at, changed_by
from api_keys where {admin_ready} and app_id = $1;

-- name: connections
-- Connections to other brokers with their status, null while the connector has not spoken of them as they now are.
-- $1, $2: first key (tenant, id); $3, $4: first key beyond; $5: most rows.
select c.connection_id, c.name, c.url, c.username, c.client_id, c.reject_unauthorized, c.parts, c.position,
       c.changed_at, c.changed_by, s.connected, s.at, s.error
from connections c
left join connection_status s
       on s.tenant = c.tenant and s.connection_id = c.connection_id and s.position = c.position
where {admin_ready} and (c.tenant, c.connection_id) >= ($1, $2) and (c.tenant, c.connection_id) < ($3, $4)
order by c.tenant, c.connection_id
limit $5;

-- name: connection
-- $1: tenant; $2: id.
select c.connection_id, c.name, c.url, c.username, c.client_id, c.reject_unauthorized, c.parts, c.position,
       c.changed_at, c.changed_by, s.connected, s.at, s.error
from connections c
left join connection_status s
       on s.tenant = c.tenant and s.connection_id = c.connection_id and s.position = c.position
where {admin_ready} and c.tenant = $1 and c.connection_id = $2;

-- name: plugin_switches
-- Modules that were ever switched.
select name, active, position, changed_at, changed_by from plugins where {admin_ready} order by name;

-- name: listener_switches
-- Listeners that were ever switched; node '' is every node.
select node, listener, active, position, changed_at, changed_by
from listener_states where {admin_ready} order by node, listener;

-- name: command_list
-- Newest first. $1: tenant; $2, $3, $4: time, id and partition before which to begin; $5: most rows.
select id, partition, verb, client_id, target, actor, address, correlation, at, not_after, time, outcome, codes, count,
       done_at, position, meta
from commands
where {commands_ready} and tenant = $1 and (time, id, partition) < ($2, $3, $4)
order by tenant desc, time desc, id desc, partition desc
limit $5;

-- name: command_list_of_client
-- Newest first, as above. $6: client id.
select id, partition, verb, client_id, target, actor, address, correlation, at, not_after, time, outcome, codes, count,
       done_at, position, meta
from commands
where {commands_ready} and tenant = $1 and client_id = $6 and client_id <> '' and (time, id, partition) < ($2, $3, $4)
order by tenant desc, client_id desc, time desc, id desc, partition desc
limit $5;

-- name: command_list_of_actor
-- Newest first, as above. $6: actor.
select id, partition, verb, client_id, target, actor, address, correlation, at, not_after, time, outcome, codes, count,
       done_at, position, meta
from commands
where {commands_ready} and tenant = $1 and actor = $6 and (time, id, partition) < ($2, $3, $4)
order by tenant desc, actor desc, time desc, id desc, partition desc
limit $5;

-- name: command_rows
-- The copies of a command: one, or one per partition. $1: id; $2: tenant, '*' for all.
select id, partition, verb, client_id, target, actor, address, correlation, at, not_after, time, outcome, codes, count,
       done_at, position, meta
from commands where {commands_ready} and id = $1 and ($2 = '*' or tenant = $2)
order by id, partition;
