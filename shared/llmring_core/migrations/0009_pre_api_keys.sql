-- The keys that an operator makes, where LLMRING_AUTH_MODE is registered.

create table {schema}.api_keys (
    key_id uuid primary key,
    key_hash bytea not null,
    api_key_id varchar(255) not null,
    project text not null,
    name text not null,
    scopes text[] not null,
    hint text not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);

create unique index api_keys_by_hash on {schema}.api_keys (key_hash);

comment on table {schema}.api_keys is 'Never the keys themselves.';
comment on column {schema}.api_keys.key_hash is 'HMAC-SHA-256 of the key under LLMRING_KEY_PEPPER.';
comment on column {schema}.api_keys.api_key_id is 'The project, as the rows of all tables carry it.';
comment on column {schema}.api_keys.hint is 'The first characters of the key, by which its owner knows it again.';
comment on column {schema}.api_keys.last_used_at is 'To within a minute.';
