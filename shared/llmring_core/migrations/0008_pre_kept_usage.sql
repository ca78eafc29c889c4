-- From when on the usage logs are there. What is older left by retention, and only its sums are known.

create table {schema}.usage_kept (
    is_only_row boolean primary key default true check (is_only_row),
    kept_from timestamptz not null
);

comment on table {schema}.usage_kept is 'One row. A call of an earlier time may still come late, and stays until the next retention.';

insert into {schema}.usage_kept (kept_from)
select coalesce(
    (
        -- Months that left before this was written down.
        select oldest.month
        from (
            select date_trunc('month', coalesce(min(logged_at), now()), 'UTC') as month
            from {schema}.usage_logs
        ) as oldest
        where exists (
            select from {schema}.usage_sums where grain = 'day' and start < oldest.month
        )
    ),
    '-infinity'
);
