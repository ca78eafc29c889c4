-- Under which pepper a key was hashed, so that an operator learns why none opens any more; and when
-- a key was replaced, so that it is not replaced twice.

alter table {schema}.api_keys add column pepper_id bytea;
alter table {schema}.api_keys add column replaced_at timestamptz;

comment on column {schema}.api_keys.pepper_id is 'Tells peppers apart; null of keys older than the column.';
comment on column {schema}.api_keys.replaced_at is 'When another key was made in its place.';
