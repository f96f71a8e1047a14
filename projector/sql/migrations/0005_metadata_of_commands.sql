-- What callers tell of themselves (client_meta_* of BifroMQ). Commands from before it was logged have none.

alter table commands add column meta text not null default '';
