-- Usage logs, the keys that make a repeated write harmless, and the last good registry.

create table {schema}.usage_logs (
    api_key_id varchar(255) not null,
    logged_at timestamptz not null,
    log_id uuid not null,
    provider text not null,
    model text not null,
    input_tokens bigint not null,
    output_tokens bigint not null,
    cached_input_tokens bigint not null,
    cost numeric,
    cost_status text not null,
    pricing jsonb,
    latency_ms bigint,
    alias text,
    profile text,
    origin text,
    id_at_origin text,
    metadata jsonb,
    primary key (api_key_id, logged_at, log_id),
    constraint usage_logs_cost_status check (
        cost_status in ('given', 'priced', 'unpriced') and (cost is null) = (cost_status = 'unpriced')
    )
) partition by range (logged_at);

comment on table {schema}.usage_logs is 'One row per model call.';
comment on column {schema}.usage_logs.api_key_id is 'The project: derived from its API key, or the key as a host passed it.';
comment on column {schema}.usage_logs.logged_at is 'When the call was made; log_id is a UUIDv7 of the same millisecond.';
comment on column {schema}.usage_logs.cost is 'USD; null while nobody knows the price.';
comment on column {schema}.usage_logs.pricing is 'Which prices of which registry version made the cost, or why there is none.';

create table {schema}.usage_logs_default partition of {schema}.usage_logs default;

-- Holds only the rows that were logged while no registry was at hand.
create index usage_logs_awaiting_prices on {schema}.usage_logs (logged_at)
    where pricing @> '{"awaiting_registry": true}';

create table {schema}.idempotency_keys (
    api_key_id varchar(255) not null,
    endpoint text not null,
    idempotency_key varchar(255) not null,
    body_hash bytea not null,
    answer text not null,
    created_at timestamptz not null default now(),
    primary key (api_key_id, endpoint, idempotency_key)
);

create index idempotency_keys_created_at on {schema}.idempotency_keys (created_at);

create table {schema}.registry_copies (
    base_url text not null,
    provider text not null,
    body text not null,
    etag text,
    last_modified text,
    fetched_at timestamptz not null,
    checked_at timestamptz not null,
    primary key (base_url, provider)
);

comment on table {schema}.registry_copies is 'The last good copy of the public registry; the provider "" holds its manifest.';
