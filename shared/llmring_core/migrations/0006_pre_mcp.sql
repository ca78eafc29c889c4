-- Servers that speak the Model Context Protocol: what they offer, and what was run on them.

do $$ begin
    -- Asked first: `if not exists` needs the right to create a schema even where it exists.
    if to_regnamespace('{mcp_schema}') is null then
        create schema {mcp_schema};
    end if;
end $$;

create table {mcp_schema}.servers (
    api_key_id varchar(255) not null,
    server_id uuid not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    name text not null,
    url text not null,
    transport_type text not null,
    auth_type text,
    auth_sealed text,
    capabilities jsonb,
    project_id text,
    policy text not null,
    is_active boolean not null default true,
    protocol_version text,
    server_info jsonb,
    refreshed_at timestamptz,
    refresh_error text,
    refresh_failed_at timestamptz,
    deleted_at timestamptz,
    primary key (api_key_id, server_id)
);

comment on column {mcp_schema}.servers.auth_sealed is 'The credentials, sealed with LLMRING_SECRETS_KEY; gone with the server.';
comment on column {mcp_schema}.servers.policy is 'What becomes of a tool whose definition changed: warn, or block until it is approved.';
comment on column {mcp_schema}.servers.deleted_at is 'A deleted server stays for the history of its tools.';

create index servers_by_time on {mcp_schema}.servers (api_key_id, created_at, server_id);

create table {mcp_schema}.definitions (
    api_key_id varchar(255) not null,
    definition_id uuid not null,
    server_id uuid not null,
    kind text not null,
    name text not null,
    definition jsonb not null,
    digest text not null,
    version int not null default 1,
    approved_digest text not null,
    size bigint not null,
    is_active boolean not null default true,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    primary key (api_key_id, definition_id),
    constraint definitions_kind check (kind in ('tool', 'resource', 'resource_template', 'prompt')),
    foreign key (api_key_id, server_id) references {mcp_schema}.servers
);

comment on table {mcp_schema}.definitions is 'What a server offers, as it last described it; see the views tools, resources, resource_templates and prompts.';
comment on column {mcp_schema}.definitions.name is 'What the server knows it by: a name, a URI or a URI template.';
comment on column {mcp_schema}.definitions.digest is 'SHA-256 of the canonical JSON (RFC 8785) of the definition, in hexadecimal.';
comment on column {mcp_schema}.definitions.approved_digest is 'The digest that may be executed where the policy is block; the first one seen is approved.';

comment on column {mcp_schema}.definitions.size is 'Bytes of its JSON, so that a page can end before it gets too large.';

-- A URI may be longer than an index takes.
create unique index definitions_by_name on {mcp_schema}.definitions (api_key_id, server_id, kind, md5(name));
create index definitions_by_kind on {mcp_schema}.definitions (api_key_id, kind, first_seen_at, definition_id);

create table {mcp_schema}.definition_versions (
    api_key_id varchar(255) not null,
    definition_id uuid not null,
    version int not null,
    change_id uuid not null,
    seen_at timestamptz not null,
    digest text not null,
    size bigint not null,
    definition jsonb not null,
    primary key (api_key_id, definition_id, version),
    foreign key (api_key_id, definition_id) references {mcp_schema}.definitions
);

comment on table {mcp_schema}.definition_versions is 'Every version of a definition; the last one is the current.';

create view {mcp_schema}.tools as select * from {mcp_schema}.definitions where kind = 'tool';
create view {mcp_schema}.resources as select * from {mcp_schema}.definitions where kind = 'resource';
create view {mcp_schema}.resource_templates as select * from {mcp_schema}.definitions where kind = 'resource_template';
create view {mcp_schema}.prompts as select * from {mcp_schema}.definitions where kind = 'prompt';

create table {mcp_schema}.tool_executions (
    api_key_id varchar(255) not null,
    execution_id uuid not null,
    executed_at timestamptz not null,
    tool_id uuid not null,
    executed_by text not null,
    status text not null,
    input jsonb not null,
    output jsonb,
    output_excerpt text,
    output_bytes bigint,
    output_hash text,
    is_error boolean,
    error text,
    duration_ms bigint,
    conversation_id text,
    size bigint not null,
    primary key (api_key_id, execution_id),
    constraint tool_executions_by check (executed_by in ('server', 'client')),
    constraint tool_executions_status check (status in ('running', 'succeeded', 'failed', 'unknown')),
    foreign key (api_key_id, tool_id) references {mcp_schema}.definitions
);

comment on column {mcp_schema}.tool_executions.executed_by is 'This server ran the tool, or a client that reported it.';
comment on column {mcp_schema}.tool_executions.output_excerpt is 'The beginning of an output that was too large to be kept whole, or has a NUL in it, as JSON; output_bytes and output_hash are of all of it.';
comment on column {mcp_schema}.tool_executions.status is 'unknown: whether the tool ran, nobody can say.';

create index tool_executions_by_tool on {mcp_schema}.tool_executions (api_key_id, tool_id, executed_at, execution_id);
create index tool_executions_running on {mcp_schema}.tool_executions (executed_at) where status = 'running';
