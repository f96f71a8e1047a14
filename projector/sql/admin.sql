-- How a projector writes what mq.admin says. search_path names the schema. A row that changes is deleted and written
-- anew, in one transaction: these tables are small and change seldom.

-- name: read_admin_applied
select next, cluster_id, topic_id, goal from admin_applied where partition = 0;

-- name: begin_admin
-- The row of a log that was never folded here; whoever comes first wins.
insert into admin_applied (partition, next, log_end, goal, cluster_id, topic_id)
values (0, $1, $2, $2, $3, $4)
on conflict (partition) do nothing;

-- name: move_admin
-- Begins every transaction: no row means that another worker has moved on, and nothing else may be written.
-- Listeners hear of it when the transaction commits.
with moved as (
    update admin_applied
    set next = $2, partition_time = greatest(partition_time, $3), log_end = greatest(log_end, $4, $2),
        updated_at = now()
    where partition = 0 and next = $1
    returning next
)
select pg_notify(current_schema() || '_applied', 'admin:' || next) from moved;

-- name: admin_put_aside
-- Records that were stepped over, by name.
select "offset" from quarantined where partition = -1;

-- name: status_gone
-- The status of connections that are no more.
delete from connection_status using unnest($1::text[], $2::text[]) as gone (tenant, connection_id)
where connection_status.tenant = gone.tenant and connection_status.connection_id = gone.connection_id;

-- name: mqtt_users_gone
delete from mqtt_users using unnest($1::text[], $2::text[]) as gone (tenant, username)
where mqtt_users.tenant = gone.tenant and mqtt_users.username = gone.username;

-- name: mqtt_users
insert into mqtt_users select * from unnest($1::mqtt_users[]);

-- name: acl_rules_gone
delete from acl_rules using unnest($1::text[], $2::text[]) as gone (tenant, id)
where acl_rules.tenant = gone.tenant and acl_rules.id = gone.id;

-- name: acl_rules
insert into acl_rules select * from unnest($1::acl_rules[]);

-- name: bans_gone
delete from bans using unnest($1::text[], $2::text[], $3::text[]) as gone (tenant, kind, who)
where bans.tenant = gone.tenant and bans.kind = gone.kind and bans.who = gone.who;

-- name: bans
insert into bans select * from unnest($1::bans[]);

-- name: accounts_gone
delete from accounts using unnest($1::text[]) as gone (name)
where accounts.name = gone.name;

-- name: accounts
insert into accounts select * from unnest($1::accounts[]);

-- name: api_keys_gone
delete from api_keys using unnest($1::text[]) as gone (app_id)
where api_keys.app_id = gone.app_id;

-- name: api_keys
insert into api_keys select * from unnest($1::api_keys[]);

-- name: connections_gone
delete from connections using unnest($1::text[], $2::text[]) as gone (tenant, connection_id)
where connections.tenant = gone.tenant and connections.connection_id = gone.connection_id;

-- name: connections
insert into connections select * from unnest($1::connections[]);

-- name: plugins_gone
delete from plugins using unnest($1::text[]) as gone (name)
where plugins.name = gone.name;

-- name: plugins
insert into plugins select * from unnest($1::plugins[]);

-- name: listener_states_gone
delete from listener_states using unnest($1::text[], $2::text[]) as gone (node, listener)
where listener_states.node = gone.node and listener_states.listener = gone.listener;

-- name: listener_states
insert into listener_states select * from unnest($1::listener_states[]);
