-- name: lock
select pg_advisory_xact_lock(hashtextextended('llmring-server signing keys', 0))

-- name: known
select key_id, public_key, not_before, not_after from {schema}.signing_keys
order by not_before desc, key_id

-- name: find
select key_id, public_key, not_before, not_after from {schema}.signing_keys where key_id = $1

-- name: find_like
select key_id, public_key, not_before, not_after from {schema}.signing_keys
where key_id = $1 or public_key = $2
order by key_id = $1 desc
limit 1

-- name: rotate_out
update {schema}.signing_keys set not_after = now() where not_after is null

-- name: add
insert into {schema}.signing_keys (key_id, public_key) values ($1, $2)
returning key_id, public_key, not_before, not_after
