-- Under which pepper a key was hashed, so that an operator learns why none opens any more.

alter table {schema}.api_keys add column pepper_id bytea;

comment on column {schema}.api_keys.pepper_id is 'Tells peppers apart; null of keys older than the column.';
