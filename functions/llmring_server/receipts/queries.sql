-- name: add
insert into {schema}.receipts (
    api_key_id, receipt_id, row_id, timestamp, key_id, model, alias, profile, canonical,
    certified_rows
)
select $1, $2, $3, $4, $5::text, $6, $7, $8, $9, $10
where not $11::bool
   or exists (select from {schema}.signing_keys where key_id = $5::text and not_after is null)
on conflict (api_key_id, receipt_id) do nothing
returning receipt_id

-- name: find
select canonical, certified_rows from {schema}.receipts
where api_key_id = $1 and receipt_id = $2

-- name: list
with page as (
    select row_id, timestamp, canonical from {schema}.receipts
    where api_key_id = $1
      and timestamp >= $2 and timestamp < $3
      and (timestamp, row_id) < ($4, $5::uuid)
      and ($6::text is null or model = $6)
      and ($7::text is null or alias = $7)
      and ($8::text is null or profile = $8)
      and ($9::text is null or key_id = $9)
      and ($10::bool is null or (certified_rows is not null) = $10)
    order by timestamp desc, row_id desc
    limit $11 offset $12
), weighed as (
    select
        row_id, timestamp, canonical, count(*) over () as found,
        sum(length(canonical)) over (order by timestamp desc, row_id desc) - length(canonical)
            as bytes_before
    from page
)
select row_id, timestamp, canonical, found from weighed
where bytes_before < $13
order by timestamp desc, row_id desc

-- name: one_at_a_time
select pg_try_advisory_xact_lock(
    hashtextextended(concat_ws(' ', 'llmring-server certify', $1::text), 0)
)

-- name: logs_of_period
select
    log_id, logged_at, provider, model, input_tokens, output_tokens, cached_input_tokens, cost,
    cost_status, latency_ms, alias, profile, origin, id_at_origin, metadata::text as metadata
from {schema}.usage_logs as call
where api_key_id = $1
  and logged_at >= $2 and logged_at < $3
  and (logged_at, log_id) > ($4, $5::uuid)
  and (pricing @> '{"awaiting_registry": true}') is not true
  and (not $6::bool or not exists (
      select from {schema}.certified_logs as certified
      where certified.api_key_id = $1 and certified.log_id = call.log_id
  ))
order by logged_at, log_id
limit $7

-- name: logs_of_conversation
select
    log_id, logged_at, provider, model, input_tokens, output_tokens, cached_input_tokens, cost,
    cost_status, latency_ms, alias, profile, origin, id_at_origin, metadata::text as metadata
from {schema}.usage_logs
where api_key_id = $1 and conversation_id = $2
  and (logged_at, log_id) > ($3, $4::uuid)
  and (pricing @> '{"awaiting_registry": true}') is not true
order by logged_at, log_id
limit $5

-- name: logs_by_id
select
    call.log_id, call.logged_at, provider, model, input_tokens, output_tokens,
    cached_input_tokens, cost, cost_status, latency_ms, alias, profile, origin, id_at_origin,
    metadata::text as metadata,
    (pricing @> '{"awaiting_registry": true}') is true as awaits_price
from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) as wanted (log_id, since, until)
join {schema}.usage_logs as call
    on call.api_key_id = $1
    and call.logged_at >= wanted.since and call.logged_at < wanted.until
    and call.log_id = wanted.log_id
order by call.logged_at, call.log_id

-- name: count_awaiting
select count(*) from {schema}.usage_logs
where api_key_id = $1 and logged_at >= $2 and logged_at < $3
  and ($4::uuid is null or conversation_id = $4)
  and pricing @> '{"awaiting_registry": true}'

-- name: uncertified
select
    log_id, logged_at, provider, model, input_tokens, output_tokens, cached_input_tokens, cost,
    cost_status, latency_ms, alias, profile, origin, id_at_origin, metadata::text as metadata, found
from (
    select
        page.*, count(*) over () as found,
        sum(size) over (order by logged_at desc, log_id desc) - size as bytes_before
    from (
        select *, coalesce(octet_length(metadata::text), 0) as size
        from {schema}.usage_logs as call
        where api_key_id = $1
          and logged_at >= $2 and logged_at < $3
          and (logged_at, log_id) < ($4, $5::uuid)
          and not exists (
              select from {schema}.certified_logs as certified
              where certified.api_key_id = $1 and certified.log_id = call.log_id
          )
        order by logged_at desc, log_id desc
        limit $6 offset $7
    ) as page
) as weighed
where bytes_before < $8
order by logged_at desc, log_id desc

-- name: add_leaves
insert into {schema}.certified_logs (
    api_key_id, receipt_id, leaf_index, log_id, logged_at, leaf_hash
)
select $1, $2, leaf_index - 1, log_id, logged_at, leaf_hash
from unnest($3::uuid[], $4::timestamptz[], $5::bytea[]) with ordinality
    as leaf (log_id, logged_at, leaf_hash, leaf_index)

-- name: leaf_hashes
select leaf_hash from {schema}.certified_logs
where api_key_id = $1 and receipt_id = $2
order by leaf_index

-- name: leaves
select
    certified.log_id, certified.leaf_index, certified.leaf_hash,
    call.log_id is not null as is_there, certified.logged_at,
    provider, model, input_tokens, output_tokens, cached_input_tokens, cost, cost_status,
    latency_ms, alias, profile, origin, id_at_origin, metadata::text as metadata
from {schema}.certified_logs as certified
left join {schema}.usage_logs as call
    on call.api_key_id = $1
    and call.logged_at = certified.logged_at
    and call.log_id = certified.log_id
where certified.api_key_id = $1 and certified.receipt_id = $2
  and ($3::uuid is null or certified.leaf_index > (
      select leaf_index from {schema}.certified_logs
      where api_key_id = $1 and receipt_id = $2 and log_id = $3
  ))
order by certified.leaf_index
limit $4 offset $5

-- name: find_leaf
select
    certified.log_id, certified.leaf_index, certified.leaf_hash,
    call.log_id is not null as is_there, certified.logged_at,
    provider, model, input_tokens, output_tokens, cached_input_tokens, cost, cost_status,
    latency_ms, alias, profile, origin, id_at_origin, metadata::text as metadata
from {schema}.certified_logs as certified
left join {schema}.usage_logs as call
    on call.api_key_id = $1
    and call.logged_at = certified.logged_at
    and call.log_id = certified.log_id
where certified.api_key_id = $1 and certified.log_id = $3 and certified.receipt_id = $2
