-- Conversations and their messages.

create table {schema}.conversations (
    api_key_id varchar(255) not null,
    conversation_id uuid not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    title text,
    system_prompt text,
    model_alias text,
    temperature double precision,
    max_tokens bigint,
    metadata jsonb,
    project_id text,
    origin text,
    message_count bigint not null default 0,
    input_tokens numeric not null default 0,
    output_tokens numeric not null default 0,
    total_cost numeric not null default 0,
    last_message_at timestamptz,
    last_position bigint not null default 0,
    search tsvector not null,
    primary key (api_key_id, conversation_id)
);

comment on column {schema}.conversations.total_cost is 'USD.';
comment on column {schema}.conversations.last_position is 'The position of the last message that there ever was.';

create index conversations_by_time on {schema}.conversations (api_key_id, created_at, conversation_id);
create index conversations_search on {schema}.conversations using gin (search);

create table {schema}.messages (
    api_key_id varchar(255) not null,
    conversation_id uuid not null,
    position bigint not null,
    message_id uuid not null,
    role text not null,
    content jsonb,
    tool_calls jsonb,
    tool_results jsonb,
    tool_call_id text,
    input_tokens bigint,
    output_tokens bigint,
    metadata jsonb,
    timestamp timestamptz not null,
    logging_level text not null,
    content_hash text,
    content_length bigint,
    search tsvector,
    primary key (api_key_id, conversation_id, position)
);

comment on column {schema}.messages.position is 'Its place in the conversation, for ever; positions of a batch are next to each other.';
comment on column {schema}.messages.content_hash is 'A keyed hash, where the content itself is not kept.';

create index messages_by_age on {schema}.messages (timestamp);
create index messages_search on {schema}.messages using gin (search);
