-- name: pending_changes
-- Counted up to a number that says enough: a scrape must not take longer, the later the sums are.
select count(*) from (select from {schema}.usage_changes limit 100000) as pending
