-- name: statistics
-- Whole days, the hours around them, what is not summed up yet, and the rows of hours that are cut;
-- one statement, so that all of it is of one moment. $10: days in the zone asked for are days in UTC.
-- $11: hours that a bound of the period cuts, and that count for it, whole, where the rows have left.
with cut as materialized (
    -- Hours in which a day begins: on which side of midnight a call was made, only its row can tell.
    -- Where the rows have left, such an hour belongs to the day on which it begins.
    select hour
    from (
        select start as hour from {schema}.usage_sums
        where not $10 and api_key_id = $1 and grain = 'hour' and start >= $6 and start < $7
          and dimension = 'all'
        union
        select hour from {schema}.usage_changes
        where not $10 and api_key_id = $1 and hour >= $6 and hour < $7
    ) as summed
    where hour >= (select kept_from from {schema}.usage_kept)
      and (hour at time zone $5)::date
          <> ((hour + interval '1 hour - 1 microsecond') at time zone $5)::date
), part as (
    select dimension, name, start, requests, unpriced_requests, cost, input_tokens, output_tokens, cached_input_tokens
    from {schema}.usage_sums
    where api_key_id = $1 and grain = 'day' and start >= $8 and start < $9
      and ($10 or dimension in ('alias', 'origin'))
    union all
    select dimension, name, start, requests, unpriced_requests, cost, input_tokens, output_tokens, cached_input_tokens
    from {schema}.usage_sums
    where api_key_id = $1 and grain = 'hour' and start >= $6 and start < $8
      and ($10 or dimension in ('alias', 'origin'))
    union all
    select dimension, name, start, requests, unpriced_requests, cost, input_tokens, output_tokens, cached_input_tokens
    from {schema}.usage_sums
    where api_key_id = $1 and grain = 'hour' and start >= $9 and start < $7
      and ($10 or dimension in ('alias', 'origin'))
    union all
    select dimension, name, start, requests, unpriced_requests, cost, input_tokens, output_tokens, cached_input_tokens
    from {schema}.usage_sums
    where not $10 and api_key_id = $1 and grain = 'hour' and start >= $6 and start < $7
      and dimension in ('all', 'model') and start not in (select hour from cut)
    union all
    select dimension, name, start, requests, unpriced_requests, cost, input_tokens, output_tokens, cached_input_tokens
    from {schema}.usage_sums
    where api_key_id = $1 and grain = 'hour' and start = any ($11::timestamptz[])
      and start < (select kept_from from {schema}.usage_kept)
    union all
    select part.dimension, part.name, hour, requests, unpriced_requests, cost, input_tokens, output_tokens, cached_input_tokens
    from {schema}.usage_changes
    cross join lateral (
        values ('all', ''), ('model', model), ('alias', alias), ('origin', origin)
    ) as part (dimension, name)
    where api_key_id = $1 and hour >= $6 and hour < $7 and part.name is not null
      and (dimension in ('alias', 'origin') or hour not in (select hour from cut))
    union all
    select part.dimension, part.name, hour, requests, unpriced_requests, cost, input_tokens, output_tokens, cached_input_tokens
    from {schema}.usage_changes
    cross join lateral (
        values ('all', ''), ('model', model), ('alias', alias), ('origin', origin)
    ) as part (dimension, name)
    where api_key_id = $1 and hour = any ($11::timestamptz[]) and part.name is not null
      and hour < (select kept_from from {schema}.usage_kept)
    union all
    select part.dimension, part.name, logged_at, 1, (cost is null)::int, coalesce(cost, 0), input_tokens, output_tokens, cached_input_tokens
    from cut
    cross join lateral (
        -- With an offset, so that it is the index that is read, hour by hour.
        select * from {schema}.usage_logs
        where api_key_id = $1 and logged_at >= hour and logged_at < hour + interval '1 hour'
        offset 0
    ) as cut_row
    cross join lateral (values ('all', ''), ('model', model)) as part (dimension, name)
    union all
    select part.dimension, part.name, logged_at, 1, (cost is null)::int, coalesce(cost, 0), input_tokens, output_tokens, cached_input_tokens
    from {schema}.usage_logs
    cross join lateral (
        values ('all', ''), ('model', model), ('alias', alias), ('origin', origin)
    ) as part (dimension, name)
    where api_key_id = $1 and logged_at >= $2 and logged_at < $6 and part.name is not null
      and logged_at >= (select kept_from from {schema}.usage_kept)
    union all
    select part.dimension, part.name, logged_at, 1, (cost is null)::int, coalesce(cost, 0), input_tokens, output_tokens, cached_input_tokens
    from {schema}.usage_logs
    cross join lateral (
        values ('all', ''), ('model', model), ('alias', alias), ('origin', origin)
    ) as part (dimension, name)
    where api_key_id = $1 and logged_at >= $7 and logged_at < $3 and part.name is not null
      and logged_at >= (select kept_from from {schema}.usage_kept)
), counted as (
    select date_trunc($4, start at time zone $5)::date as period, name, sum(requests) as requests
    from part
    where dimension = 'model'
    group by 1, 2
), busiest as (
    select distinct on (period) period, name
    from counted
    where requests > 0
    order by period, requests desc, name collate "C"
), summed as (
    -- By day, week or month over all calls, and by name over all of the time.
    select
        dimension, case when dimension <> 'all' then name end as name,
        case when dimension = 'all' then date_trunc($4, start at time zone $5)::date end as period,
        sum(requests) as requests,
        sum(unpriced_requests) as unpriced_requests,
        sum(cost) as cost,
        sum(input_tokens) as input_tokens,
        sum(output_tokens) as output_tokens,
        sum(cached_input_tokens) as cached_input_tokens
    from part
    group by 1, 2, 3
    having sum(requests) <> 0
), total as (
    select
        'total', null, null::date, sum(requests), sum(unpriced_requests), sum(cost),
        sum(input_tokens), sum(output_tokens), sum(cached_input_tokens)
    from summed
    where dimension = 'all'
    having count(*) > 0
)
select
    dimension, coalesce(found.name, busiest.name) as name, period,
    requests::bigint as requests, unpriced_requests::bigint as unpriced_requests, cost,
    input_tokens, output_tokens, cached_input_tokens, input_tokens + output_tokens as total_tokens
from (select * from summed union all select * from total) as found
left join busiest using (period)

-- name: may_fold
select pg_try_advisory_xact_lock(hashtextextended('llmring-server sums of {schema}', 0))

-- name: one_folds
select pg_advisory_xact_lock(hashtextextended('llmring-server sums of {schema}', 0))

-- name: fold
with taken as (
    delete from {schema}.usage_changes
    where ctid = any (array(select ctid from {schema}.usage_changes limit $1))
    returning *
), added as (
    insert into {schema}.usage_sums as known
    select
        api_key_id, grain, start, dimension, name,
        sum(requests), sum(unpriced_requests), sum(cost), sum(input_tokens), sum(output_tokens),
        sum(cached_input_tokens)
    from taken
    cross join lateral (
        values ('hour', hour), ('day', date_bin('1 day', hour, 'epoch'))
    ) as period (grain, start)
    cross join lateral (
        values ('all', ''), ('model', model), ('alias', alias), ('origin', origin)
    ) as part (dimension, name)
    where name is not null
    group by api_key_id, grain, start, dimension, name
    on conflict (api_key_id, grain, start, dimension, name) do update set
        requests = known.requests + excluded.requests,
        unpriced_requests = known.unpriced_requests + excluded.unpriced_requests,
        cost = known.cost + excluded.cost,
        input_tokens = known.input_tokens + excluded.input_tokens,
        output_tokens = known.output_tokens + excluded.output_tokens,
        cached_input_tokens = known.cached_input_tokens + excluded.cached_input_tokens
)
select count(*) from taken

-- name: recount
-- Where the sums, with what is not in them yet, are not what the rows add up to; and, if $1, put
-- right. Months whose rows have left, by retention or by hand, are left out: their sums were to stay.
with counted as (
    select
        api_key_id, date_bin('1 hour', logged_at, 'epoch') as hour, model, alias, origin,
        count(*) as requests, count(*) filter (where cost is null) as unpriced_requests,
        coalesce(sum(cost), 0) as cost, sum(input_tokens) as input_tokens,
        sum(output_tokens) as output_tokens, sum(cached_input_tokens) as cached_input_tokens
    from {schema}.usage_logs
    group by 1, 2, 3, 4, 5
), months as (
    select distinct date_trunc('month', hour, 'UTC') as month from counted
), missing as (
    select * from counted
    union all
    select
        api_key_id, hour, model, alias, origin, -requests, -unpriced_requests, -cost,
        -input_tokens, -output_tokens, -cached_input_tokens
    from {schema}.usage_changes
), difference as (
    select
        api_key_id, grain, start, dimension, name, -requests as requests,
        -unpriced_requests as unpriced_requests, -cost as cost, -input_tokens as input_tokens,
        -output_tokens as output_tokens, -cached_input_tokens as cached_input_tokens
    from {schema}.usage_sums
    union all
    select
        api_key_id, grain, start, dimension, name, requests, unpriced_requests, cost,
        input_tokens, output_tokens, cached_input_tokens
    from missing
    cross join lateral (
        values ('hour', hour), ('day', date_bin('1 day', hour, 'epoch'))
    ) as period (grain, start)
    cross join lateral (
        values ('all', ''), ('model', model), ('alias', alias), ('origin', origin)
    ) as part (dimension, name)
    where name is not null
), lacking as (
    select
        api_key_id, grain, start, dimension, name, sum(requests) as requests,
        sum(unpriced_requests) as unpriced_requests, sum(cost) as cost,
        sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
        sum(cached_input_tokens) as cached_input_tokens
    from difference
    where date_trunc('month', start, 'UTC') in (select month from months)
      and start >= (select kept_from from {schema}.usage_kept)
    group by 1, 2, 3, 4, 5
    having sum(requests) <> 0 or sum(unpriced_requests) <> 0 or sum(cost) <> 0
        or sum(input_tokens) <> 0 or sum(output_tokens) <> 0 or sum(cached_input_tokens) <> 0
), repaired as (
    insert into {schema}.usage_sums as known
    select * from lacking where $1
    on conflict (api_key_id, grain, start, dimension, name) do update set
        requests = known.requests + excluded.requests,
        unpriced_requests = known.unpriced_requests + excluded.unpriced_requests,
        cost = known.cost + excluded.cost,
        input_tokens = known.input_tokens + excluded.input_tokens,
        output_tokens = known.output_tokens + excluded.output_tokens,
        cached_input_tokens = known.cached_input_tokens + excluded.cached_input_tokens
)
select
    api_key_id, grain, start, dimension, name, -requests::bigint as requests, -cost as cost
from lacking
order by 1, 2, 3, 4, 5
