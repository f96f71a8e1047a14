-- Queries of subscriptions by topic filter, over the index (tenant, filter, client_id).

-- name: filters
-- A page, or all, of the filters that sessions in a state hold, with how many hold each and the highest QoS.
-- Costs what the page's subscriptions cost, wherever the page lies.
-- $1, $2: first key (tenant, filter); $3, $4: first key beyond; $5: most rows, null for all.
select u.filter, count(*) as subscribers, max(u.qos) as max_qos
from subscriptions u
join sessions s on s.tenant = u.tenant and s.client_id = u.client_id
where {subscriptions_ready}
  and (u.tenant, u.filter) >= ($1, $2) and (u.tenant, u.filter) < ($3, $4)
  and {state} and {alive}
group by u.tenant, u.filter
order by u.tenant, u.filter
limit $5;

-- name: filter_clients
-- A page, or all, of the clients in a state that hold exactly this filter.
-- $1, $2, $3: first key (tenant, filter, client id); $4, $5, $6: first key beyond; $7: most rows, null for all.
select u.client_id, u.qos
from subscriptions u
join sessions s on s.tenant = u.tenant and s.client_id = u.client_id
where {subscriptions_ready}
  and (u.tenant, u.filter, u.client_id) >= ($1, $2, $3) and (u.tenant, u.filter, u.client_id) < ($4, $5, $6)
  and {state} and {alive}
order by u.tenant, u.filter, u.client_id
limit $7;
