-- Numbers of a tenant, and nodes, in one statement: one snapshot. No query here counts rows of sessions.

-- name: stats
-- One row: totals and metrics by name, as JSON objects.
-- $1: tenant.
select (select coalesce(jsonb_object_agg(name, value), '{{}}')
        from (select name, sum(value)::bigint as value from totals where tenant = $1 group by name) t) as totals,
       (select coalesce(jsonb_object_agg(name, value), '{{}}')
        from (select name, sum(value)::bigint as value from metrics where tenant = $1 group by name) m) as metrics,
       (select coalesce(jsonb_agg(to_jsonb(n) order by n.node), '[]')
        from (select node, status, started_at, heartbeat_at, "interval", version, host, listeners, counters, gauges
              from nodes) n) as nodes,
       (extract(epoch from statement_timestamp()) * 1000)::bigint as now
where {stats_ready};
