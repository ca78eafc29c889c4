-- name: add
-- Of one project or of many. A call that comes again, from the queue, is there already.
insert into {schema}.usage_logs (
    api_key_id, logged_at, log_id, provider, model, input_tokens, output_tokens,
    cached_input_tokens, cost, cost_status, pricing, latency_ms, alias, profile, origin,
    id_at_origin, metadata
)
select
    api_key_id, logged_at, log_id, provider, model, input_tokens, output_tokens,
    cached_input_tokens, cost, cost_status, pricing::jsonb, latency_ms, alias, profile, origin,
    id_at_origin, metadata::jsonb
from unnest(
    $1::text[], $2::timestamptz[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
    $8::bigint[], $9::numeric[], $10::text[], $11::text[], $12::bigint[], $13::text[],
    $14::text[], $15::text[], $16::text[], $17::text[]
) as entry (
    api_key_id, logged_at, log_id, provider, model, input_tokens, output_tokens,
    cached_input_tokens, cost, cost_status, pricing, latency_ms, alias, profile, origin,
    id_at_origin, metadata
)
on conflict do nothing

-- name: add_one
insert into {schema}.usage_logs (
    api_key_id, logged_at, log_id, provider, model, input_tokens, output_tokens,
    cached_input_tokens, cost, cost_status, pricing, latency_ms, alias, profile, origin,
    id_at_origin, metadata
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb, $12, $13, $14, $15, $16,
    $17::text::jsonb
)
on conflict do nothing

-- name: add_in_conversations
-- The conversations, locked in one order, count what the rows add to their cost.
with added as (
    insert into {schema}.usage_logs (
        api_key_id, logged_at, log_id, provider, model, input_tokens, output_tokens,
        cached_input_tokens, cost, cost_status, pricing, latency_ms, alias, profile, origin,
        id_at_origin, metadata, conversation_id
    )
    select
        $1, logged_at, log_id, provider, model, input_tokens, output_tokens,
        cached_input_tokens, cost, cost_status, pricing::jsonb, latency_ms, alias, profile, origin,
        id_at_origin, metadata::jsonb, conversation_id
    from unnest(
        $2::timestamptz[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::numeric[], $10::text[], $11::text[], $12::bigint[], $13::text[],
        $14::text[], $15::text[], $16::text[], $17::text[], $18::uuid[]
    ) as entry (
        logged_at, log_id, provider, model, input_tokens, output_tokens,
        cached_input_tokens, cost, cost_status, pricing, latency_ms, alias, profile, origin,
        id_at_origin, metadata, conversation_id
    )
    on conflict do nothing
    returning conversation_id, cost
), more as (
    select conversation_id, sum(cost) as cost from added
    where conversation_id is not null and cost <> 0
    group by conversation_id
), locked as (
    select conversation_id from {schema}.conversations
    where api_key_id = $1 and conversation_id in (select conversation_id from more)
    order by conversation_id
    for update
)
update {schema}.conversations as conversation set total_cost = total_cost + more.cost
from more
where conversation.api_key_id = $1
  and conversation.conversation_id = more.conversation_id
  and (select count(*) from locked) > 0

-- name: await_log
insert into {schema}.awaited_logs (
    api_key_id, conversation_id, logged_at, log_id, provider, model, input_tokens, output_tokens,
    cached_input_tokens
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: claim
-- Deleting is claiming: of two logs at once one gets the row. A call that came without tokens is
-- known by the rest.
delete from {schema}.awaited_logs as awaited
using unnest(
    $2::int[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[]
) as entry (
    index, conversation_id, provider, model, input_tokens, output_tokens, cached_input_tokens
)
where awaited.api_key_id = $1
  and awaited.conversation_id = entry.conversation_id
  and awaited.provider = entry.provider and awaited.model = entry.model
  and (
      awaited.input_tokens is null
      or (awaited.input_tokens, awaited.output_tokens, awaited.cached_input_tokens)
          = (entry.input_tokens, entry.output_tokens, entry.cached_input_tokens)
  )
returning entry.index, awaited.logged_at, awaited.log_id

-- name: complete
-- A cost that is given outweighs a priced one, that one an unknown one; of equals the later counts.
-- A row that a receipt certifies stays as it is.
with row as (
    select
        log_id, logged_at, cost, cost_status,
        array_position(array['unpriced', 'priced', 'given'], $5)
            >= array_position(array['unpriced', 'priced', 'given'], cost_status) as is_outweighed,
        exists (
            select from {schema}.certified_logs where api_key_id = $1 and certified_logs.log_id = $3
        ) as is_certified
    from {schema}.usage_logs
    where api_key_id = $1 and logged_at = $2 and log_id = $3
    for update
), completed as (
    update {schema}.usage_logs as call set
        cost = case when is_outweighed then $4::numeric else call.cost end,
        cost_status = case when is_outweighed then $5 else call.cost_status end,
        pricing = case when is_outweighed then $6::jsonb else call.pricing end,
        input_tokens = $7,
        output_tokens = $8,
        cached_input_tokens = $9,
        latency_ms = coalesce($10, latency_ms),
        alias = coalesce($11, alias),
        profile = coalesce($12, profile),
        origin = coalesce($13, origin),
        metadata = coalesce(metadata, '{}') || $14::jsonb
    from row
    where call.api_key_id = $1 and call.logged_at = $2 and call.log_id = $3 and not is_certified
    returning
        call.log_id, call.logged_at, call.cost, call.cost_status,
        coalesce(call.cost, 0) - coalesce(row.cost, 0) as more
), counted as (
    update {schema}.conversations set total_cost = total_cost + completed.more
    from completed
    where api_key_id = $1 and conversation_id = $15 and completed.more <> 0
)
select log_id, logged_at as timestamp, cost, cost_status from completed
union all
select log_id, logged_at as timestamp, cost, cost_status from row where is_certified

-- name: forget_awaited
delete from {schema}.awaited_logs where logged_at < $1
