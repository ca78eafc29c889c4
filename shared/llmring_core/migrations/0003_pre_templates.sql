-- Templates of conversations.

create table {schema}.templates (
    api_key_id varchar(255) not null,
    template_id uuid not null,
    name text not null,
    description text,
    system_prompt text,
    model_alias text,
    temperature double precision,
    max_tokens bigint,
    tool_config jsonb,
    metadata jsonb,
    created_by text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    usage_count bigint not null default 0,
    last_used_at timestamptz,
    primary key (api_key_id, template_id),
    constraint templates_name unique (api_key_id, name)
);

comment on table {schema}.templates is 'What a conversation may begin with.';

create index templates_by_time on {schema}.templates (api_key_id, created_at, template_id);
