-- name: lock
select pg_advisory_xact_lock(hashtextextended('llmring-server partitions', 0))

-- name: existing
select relname as name
from pg_inherits
join pg_class on pg_class.oid = inhrelid
where inhparent = '{table}'::regclass

-- name: create_month
create table {partition} (like {table} including defaults including constraints);
with moved as (
    delete from {table}_default
    where {key} >= '{start}' and {key} < '{end}'
    returning *
)
insert into {partition} select * from moved;
alter table {table} attach partition {partition} for values from ('{start}') to ('{end}')

-- name: hurry
-- A table is dropped as soon as nobody uses it; whoever comes meanwhile waits behind us.
set local lock_timeout = '2s'

-- name: drop_month
drop table {partition}

-- name: kept_from
update {schema}.usage_kept set kept_from = $1 where kept_from < $1

-- name: delete_older
-- Of the partition itself, so that no trigger takes them out of the statistics.
with gone as (
    delete from {table}_default
    where ctid = any (array(select ctid from {table}_default where {key} < '{start}' limit $1))
    returning 1
)
select count(*) from gone
