-- Which conversation a call was made in; calls that are reported twice but counted once; how large
-- what is read page by page is.

alter table {schema}.usage_logs add column conversation_id uuid;

comment on column {schema}.usage_logs.conversation_id is 'The conversation that the call was made in, as its client named it; it may be gone.';

-- Holds only the rows that name a conversation.
create index usage_logs_by_conversation on {schema}.usage_logs
    (api_key_id, conversation_id, logged_at, log_id) where conversation_id is not null;

create table {schema}.awaited_logs (
    api_key_id varchar(255) not null,
    conversation_id uuid not null,
    logged_at timestamptz not null,
    log_id uuid not null,
    provider text not null,
    model text not null,
    input_tokens bigint,
    output_tokens bigint,
    cached_input_tokens bigint,
    primary key (api_key_id, conversation_id)
);

comment on column {schema}.awaited_logs.input_tokens is 'Null, as the others, for a call that came without its tokens.';
comment on table {schema}.awaited_logs is 'Calls of POST /conversations/log whose POST /log may still come, for a day: it completes the row of usage_logs instead of adding one.';

create index awaited_logs_by_age on {schema}.awaited_logs (logged_at);

alter table {schema}.conversations add column size bigint not null default 0;
alter table {schema}.messages add column size bigint not null default 0;

comment on column {schema}.messages.size is 'Bytes of its JSON, so that a page can end before it gets too large.';
