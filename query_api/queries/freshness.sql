-- What the watch reads after notifications: how far the log is folded, and which models are ready.

-- name: applied
-- One row per partition.
select partition, next, partition_time, log_end, topic_id,
       extract(epoch from statement_timestamp() - updated_at)::double precision as age
from applied
order by partition;

-- name: ready_models
-- Names of the models that may be asked.
select name from model where state = 'ready';

-- name: admin_applied
-- How far mq.admin is folded.
select next, log_end from admin_applied where partition = 0;
