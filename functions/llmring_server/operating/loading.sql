-- name: drop_schema
drop schema if exists {schema} cascade

-- name: drop_mcp_schema
drop schema if exists {mcp_schema} cascade

-- name: analyze
-- Without statistics the first plans would be poor ones, and nobody else ever makes those of a table
-- with partitions.
do $$
declare
    each regclass;
begin
    for each in
        select oid from pg_catalog.pg_class
        where relnamespace in (
            pg_catalog.to_regnamespace('{schema}'), pg_catalog.to_regnamespace('{mcp_schema}')
        ) and relkind in ('r', 'p') and not relispartition
    loop
        execute pg_catalog.format('analyze %s', each);
    end loop;
end
$$
