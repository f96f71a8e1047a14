-- Sessions by any combination of filters: see search.py, which chooses the query, and docs/decisions/api-search.md.
-- All take the same parameters; null is any.
-- $1: tenant; $2: client id; $3: username; $4: address; $5: online; $6: node; $7: clean start; $8: versions; $9: zone;
-- $10, $11: least and greatest created_at; $12, $13: of connected_at; $14, $15: parts of client id and username;
-- $16, $17: created_at and client id of the session behind which to begin; $18: rows to skip; $19: most rows, null for
-- all. Those with two ways go by rising values or by falling ones. Filters read nothing but the index that is walked; then the rows of the page are looked up, in its order, which
-- nested loops keep.

-- name: search_kinds
-- By kind of session, then age. A kind is a combination of the few values of online, node, clean start, version and
-- zone; each is a range of the index, in which what is skipped costs an index entry.
with recursive kinds as (
    {first_kind}
    union all
    select n.* from kinds k cross join lateral ({next_kind}) n
)
select {searched_columns}
from (
    select f.client_id
    from kinds k cross join lateral (
        select s.client_id
        from sessions s
        where {of_kind}
        order by s.tenant, s.online, s.node, s.clean_start, s.version, s.zone collate "C", s.created_at, s.client_id
    ) f
    where {kind_wanted}
    offset $18 limit $19
) found
{searched_rows};

-- name: search_kinds_only
-- The same with no filters but those of kinds and of ages: what is skipped costs a third less.
with recursive kinds as (
    {first_kind}
    union all
    select n.* from kinds k cross join lateral ({next_kind}) n
)
select {searched_columns}
from (
    select f.client_id
    from kinds k cross join lateral (
        select s.client_id
        from sessions s
        where {of_kind_only}
        order by s.tenant, s.online, s.node, s.clean_start, s.version, s.zone collate "C", s.created_at, s.client_id
    ) f
    where {kind_wanted}
    offset $18 limit $19
) found
{searched_rows};

-- name: search_ages
-- By age, behind a session: the first of each kind, and of these the first.
with recursive kinds as (
    {first_kind}
    union all
    select n.* from kinds k cross join lateral ({next_kind}) n
)
select {searched_columns}
from (
    select f.client_id
    from kinds k cross join lateral (
        select s.client_id, s.created_at
        from sessions s
        where {of_kind}
        order by s.tenant {way}, s.online {way}, s.node {way}, s.clean_start {way}, s.version {way},
            s.zone collate "C" {way}, s.created_at {way}, s.client_id {way}
        limit $18::bigint + $19::bigint
    ) f
    where {kind_wanted}
    order by f.created_at {way}, f.client_id {way}
    offset $18 limit $19
) found
{searched_rows};

-- name: search_username
-- Those of a user, by age.
select {searched_columns}
from (
    select s.client_id
    from sessions s
    where {sessions_ready} and s.tenant = $1 and s.username collate "C" = $3 and s.username <> ''
      and ($4::text is null or s.address collate "C" = $4) and {of_one}
    order by s.tenant {way}, s.username collate "C" {way}, s.created_at {way}, s.client_id {way}
    offset $18 limit $19
) found
{searched_rows};

-- name: search_address
-- Those from an address, by age.
select {searched_columns}
from (
    select s.client_id
    from sessions s
    where {sessions_ready} and s.tenant = $1 and s.address collate "C" = $4
      and ($3::text is null or s.username collate "C" = $3) and {of_one}
    order by s.tenant {way}, s.address collate "C" {way}, s.created_at {way}, s.client_id {way}
    offset $18 limit $19
) found
{searched_rows};

-- name: search_client
-- The one of a client.
select {searched_columns}
from (
    select s.client_id
    from sessions s
    where {sessions_ready} and s.tenant = $1 and s.client_id = $2
      and ($3::text is null or s.username collate "C" = $3) and ($4::text is null or s.address collate "C" = $4)
      and {of_one}
    order by s.tenant {way}, s.client_id {way}
    offset $18 limit $19
) found
{searched_rows};

-- name: search_usernames
-- Those of users, by user and then age, behind a session. $20: user of that session.
select {searched_columns}
from (
    select s.client_id
    from sessions s
    where {sessions_ready}
      and (s.tenant, s.username collate "C", s.created_at, s.client_id) {beyond} ($1, $20::text, $16::bigint, $17::text)
      and s.tenant {tenants} $1 and s.username <> '' and {of_any}
    order by s.tenant {way}, s.username collate "C" {way}, s.created_at {way}, s.client_id {way}
    offset $18 limit $19
) found
{searched_rows};

-- name: search_addresses
-- By address and then age, behind a session. $20: address of that session.
select {searched_columns}
from (
    select s.client_id
    from sessions s
    where {sessions_ready}
      and (s.tenant, s.address collate "C", s.created_at, s.client_id) {beyond} ($1, $20::text, $16::bigint, $17::text)
      and s.tenant {tenants} $1 and {of_any}
    order by s.tenant {way}, s.address collate "C" {way}, s.created_at {way}, s.client_id {way}
    offset $18 limit $19
) found
{searched_rows};

-- name: search_count
-- How many there are, of those by kind. Costs an index entry each.
with recursive kinds as (
    {first_kind}
    union all
    select n.* from kinds k cross join lateral ({next_kind}) n
)
select count(*) as sessions
from kinds k cross join lateral (
    select 1
    from sessions s
    where {of_kind}
    offset $18 limit $19
) f
where {kind_wanted};

-- name: subscription_search
-- A page of subscriptions by filters, in bytewise order of client ids and filters; null is any.
-- $1: tenant; $2: node; $3: client id; $4: filter; $5: beginning of the filter; $6: QoS; $7: regular expression for the
-- filter; $8: rows to skip; $9: most rows.
select u.client_id, u.filter, u.qos, s.node
from subscriptions u
join sessions s on s.tenant = u.tenant and s.client_id = u.client_id
where {subscriptions_ready} and u.tenant = $1 and ($2::text is null or s.node = $2)
  and ($3::text is null or u.client_id = $3) and ($4::text is null or u.filter = $4)
  and ($5::text is null or starts_with(u.filter, $5)) and ($6::integer is null or u.qos = $6)
  and ($7::text is null or u.filter ~ $7) and {alive}
order by u.tenant, u.client_id, u.filter
offset $8 limit $9;
