-- name: add
insert into {schema}.conversations (
    api_key_id, conversation_id, created_at, updated_at, title, system_prompt, model_alias,
    temperature, max_tokens, metadata, project_id, origin, search
)
values ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11,
    to_tsvector('simple', left(coalesce($4, ''), 100000)))
returning
    conversation_id as id, created_at, updated_at, title, system_prompt, model_alias, temperature,
    max_tokens, metadata::text as metadata, project_id, origin, message_count, input_tokens,
    output_tokens, total_cost, last_message_at

-- name: find
select
    conversation_id as id, created_at, updated_at, title, system_prompt, model_alias, temperature,
    max_tokens, metadata::text as metadata, project_id, origin, message_count, input_tokens,
    output_tokens, total_cost, last_message_at
from {schema}.conversations
where api_key_id = $1 and conversation_id = $2

-- name: list
select
    conversation_id as id, created_at, updated_at, title, system_prompt, model_alias, temperature,
    max_tokens, metadata::text as metadata, project_id, origin, message_count, input_tokens,
    output_tokens, total_cost, last_message_at
from {schema}.conversations
where api_key_id = $1
  and (created_at, conversation_id) < ($2, $3::uuid)
  and ($4::text is null or project_id = $4)
order by created_at desc, conversation_id desc
limit $5 offset $6

-- name: search
with wanted as (select websearch_to_tsquery('simple', $7) as query)
select
    conversation_id as id, created_at, updated_at, title, system_prompt, model_alias, temperature,
    max_tokens, metadata::text as metadata, project_id, origin, message_count, input_tokens,
    output_tokens, total_cost, last_message_at
from {schema}.conversations
where api_key_id = $1
  and (created_at, conversation_id) < ($2, $3::uuid)
  and ($4::text is null or project_id = $4)
  and conversation_id in (
      select conversation_id from {schema}.messages, wanted
      where api_key_id = $1 and messages.search @@ wanted.query
      union
      select conversation_id from {schema}.conversations as titled, wanted
      where api_key_id = $1 and titled.search @@ wanted.query
  )
order by created_at desc, conversation_id desc
limit $5 offset $6

-- name: change
update {schema}.conversations set
    title = case when 'title' = any($3::text[]) then $4 else title end,
    search = case when 'title' = any($3::text[])
        then to_tsvector('simple', left(coalesce($4, ''), 100000)) else search end,
    system_prompt = case when 'system_prompt' = any($3::text[]) then $5 else system_prompt end,
    model_alias = case when 'model_alias' = any($3::text[]) then $6 else model_alias end,
    temperature = case when 'temperature' = any($3::text[]) then $7 else temperature end,
    max_tokens = case when 'max_tokens' = any($3::text[]) then $8 else max_tokens end,
    metadata = case when 'metadata' = any($3::text[]) then $9::jsonb else metadata end,
    project_id = case when 'project_id' = any($3::text[]) then $10 else project_id end,
    origin = case when 'origin' = any($3::text[]) then $11 else origin end,
    updated_at = greatest(updated_at, now())
where api_key_id = $1 and conversation_id = $2
returning
    conversation_id as id, created_at, updated_at, title, system_prompt, model_alias, temperature,
    max_tokens, metadata::text as metadata, project_id, origin, message_count, input_tokens,
    output_tokens, total_cost, last_message_at

-- name: hold
select conversation_id from {schema}.conversations
where api_key_id = $1 and conversation_id = $2
for update

-- name: delete_messages
delete from {schema}.messages where api_key_id = $1 and conversation_id = $2

-- name: delete
delete from {schema}.conversations where api_key_id = $1 and conversation_id = $2

-- name: add_messages
with conversation as (
    update {schema}.conversations set
        last_position = last_position + $3::bigint,
        message_count = message_count + $3::bigint,
        input_tokens = input_tokens + $4::numeric,
        output_tokens = output_tokens + $5::numeric,
        last_message_at = greatest(last_message_at, $6),
        updated_at = greatest(updated_at, now())
    where api_key_id = $1 and conversation_id = $2
    returning last_position - $3::bigint as before
)
insert into {schema}.messages (
    api_key_id, conversation_id, position, message_id, role, content, tool_calls, tool_results,
    tool_call_id, input_tokens, output_tokens, metadata, timestamp, logging_level, content_hash,
    content_length, search
)
select
    $1, $2, conversation.before + message.number, message_id, role, content::jsonb,
    tool_calls::jsonb, tool_results::jsonb, tool_call_id, input_tokens, output_tokens,
    metadata::jsonb, timestamp, $20, content_hash, content_length,
    to_tsvector('simple', left(searched, 100000))
from conversation, unnest(
    $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[],
    $14::bigint[], $15::text[], $16::timestamptz[], $17::text[], $18::bigint[], $19::text[]
) with ordinality as message (
    message_id, role, content, tool_calls, tool_results, tool_call_id, input_tokens,
    output_tokens, metadata, timestamp, content_hash, content_length, searched, number
)
returning message_id

-- name: messages
select
    message_id as id, conversation_id, position, role, content::text as content,
    tool_calls::text as tool_calls, tool_results::text as tool_results, tool_call_id, input_tokens,
    output_tokens, metadata::text as metadata, timestamp, logging_level, content_hash,
    content_length
from {schema}.messages
where api_key_id = $1 and conversation_id = $2 and position > $3
order by position
limit $4 offset $5

-- name: latest_messages
select
    message_id as id, conversation_id, position, role, content::text as content,
    tool_calls::text as tool_calls, tool_results::text as tool_results, tool_call_id, input_tokens,
    output_tokens, metadata::text as metadata, timestamp, logging_level, content_hash,
    content_length
from {schema}.messages
where api_key_id = $1 and conversation_id = $2
order by position desc
limit $3

-- name: span
select
    message_count, last_position,
    coalesce(
        (select min(position) from {schema}.messages where api_key_id = $1 and conversation_id = $2),
        1
    ) as first_position
from {schema}.conversations
where api_key_id = $1 and conversation_id = $2

-- name: one_at_a_time
select pg_advisory_xact_lock(hashtextextended('llmring-server retention', 0))

-- name: old_of_all
select api_key_id, conversation_id, position from {schema}.messages
where timestamp < $1
order by timestamp
limit $2

-- name: old_of_project
select api_key_id, conversation_id, position from {schema}.messages
where api_key_id = $1 and timestamp < $2
limit $3

-- name: forget
-- The conversations are locked first and in one order, as by everybody who changes several.
with old as materialized (
    select * from unnest($1::text[], $2::uuid[], $3::bigint[])
        as old (api_key_id, conversation_id, position)
), locked as (
    select api_key_id from {schema}.conversations
    where (api_key_id, conversation_id) in (select api_key_id, conversation_id from old)
    order by api_key_id, conversation_id
    for update
), gone as (
    delete from {schema}.messages using old
    where messages.api_key_id = old.api_key_id
      and messages.conversation_id = old.conversation_id
      and messages.position = old.position
      and (select count(*) from locked) >= 0
    returning messages.api_key_id, messages.conversation_id
), counted as (
    select api_key_id, conversation_id, count(*) as messages from gone group by 1, 2
), corrected as (
    update {schema}.conversations set message_count = message_count - counted.messages
    from counted
    where conversations.api_key_id = counted.api_key_id
      and conversations.conversation_id = counted.conversation_id
)
select count(*) from gone
