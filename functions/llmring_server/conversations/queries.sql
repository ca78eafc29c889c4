-- name: add
insert into {schema}.conversations (
    api_key_id, conversation_id, created_at, updated_at, title, system_prompt, model_alias,
    temperature, max_tokens, metadata, project_id, origin, search, size
)
values ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10, $11,
    to_tsvector('simple', left(coalesce($4, ''), 100000)),
    octet_length(coalesce($5::text, '')) + octet_length(coalesce($9::text, '')))
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
with place as (
    select conversation_id, created_at, size from {schema}.conversations
    where api_key_id = $1
      and (created_at, conversation_id) < ($2, $3::uuid)
      and ($4::text is null or project_id = $4)
    order by created_at desc, conversation_id desc
    limit $5 offset $6
), weighed as (
    select
        conversation_id, count(*) over () as found,
        sum(size) over (order by created_at desc, conversation_id desc) - size as bytes_before
    from place
)
select
    conversation.conversation_id as id, created_at, updated_at, title, system_prompt, model_alias, temperature,
    max_tokens, metadata::text as metadata, project_id, origin, message_count, input_tokens,
    output_tokens, total_cost, last_message_at, found
from weighed
join {schema}.conversations as conversation
    on api_key_id = $1 and conversation.conversation_id = weighed.conversation_id
where bytes_before < $7
order by created_at desc, id desc

-- name: search
with wanted as (select websearch_to_tsquery('simple', $8) as query), place as (
    select conversation_id, created_at, size from {schema}.conversations
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
), weighed as (
    select
        conversation_id, count(*) over () as found,
        sum(size) over (order by created_at desc, conversation_id desc) - size as bytes_before
    from place
)
select
    conversation.conversation_id as id, created_at, updated_at, title, system_prompt, model_alias, temperature,
    max_tokens, metadata::text as metadata, project_id, origin, message_count, input_tokens,
    output_tokens, total_cost, last_message_at, found
from weighed
join {schema}.conversations as conversation
    on api_key_id = $1 and conversation.conversation_id = weighed.conversation_id
where bytes_before < $7
order by created_at desc, id desc

-- name: change
update {schema}.conversations set
    title = case when 'title' = any($3::text[]) then $4 else title end,
    search = case when 'title' = any($3::text[])
        then to_tsvector('simple', left(coalesce($4, ''), 100000)) else search end,
    system_prompt = case when 'system_prompt' = any($3::text[]) then $5::text else system_prompt end,
    model_alias = case when 'model_alias' = any($3::text[]) then $6 else model_alias end,
    temperature = case when 'temperature' = any($3::text[]) then $7 else temperature end,
    max_tokens = case when 'max_tokens' = any($3::text[]) then $8 else max_tokens end,
    metadata = case when 'metadata' = any($3::text[]) then $9::text::jsonb else metadata end,
    project_id = case when 'project_id' = any($3::text[]) then $10 else project_id end,
    origin = case when 'origin' = any($3::text[]) then $11 else origin end,
    size = octet_length(
            coalesce(case when 'system_prompt' = any($3::text[]) then $5::text else system_prompt end, '')
        ) + octet_length(
            coalesce(case when 'metadata' = any($3::text[]) then $9::text else metadata::text end, '')
        ),
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
    content_length, search, size
)
select
    $1, $2, conversation.before + message.number, message_id, role, content,
    tool_calls, tool_results, tool_call_id, input_tokens, output_tokens,
    metadata, timestamp, $8, content_hash, content_length,
    to_tsvector('simple', left(searched, 100000)),
    octet_length(concat(content, tool_calls, tool_results, metadata))
from conversation, rows from (
    -- One document instead of an array per column, which takes the driver three times as long.
    jsonb_to_recordset($7::text::jsonb) as (
        message_id uuid, role text, content jsonb, tool_calls jsonb, tool_results jsonb,
        tool_call_id text, input_tokens bigint, output_tokens bigint, metadata jsonb,
        timestamp timestamptz, content_hash text, content_length bigint, searched text
    )
) with ordinality as message (
    message_id, role, content, tool_calls, tool_results, tool_call_id, input_tokens,
    output_tokens, metadata, timestamp, content_hash, content_length, searched, number
)
returning message_id

-- name: messages
with place as (
    select position, size from {schema}.messages
    where api_key_id = $1 and conversation_id = $2 and position > $3
    order by position
    limit $4 offset $5
), weighed as (
    select position, sum(size) over (order by position) - size as bytes_before from place
), page as (
    select
        count(*) as found, min(position) as first,
        max(position) filter (where bytes_before < $6) as last
    from weighed
)
select
    message_id as id, conversation_id, position, role, content::text as content,
    tool_calls::text as tool_calls, tool_results::text as tool_results, tool_call_id, input_tokens,
    output_tokens, metadata::text as metadata, timestamp, logging_level, content_hash,
    content_length, found
from page, lateral (
    select * from {schema}.messages
    where api_key_id = $1 and conversation_id = $2 and position between page.first and page.last
    order by position
    limit $4
) as message
order by position

-- name: latest
-- As JSON, member by member: PostgreSQL joins texts ten times as fast as it builds JSON of values.
-- Nothing is joined for who has the version already. It names this state of the conversation's row
-- (each change makes a new one), and no message changes without it.
with weighed as (
    select *, sum(size) over (order by position desc) - size as bytes_before
    from (
        -- With a limit, so that it is the index that is read, whatever is known of the table.
        select * from {schema}.messages
        where api_key_id = $1 and conversation_id = $2
        order by position desc
        limit $3
    ) as message
), latest as (
    select string_agg(
        concat(
            '{"id":"', message_id,
            '","conversation_id":"', conversation_id,
            '","role":"', role,
            '","content":', coalesce(content::text, 'null'),
            ',"tool_calls":', coalesce(tool_calls::text, 'null'),
            ',"tool_results":', coalesce(tool_results::text, 'null'),
            ',"tool_call_id":', coalesce(to_json(tool_call_id)::text, 'null'),
            ',"input_tokens":', coalesce(input_tokens::text, 'null'),
            ',"output_tokens":', coalesce(output_tokens::text, 'null'),
            ',"token_count":',
            coalesce((coalesce(input_tokens, 0) + output_tokens)::text, input_tokens::text, 'null'),
            ',"metadata":', coalesce(metadata::text, 'null'),
            ',"timestamp":"', replace(to_char(timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z'),
            '","logging_level":"', logging_level,
            '","content_hash":', coalesce(to_json(content_hash)::text, 'null'),
            ',"content_length":', coalesce(content_length::text, 'null'), '}'
        ),
        ',' order by position
    ) as messages
    from weighed
    where bytes_before < $4::bigint
)
select xmin::text || ctid::text as version, case when xmin::text || ctid::text = $5::text then null else concat(
    '{"title":', coalesce(to_json(title)::text, 'null'),
    ',"system_prompt":', coalesce(to_json(system_prompt)::text, 'null'),
    ',"model_alias":', coalesce(to_json(model_alias)::text, 'null'),
    ',"temperature":', coalesce(temperature::text, 'null'),
    ',"max_tokens":', coalesce(max_tokens::text, 'null'),
    ',"metadata":', coalesce(metadata::text, 'null'),
    ',"project_id":', coalesce(to_json(project_id)::text, 'null'),
    ',"origin":', coalesce(to_json(origin)::text, 'null'),
    ',"id":"', conversation_id,
    '","created_at":"', replace(to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z'),
    '","updated_at":"', replace(to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z'),
    '","message_count":', message_count,
    ',"input_tokens":', input_tokens,
    ',"output_tokens":', output_tokens,
    ',"total_tokens":', input_tokens + output_tokens,
    ',"total_cost":', total_cost::float8,
    ',"last_message_at":',
    coalesce(
        replace(
            to_char(last_message_at at time zone 'UTC', '"\""YYYY-MM-DD"T"HH24:MI:SS.US"Z\""'),
            '.000000Z', 'Z'
        ),
        'null'
    ),
    ',"messages":',
    case when $3::bigint is null then 'null' else '[' || coalesce((select latest.messages from latest), '') || ']' end,
    '}'
) end as json
from {schema}.conversations
where api_key_id = $1 and conversation_id = $2

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
select pg_try_advisory_xact_lock(
    hashtextextended(concat_ws(' ', 'llmring-server retention', $1::text), 0)
)

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
