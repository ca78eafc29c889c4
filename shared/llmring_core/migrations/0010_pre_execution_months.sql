-- Tool executions by month, so that old ones leave as whole tables, as usage logs do. An execution's id
-- is a UUIDv7 of its time, so months are ranges of ids.
--
-- What is there is not moved: its table becomes the partition of this month and of all before it.

alter table {mcp_schema}.tool_executions rename to tool_executions_earlier;
alter index {mcp_schema}.tool_executions_pkey rename to tool_executions_earlier_pkey;
alter index {mcp_schema}.tool_executions_by_tool rename to tool_executions_earlier_by_tool;
alter index {mcp_schema}.tool_executions_running rename to tool_executions_earlier_running;

create table {mcp_schema}.tool_executions (
    like {mcp_schema}.tool_executions_earlier including defaults including constraints including comments,
    primary key (api_key_id, execution_id),
    foreign key (api_key_id, tool_id) references {mcp_schema}.definitions
) partition by range (execution_id);

create index tool_executions_by_tool on {mcp_schema}.tool_executions (api_key_id, tool_id, executed_at, execution_id);
create index tool_executions_running on {mcp_schema}.tool_executions (executed_at) where status = 'running';

create table {mcp_schema}.tool_executions_default partition of {mcp_schema}.tool_executions default;

do $$
declare
    month timestamp := date_trunc('month', now() at time zone 'UTC');
    milliseconds text := lpad(to_hex((extract(epoch from month + interval '1 month') * 1000)::bigint), 12, '0');
    ends uuid := rpad(milliseconds, 32, '0')::uuid;
    name text := 'tool_executions_' || to_char(month, 'YYYY_MM');
begin
    if not exists (select from {mcp_schema}.tool_executions_earlier) then
        drop table {mcp_schema}.tool_executions_earlier;
        return;
    end if;
    -- Whose clock was ahead of ours at the end of a month.
    with ahead as (
        delete from {mcp_schema}.tool_executions_earlier where execution_id >= ends returning *
    )
    insert into {mcp_schema}.tool_executions select * from ahead;
    execute format('alter table {mcp_schema}.tool_executions_earlier rename to %I', name);
    execute format(
        'alter table {mcp_schema}.tool_executions attach partition {mcp_schema}.%I '
        'for values from (minvalue) to (%L)',
        name, ends
    );
end
$$;
