-- name: add
insert into {schema}.templates (
    api_key_id, template_id, created_at, updated_at, name, description, system_prompt, model_alias,
    temperature, max_tokens, tool_config, metadata, created_by
)
values ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11::jsonb, $12)
returning
    template_id as id, name, description, system_prompt, model_alias, temperature, max_tokens,
    tool_config::text as tool_config, metadata::text as metadata, created_by, created_at,
    updated_at, usage_count, last_used_at

-- name: find
select
    template_id as id, name, description, system_prompt, model_alias, temperature, max_tokens,
    tool_config::text as tool_config, metadata::text as metadata, created_by, created_at,
    updated_at, usage_count, last_used_at
from {schema}.templates
where api_key_id = $1 and template_id = $2

-- name: list
select
    template_id as id, name, description, system_prompt, model_alias, temperature, max_tokens,
    tool_config::text as tool_config, metadata::text as metadata, created_by, created_at,
    updated_at, usage_count, last_used_at, found
from (
    select
        page.*, count(*) over () as found,
        sum(size) over (order by created_at desc, template_id desc) - size as bytes_before
    from (
        select
            *, octet_length(concat(description, system_prompt, tool_config, metadata)) as size
        from {schema}.templates
        where api_key_id = $1
          and (created_at, template_id) < ($2, $3::uuid)
          and ($4::text is null or name = $4)
          and ($5::text is null or created_by = $5)
        order by created_at desc, template_id desc
        limit $6 offset $7
    ) as page
) as weighed
where bytes_before < $8
order by created_at desc, template_id desc

-- name: change
update {schema}.templates set
    name = case when 'name' = any($3::text[]) then $4 else name end,
    description = case when 'description' = any($3::text[]) then $5 else description end,
    system_prompt = case when 'system_prompt' = any($3::text[]) then $6 else system_prompt end,
    model_alias = case when 'model_alias' = any($3::text[]) then $7 else model_alias end,
    temperature = case when 'temperature' = any($3::text[]) then $8 else temperature end,
    max_tokens = case when 'max_tokens' = any($3::text[]) then $9 else max_tokens end,
    tool_config = case when 'tool_config' = any($3::text[]) then $10::jsonb else tool_config end,
    metadata = case when 'metadata' = any($3::text[]) then $11::jsonb else metadata end,
    created_by = case when 'created_by' = any($3::text[]) then $12 else created_by end,
    updated_at = greatest(updated_at, now())
where api_key_id = $1 and template_id = $2
returning
    template_id as id, name, description, system_prompt, model_alias, temperature, max_tokens,
    tool_config::text as tool_config, metadata::text as metadata, created_by, created_at,
    updated_at, usage_count, last_used_at

-- name: use
update {schema}.templates set usage_count = usage_count + 1, last_used_at = now()
where api_key_id = $1 and template_id = $2
returning
    template_id as id, name, description, system_prompt, model_alias, temperature, max_tokens,
    tool_config::text as tool_config, metadata::text as metadata, created_by, created_at,
    updated_at, usage_count, last_used_at

-- name: delete
delete from {schema}.templates
where api_key_id = $1 and template_id = $2
returning template_id

-- name: totals
select
    count(*) as total_templates, coalesce(sum(usage_count), 0)::bigint as total_uses,
    count(*) filter (where usage_count = 0) as unused_templates
from {schema}.templates
where api_key_id = $1

-- name: most_used
select template_id as id, name, usage_count, last_used_at
from {schema}.templates
where api_key_id = $1 and usage_count > 0
order by usage_count desc, name
limit 10
