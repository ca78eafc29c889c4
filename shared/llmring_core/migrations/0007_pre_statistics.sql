-- Sums of the usage logs, for statistics that take no longer as rows pile up.

create table {schema}.usage_changes (
    api_key_id varchar(255) not null,
    hour timestamptz not null,
    model text not null,
    alias text,
    origin text,
    requests bigint not null,
    unpriced_requests bigint not null,
    cost numeric not null,
    input_tokens numeric not null,
    output_tokens numeric not null,
    cached_input_tokens numeric not null
);

create index usage_changes_by_project on {schema}.usage_changes (api_key_id, hour);

comment on table {schema}.usage_changes is 'What writes to usage_logs changed in the sums of an hour and is not in usage_sums yet. A write adds a row of its own here, so that writers never wait for one another.';

create table {schema}.usage_sums (
    api_key_id varchar(255) not null,
    grain text not null,
    start timestamptz not null,
    dimension text not null,
    name text not null,
    requests bigint not null,
    unpriced_requests bigint not null,
    cost numeric not null,
    input_tokens numeric not null,
    output_tokens numeric not null,
    cached_input_tokens numeric not null,
    primary key (api_key_id, grain, start, dimension, name)
) with (fillfactor = 80);

comment on table {schema}.usage_sums is 'Sums of the usage logs over an hour or a day (UTC), over all calls or those of one model, alias or origin.';
comment on column {schema}.usage_sums.grain is 'hour or day.';
comment on column {schema}.usage_sums.dimension is 'all (then the name is empty), model, alias or origin.';
comment on column {schema}.usage_sums.cost is 'USD, without the unpriced calls.';

-- Triggers rather than a part of each statement: whatever writes to usage_logs is counted, be it an
-- older version of the server during a deployment or an operator's own SQL. They run as their owner:
-- who may write logs need not have a right to the notes.
create function {schema}.note_usage_added() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into {schema}.usage_changes
    select
        api_key_id, date_bin('1 hour', logged_at, 'epoch'), model, alias, origin,
        count(*), count(*) filter (where cost is null), coalesce(sum(cost), 0),
        sum(input_tokens), sum(output_tokens), sum(cached_input_tokens)
    from new_rows
    group by 1, 2, 3, 4, 5;
    return null;
end
$$;

create function {schema}.note_usage_removed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into {schema}.usage_changes
    select
        api_key_id, date_bin('1 hour', logged_at, 'epoch'), model, alias, origin,
        -count(*), -count(*) filter (where cost is null), -coalesce(sum(cost), 0),
        -sum(input_tokens), -sum(output_tokens), -sum(cached_input_tokens)
    from old_rows
    group by 1, 2, 3, 4, 5;
    return null;
end
$$;

-- A change takes a row out as it was and puts it in as it is: two triggers, as one has one function.
create trigger usage_logs_added after insert on {schema}.usage_logs
    referencing new table as new_rows
    for each statement execute function {schema}.note_usage_added();
create trigger usage_logs_changed_from after update on {schema}.usage_logs
    referencing old table as old_rows
    for each statement execute function {schema}.note_usage_removed();
create trigger usage_logs_changed_to after update on {schema}.usage_logs
    referencing new table as new_rows
    for each statement execute function {schema}.note_usage_added();
create trigger usage_logs_removed after delete on {schema}.usage_logs
    referencing old table as old_rows
    for each statement execute function {schema}.note_usage_removed();

-- What is there already, as notes that are folded later. Writers wait meanwhile, since the triggers
-- were made: three to four seconds per million rows on a small machine.
insert into {schema}.usage_changes
select
    api_key_id, date_bin('1 hour', logged_at, 'epoch'), model, alias, origin,
    count(*), count(*) filter (where cost is null), coalesce(sum(cost), 0),
    sum(input_tokens), sum(output_tokens), sum(cached_input_tokens)
from {schema}.usage_logs
group by 1, 2, 3, 4, 5;
