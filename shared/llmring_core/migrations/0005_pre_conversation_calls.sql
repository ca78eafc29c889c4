-- Which conversation a call was made in, and calls that are reported twice but counted once.

alter table {schema}.usage_logs add column conversation_id uuid;
alter table {schema}.usage_logs add column awaits_log boolean not null default false;

comment on column {schema}.usage_logs.conversation_id is 'The conversation that the call was made in, as its client named it; it may be gone.';
comment on column {schema}.usage_logs.awaits_log is 'Made by POST /conversations/log; a POST /log of the same call completes this row instead of adding one.';

-- Holds only the rows that name a conversation.
create index usage_logs_by_conversation on {schema}.usage_logs
    (api_key_id, conversation_id, logged_at, log_id) where conversation_id is not null;
