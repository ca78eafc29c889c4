-- name: major_version
select current_setting('server_version_num')::int / 10000

-- name: has_schema
select exists (select from pg_namespace where nspname in ($1::text, $1 || '_mcp'))

-- name: server
select
    current_setting('server_version') as version,
    current_setting('server_version_num')::int / 10000 as major,
    current_setting('transaction_read_only') = 'on' as is_read_only,
    current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int as connections,
    (select count(*) from pg_stat_activity where backend_type = 'client backend') as busy

-- name: unwritable
-- Tables of ours that we may not change as we have to.
select relname as name
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
where nspname in ($1::text, $1 || '_mcp') and relkind in ('r', 'p')
  and not (
      has_table_privilege(pg_class.oid, 'select') and has_table_privilege(pg_class.oid, 'insert')
      and has_table_privilege(pg_class.oid, 'update') and has_table_privilege(pg_class.oid, 'delete')
  )
order by relname
limit 3

-- name: time
select clock_timestamp()

-- name: sealed
-- The newest first: what came last was sealed with the newest key.
select auth_sealed from {mcp_schema}.servers
where auth_sealed is not null
order by updated_at desc
limit 100
