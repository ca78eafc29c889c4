-- name: copies
select provider, body, etag, last_modified, fetched_at, checked_at
from {schema}.registry_copies
where base_url = $1

-- name: keep_copies
with wanted as (
    select * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
        as copy (provider, body, etag, last_modified, fetched_at, checked_at)
), gone as (
    delete from {schema}.registry_copies
    where base_url = $1 and provider not in (select provider from wanted)
)
insert into {schema}.registry_copies
    (base_url, provider, body, etag, last_modified, fetched_at, checked_at)
select $1, provider, body, etag, last_modified, fetched_at, checked_at from wanted
on conflict (base_url, provider) do update set
    body = excluded.body, etag = excluded.etag, last_modified = excluded.last_modified,
    fetched_at = excluded.fetched_at, checked_at = excluded.checked_at
where excluded.checked_at >= registry_copies.checked_at
