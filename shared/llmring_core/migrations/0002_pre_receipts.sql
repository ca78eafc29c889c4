-- Receipts, the public keys that verify them, and which usage logs they certify.

create table {schema}.signing_keys (
    key_id varchar(255) primary key,
    public_key bytea not null unique,
    not_before timestamptz not null default now(),
    not_after timestamptz,
    constraint signing_keys_public_key check (length(public_key) = 32)
);

comment on table {schema}.signing_keys is 'Every public key that ever belonged to this server.';
comment on column {schema}.signing_keys.not_after is 'When another key took over; null for the one that signs.';

create unique index signing_keys_one_signs on {schema}.signing_keys ((true)) where not_after is null;

create table {schema}.receipts (
    api_key_id varchar(255) not null,
    receipt_id varchar(255) not null,
    row_id uuid not null,
    timestamp timestamptz not null,
    key_id varchar(255) not null references {schema}.signing_keys,
    model text,
    alias text,
    profile text,
    canonical bytea not null,
    certified_rows int,
    stored_at timestamptz not null default now(),
    primary key (api_key_id, receipt_id)
);

comment on column {schema}.receipts.row_id is 'A UUIDv7 of the timestamp; orders receipts of the same time.';
comment on column {schema}.receipts.canonical is 'The receipt in canonical form (RFC 8785), signature included: what was signed is what is kept.';
comment on column {schema}.receipts.certified_rows is 'How many usage logs it certifies; null if it was not made from them.';

create index receipts_by_time on {schema}.receipts (api_key_id, timestamp, row_id);

create table {schema}.certified_logs (
    api_key_id varchar(255) not null,
    receipt_id varchar(255) not null,
    leaf_index int not null,
    log_id uuid not null,
    logged_at timestamptz not null,
    leaf_hash bytea not null,
    primary key (api_key_id, receipt_id, leaf_index),
    foreign key (api_key_id, receipt_id) references {schema}.receipts
);

comment on table {schema}.certified_logs is 'The leaves of the Merkle tree (RFC 6962) of a receipt over usage logs.';

create index certified_logs_by_log on {schema}.certified_logs (api_key_id, log_id);
