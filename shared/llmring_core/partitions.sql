-- name: lock
select pg_advisory_xact_lock(hashtextextended('llmring-server partitions', 0))

-- name: existing
select child.relname as name
from pg_inherits
join pg_class child on child.oid = inhrelid
join pg_class parent on parent.oid = inhparent
join pg_namespace on pg_namespace.oid = parent.relnamespace
where nspname = $1 and parent.relname = 'usage_logs'

-- name: create_month
create table {schema}.{partition} (like {schema}.usage_logs including defaults including constraints);
with moved as (
    delete from {schema}.usage_logs_default
    where logged_at >= '{start}' and logged_at < '{end}'
    returning *
)
insert into {schema}.{partition} select * from moved;
alter table {schema}.usage_logs attach partition {schema}.{partition}
    for values from ('{start}') to ('{end}')

-- name: hurry
-- A table is dropped as soon as nobody uses it; whoever comes meanwhile waits behind us.
set local lock_timeout = '2s'

-- name: drop_month
drop table {schema}.{partition}

-- name: kept_from
update {schema}.usage_kept set kept_from = $1 where kept_from < $1

-- name: delete_older
-- Of the partition itself, so that no trigger takes them out of the statistics.
with gone as (
    delete from {schema}.usage_logs_default
    where ctid = any (
        array(select ctid from {schema}.usage_logs_default where logged_at < $1 limit $2)
    )
    returning 1
)
select count(*) from gone
