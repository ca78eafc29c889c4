-- name: add
insert into {schema}.api_keys (
    key_id, key_hash, api_key_id, project, name, scopes, hint, pepper_id, created_at,
    expires_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
returning
    key_id, api_key_id, project, name, scopes, hint, created_at, expires_at, revoked_at,
    replaced_at, last_used_at

-- name: list
select
    key_id, api_key_id, project, name, scopes, hint, created_at, expires_at, revoked_at,
    replaced_at, last_used_at
from {schema}.api_keys
where ($1::text is null or project = $1) and key_id < $2
order by key_id desc
limit $3

-- name: hold
-- Until the transaction ends, so that of several that would replace a key one does.
select api_key_id, project, name, scopes, created_at, expires_at, revoked_at, replaced_at
from {schema}.api_keys where key_id = $1
for update

-- name: replace
-- It ends when the overlap is over, if it does not end before.
update {schema}.api_keys set expires_at = least(expires_at, $2), replaced_at = $3
where key_id = $1
returning expires_at

-- name: one_at_a_time
select pg_advisory_xact_lock(hashtextextended($1, 0))

-- name: rows_of_project
select api_key_id from {schema}.api_keys where project = $1 order by key_id desc limit 1

-- name: adopter
select project from {schema}.api_keys where api_key_id = $1 limit 1

-- name: anything_kept
-- The sums stay when retention takes the calls, and changes are what is not in them yet.
select exists (select from {schema}.usage_sums where api_key_id = $1)
    or exists (select from {schema}.usage_changes where api_key_id = $1)
    or exists (select from {schema}.usage_logs where api_key_id = $1)
    or exists (select from {schema}.receipts where api_key_id = $1)
    or exists (select from {schema}.conversations where api_key_id = $1)
    or exists (select from {schema}.templates where api_key_id = $1)
    or exists (select from {mcp_schema}.servers where api_key_id = $1)

-- name: revoke
update {schema}.api_keys set revoked_at = coalesce(revoked_at, $2) where key_id = $1
returning key_id
