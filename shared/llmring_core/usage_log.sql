-- name: add
insert into {schema}.usage_logs (
    api_key_id, logged_at, log_id, provider, model, input_tokens, output_tokens,
    cached_input_tokens, cost, cost_status, pricing, latency_ms, alias, profile, origin,
    id_at_origin, metadata
)
select
    $1, logged_at, log_id, provider, model, input_tokens, output_tokens,
    cached_input_tokens, cost, cost_status, pricing::jsonb, latency_ms, alias, profile, origin,
    id_at_origin, metadata::jsonb
from unnest(
    $2::timestamptz[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
    $8::bigint[], $9::numeric[], $10::text[], $11::text[], $12::bigint[], $13::text[],
    $14::text[], $15::text[], $16::text[], $17::text[]
) as entry (
    logged_at, log_id, provider, model, input_tokens, output_tokens,
    cached_input_tokens, cost, cost_status, pricing, latency_ms, alias, profile, origin,
    id_at_origin, metadata
)

-- name: add_in_conversations
-- 1. Rows that await a log of the conversation that an entry names, locked: two logs at once
--    cannot both complete one. They are of the millisecond in which the conversation began.
-- 2. The entry that reports the same call as such a row: equal in all that the row knows.
-- 3. Such a row is completed; a cost that is given outweighs a priced one, that an unknown one.
-- 4. All other entries become rows.
-- 5. The conversations count what this added to their cost, locked in one order.
with entry as materialized (
    select * from unnest(
        $2::timestamptz[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::numeric[], $10::text[], $11::text[], $12::bigint[], $13::text[],
        $14::text[], $15::text[], $16::text[], $17::text[], $18::uuid[], $19::timestamptz[],
        $20::timestamptz[], $21::bool[], $22::bool[]
    ) with ordinality as entry (
        logged_at, log_id, provider, model, input_tokens, output_tokens, cached_input_tokens,
        cost, cost_status, pricing, latency_ms, alias, profile, origin, id_at_origin, metadata,
        conversation_id, begun_since, begun_until, completes, awaits_log, number
    )
), awaiting as (
    select
        call.logged_at, call.log_id, call.conversation_id, call.provider, call.model,
        call.input_tokens, call.output_tokens, call.cached_input_tokens, call.cost,
        call.cost_status
    from (
        select distinct conversation_id, begun_since, begun_until from entry where completes
    ) as named
    join {schema}.usage_logs as call
        on call.api_key_id = $1
        and call.logged_at >= named.begun_since and call.logged_at < named.begun_until
        and call.conversation_id = named.conversation_id
        and call.awaits_log
    order by call.logged_at, call.log_id
    for update of call
), same_call as (
    select distinct on (awaiting.log_id)
        entry.*, awaiting.logged_at as row_logged_at, awaiting.log_id as row_log_id,
        awaiting.cost as cost_before,
        array_position(array['unpriced', 'priced', 'given'], entry.cost_status)
            >= array_position(array['unpriced', 'priced', 'given'], awaiting.cost_status)
            as has_better_cost
    from awaiting
    join entry
        on entry.completes and entry.conversation_id = awaiting.conversation_id
        and entry.provider = awaiting.provider and entry.model = awaiting.model
        and (
            awaiting.input_tokens + awaiting.output_tokens = 0
            or (entry.input_tokens, entry.output_tokens, entry.cached_input_tokens)
                = (awaiting.input_tokens, awaiting.output_tokens, awaiting.cached_input_tokens)
        )
    order by awaiting.log_id, entry.number
), completed as (
    update {schema}.usage_logs as call set
        awaits_log = false,
        input_tokens = same_call.input_tokens,
        output_tokens = same_call.output_tokens,
        cached_input_tokens = same_call.cached_input_tokens,
        cost = case when has_better_cost then same_call.cost else call.cost end,
        cost_status = case when has_better_cost then same_call.cost_status else call.cost_status end,
        pricing = case when has_better_cost then same_call.pricing::jsonb else call.pricing end,
        latency_ms = coalesce(same_call.latency_ms, call.latency_ms),
        alias = coalesce(same_call.alias, call.alias),
        profile = coalesce(same_call.profile, call.profile),
        origin = coalesce(same_call.origin, call.origin),
        id_at_origin = same_call.id_at_origin,
        metadata = coalesce(call.metadata, '{}') || coalesce(same_call.metadata::jsonb, '{}')
    from same_call
    where call.api_key_id = $1
      and call.logged_at = same_call.row_logged_at
      and call.log_id = same_call.row_log_id
    returning
        number, call.log_id, call.logged_at, call.cost, call.cost_status, call.conversation_id,
        coalesce(call.cost, 0) - coalesce(same_call.cost_before, 0) as more
), added as (
    insert into {schema}.usage_logs (
        api_key_id, logged_at, log_id, provider, model, input_tokens, output_tokens,
        cached_input_tokens, cost, cost_status, pricing, latency_ms, alias, profile, origin,
        id_at_origin, metadata, conversation_id, awaits_log
    )
    select
        $1, logged_at, log_id, provider, model, input_tokens, output_tokens,
        cached_input_tokens, cost, cost_status, pricing::jsonb, latency_ms, alias, profile, origin,
        id_at_origin, metadata::jsonb, conversation_id, awaits_log
    from entry
    where number not in (select number from completed)
    returning conversation_id, cost as more
), more as (
    select conversation_id, sum(more) as cost
    from (
        select conversation_id, more from completed
        union all
        select conversation_id, more from added
    ) as each
    where conversation_id is not null and more <> 0
    group by conversation_id
), locked as (
    select conversation_id from {schema}.conversations
    where api_key_id = $1 and conversation_id in (select conversation_id from more)
    order by conversation_id
    for update
), counted as (
    update {schema}.conversations as conversation set total_cost = total_cost + more.cost
    from more
    where conversation.api_key_id = $1
      and conversation.conversation_id = more.conversation_id
      and (select count(*) from locked) > 0
)
select number, log_id, logged_at as timestamp, cost, cost_status from completed
