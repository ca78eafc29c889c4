-- name: list
-- A page ends early rather than getting larger than so many bytes; its first row always comes.
select
    log_id, logged_at, provider, model, input_tokens, output_tokens, cached_input_tokens, cost,
    cost_status, latency_ms, alias, profile, origin, id_at_origin, metadata::text as metadata, found
from (
    select
        page.*, count(*) over () as found,
        sum(size) over (order by logged_at desc, log_id desc) - size as bytes_before
    from (
        select *, coalesce(octet_length(metadata::text), 0) as size
        from {schema}.usage_logs
        where api_key_id = $1
          and logged_at >= $2 and logged_at < $3
          and (logged_at, log_id) < ($4, $5::uuid)
          and ($6::text is null or alias = $6)
          and ($7::text is null or model = $7)
          and ($8::text is null or origin = $8)
          and ($9::text is null or provider = $9)
          and ($10::text is null or profile = $10)
        order by logged_at desc, log_id desc
        limit $11 offset $12
    ) as page
) as weighed
where bytes_before < $13
order by logged_at desc, log_id desc

-- name: find
select
    log_id, logged_at, provider, model, input_tokens, output_tokens, cached_input_tokens, cost,
    cost_status, latency_ms, alias, profile, origin, id_at_origin, metadata::text as metadata,
    pricing::text as pricing
from {schema}.usage_logs
where api_key_id = $1 and logged_at >= $2 and logged_at < $3 and log_id = $4

-- name: awaiting_prices
select api_key_id, logged_at, log_id, provider, model, input_tokens, output_tokens, cached_input_tokens
from {schema}.usage_logs
where pricing @> '{"awaiting_registry": true}'
order by logged_at
limit $1

-- name: set_prices
with priced as (
    update {schema}.usage_logs as call
    set cost = found.cost, cost_status = found.cost_status, pricing = found.pricing::jsonb
    from unnest($1::text[], $2::timestamptz[], $3::uuid[], $4::numeric[], $5::text[], $6::text[])
        as found (api_key_id, logged_at, log_id, cost, cost_status, pricing)
    where call.api_key_id = found.api_key_id
      and call.logged_at = found.logged_at
      and call.log_id = found.log_id
      and call.pricing @> '{"awaiting_registry": true}'
    returning call.api_key_id, call.conversation_id, call.cost
), more as (
    select api_key_id, conversation_id, sum(cost) as cost from priced
    where conversation_id is not null and cost <> 0
    group by api_key_id, conversation_id
), locked as (
    select api_key_id from {schema}.conversations
    where (api_key_id, conversation_id) in (select api_key_id, conversation_id from more)
    order by api_key_id, conversation_id
    for update
)
update {schema}.conversations as conversation set total_cost = total_cost + more.cost
from more
where conversation.api_key_id = more.api_key_id
  and conversation.conversation_id = more.conversation_id
  and (select count(*) from locked) > 0
