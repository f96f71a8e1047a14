-- Connections to other brokers, beside what administration.sql asks of them.

-- name: connection_seals
-- What is sealed of the connections of a tenant that have certificates, which may be shown. $1: tenant.
select connection_id, sealed from connections
where {admin_ready} and tenant = $1 and parts && array['ca', 'cert'];

-- name: connection_seal
-- What is sealed of one connection. $1: tenant; $2: id.
select sealed from connections where {admin_ready} and tenant = $1 and connection_id = $2;
