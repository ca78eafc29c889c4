-- name: lock
select pg_advisory_xact_lock(hashtextextended('llmring-server migrations', 0))

-- name: schema_exists
select exists (select from pg_namespace where nspname = $1)

-- name: create_schema
create schema {schema}

-- name: create_ledger
create table if not exists {schema}.schema_migrations (
    version int primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
)

-- name: ledger_exists
select exists (
    select from pg_tables where schemaname = $1 and tablename = 'schema_migrations'
)

-- name: applied
select version, name, checksum, applied_at from {schema}.schema_migrations order by version

-- name: record
insert into {schema}.schema_migrations (version, name, checksum) values ($1, $2, $3)
