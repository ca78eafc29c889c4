-- name: find
select key_id, key_hash, api_key_id, project, scopes, expires_at, last_used_at
from {schema}.api_keys
where key_hash = $1 and revoked_at is null and (expires_at is null or expires_at > $2)

-- name: used
update {schema}.api_keys set last_used_at = $2
where key_id = $1 and (last_used_at is null or last_used_at < $2)

-- name: count
-- The keys that are not over, and how many of them were made under another pepper.
select count(*) as keys, count(*) filter (where pepper_id <> $2) as others
from {schema}.api_keys
where revoked_at is null and (expires_at is null or expires_at > $1)
