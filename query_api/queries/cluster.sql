-- The cluster: nodes, numbers, modules and routes. No query here counts rows of sessions.

-- name: cluster_nodes
-- Every node as it last reported, as a JSON object each, and the time at which that was read.
select to_jsonb(n) as node, (extract(epoch from statement_timestamp()) * 1000)::bigint as now
from nodes n
where {nodes_ready}
order by n.node;

-- name: cluster_totals
-- Present numbers of a tenant by name.
-- $1: tenant.
select t.name, sum(t.value)::bigint as value
from applied a
join totals t on t.partition = a.partition and t.tenant = $1
where {sessions_ready}
group by t.name;

-- name: cluster_metrics
-- What the log says happened in a tenant, by node and name, since the log began.
-- $1: tenant.
select m.node, m.name, sum(m.value)::bigint as value
from applied a
join metrics m on m.partition = a.partition and m.tenant = $1
where {metrics_ready}
group by m.node, m.name;

-- name: routes
-- A page of the routes of a tenant, in bytewise order of filters and nodes: a node of which at least one session holds
-- the filter. Costs what the rows before the page cost.
-- $1: tenant; $2: first row, from 0; $3: most rows, null for all.
select filter, node
from routes
where {routes_ready} and tenant = $1
group by tenant, filter, node
order by tenant, filter, node
offset $2 limit $3;

-- name: route
-- The nodes to which exactly this filter leads.
-- $1: tenant; $2: filter.
select filter, node
from routes
where {routes_ready} and tenant = $1 and filter = $2
group by tenant, filter, node
order by tenant, filter, node;

-- name: route_count
-- How many routes a tenant has: a filter that sessions of two nodes hold are two.
-- $1: tenant.
select count(*) as routes
from (select 1 from routes where {routes_ready} and tenant = $1 group by tenant, filter, node) r;

-- name: node_sessions
-- A page of the sessions in a state at a node, in bytewise order of client ids. Costs a row of sessions for each before
-- it; counters are looked up for the page alone, in its order.
-- $1: tenant; $2: node; $3: first row, from 0; $4: most rows.
select s.client_id, s.username, s.address, s.port, s.clean_start, s.version, s.keep_alive, s.connected_at, s.created_at,
       s.receive_maximum, s.online, s.node, c.inflight, c.queued, c.awaiting_rel, c.dropped
from (
    select s.*
    from sessions s
    where {sessions_ready} and s.tenant = $1 and s.node = $2 and {state} and {alive}
    order by s.tenant, s.client_id
    offset $3 limit $4
) s
left join session_counters c on c.tenant = s.tenant and c.client_id = s.client_id and c.epoch >= s.created
order by s.client_id;

-- name: node_session
-- One session in a state.
-- $1: tenant; $2: client id; $3: node, null for any.
select s.client_id, s.username, s.address, s.port, s.clean_start, s.version, s.keep_alive, s.connected_at, s.created_at,
       s.receive_maximum, s.online, s.node, c.inflight, c.queued, c.awaiting_rel, c.dropped
from sessions s
left join session_counters c on c.tenant = s.tenant and c.client_id = s.client_id and c.epoch >= s.created
where {sessions_ready} and s.tenant = $1 and s.client_id = $2 and ($3::text is null or s.node = $3)
  and {state} and {alive};

-- name: node_session_count
-- How many sessions in a state a node has: for a cluster of several, since totals are not told by node.
-- $1: tenant; $2: node.
select count(*) as count
from sessions s
where {sessions_ready} and s.tenant = $1 and s.node = $2 and {state} and {alive};

-- name: node_subscriptions
-- A page of the subscriptions of the sessions at a node, in bytewise order of client ids and filters.
-- $1: tenant; $2: node; $3: first row, from 0; $4: most rows.
select u.client_id, u.filter, u.qos, s.node
from subscriptions u
join sessions s on s.tenant = u.tenant and s.client_id = u.client_id
where {subscriptions_ready} and u.tenant = $1 and s.node = $2 and {alive}
order by u.tenant, u.client_id, u.filter
offset $3 limit $4;

-- name: node_subscription_count
-- How many subscriptions the sessions at a node have: likewise.
-- $1: tenant; $2: node.
select coalesce(sum(s.subscription_count), 0)::bigint as count
from sessions s
where {subscriptions_ready} and s.tenant = $1 and s.node = $2 and {alive};

-- name: subscriptions_of
-- The subscriptions of one session, in bytewise order of filters.
-- $1: tenant; $2: client id; $3: node, null for any.
select u.client_id, u.filter, u.qos, s.node
from subscriptions u
join sessions s on s.tenant = u.tenant and s.client_id = u.client_id
where {subscriptions_ready} and u.tenant = $1 and u.client_id = $2 and ($3::text is null or s.node = $3) and {alive}
order by u.tenant, u.client_id, u.filter;
