-- name: claim
select pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', $1::text, $2::text, $3::text), 0))

-- name: earlier
select body_hash, answer from {schema}.idempotency_keys
where api_key_id = $1 and endpoint = $2 and idempotency_key = $3
  and created_at > now() - interval '24 hours'

-- name: remember
insert into {schema}.idempotency_keys (api_key_id, endpoint, idempotency_key, body_hash, answer)
values ($1, $2, $3, $4, $5)
on conflict (api_key_id, endpoint, idempotency_key) do update set
    body_hash = excluded.body_hash, answer = excluded.answer, created_at = now()

-- name: forget_old
delete from {schema}.idempotency_keys where created_at <= now() - interval '24 hours'
