-- name: add_server
insert into {mcp_schema}.servers (
    api_key_id, server_id, created_at, updated_at, name, url, transport_type, auth_type, auth_sealed,
    capabilities, project_id, policy
)
values ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11)
returning
    server_id as id, created_at, updated_at, name, url, transport_type, auth_type,
    capabilities::text as capabilities, project_id, policy, is_active, protocol_version,
    server_info::text as server_info, refreshed_at, refresh_error, refresh_failed_at

-- name: find_server
select
    server_id as id, created_at, updated_at, name, url, transport_type, auth_type,
    capabilities::text as capabilities, project_id, policy, is_active, protocol_version,
    server_info::text as server_info, refreshed_at, refresh_error, refresh_failed_at
from {mcp_schema}.servers
where api_key_id = $1 and server_id = $2 and deleted_at is null

-- name: list_servers
select
    server_id as id, created_at, updated_at, name, url, transport_type, auth_type,
    capabilities::text as capabilities, project_id, policy, is_active, protocol_version,
    server_info::text as server_info, refreshed_at, refresh_error, refresh_failed_at, found
from (
    select
        page.*, count(*) over () as found,
        sum(size) over (order by created_at desc, server_id desc) - size as bytes_before
    from (
        select *, octet_length(concat(url, capabilities, server_info, refresh_error)) as size
        from {mcp_schema}.servers
        where api_key_id = $1 and deleted_at is null
          and (created_at, server_id) < ($2, $3::uuid)
          and ($4::bool is null or is_active = $4)
          and ($5::text is null or project_id = $5)
        order by created_at desc, server_id desc
        limit $6 offset $7
    ) as page
) as weighed
where bytes_before < $8
order by created_at desc, server_id desc

-- name: change_server
update {mcp_schema}.servers set
    name = case when 'name' = any($3::text[]) then $4 else name end,
    url = case when 'url' = any($3::text[]) then $5 else url end,
    transport_type = case when 'transport_type' = any($3::text[]) then $6 else transport_type end,
    auth_type = case when 'auth_config' = any($3::text[]) then $7 else auth_type end,
    auth_sealed = case when 'auth_config' = any($3::text[]) then $8 else auth_sealed end,
    capabilities = case when 'capabilities' = any($3::text[]) then $9::jsonb else capabilities end,
    project_id = case when 'project_id' = any($3::text[]) then $10 else project_id end,
    policy = case when 'policy' = any($3::text[]) then $11 else policy end,
    is_active = case when 'is_active' = any($3::text[]) then $12 else is_active end,
    updated_at = greatest(updated_at, now())
where api_key_id = $1 and server_id = $2 and deleted_at is null
returning
    server_id as id, created_at, updated_at, name, url, transport_type, auth_type,
    capabilities::text as capabilities, project_id, policy, is_active, protocol_version,
    server_info::text as server_info, refreshed_at, refresh_error, refresh_failed_at

-- name: delete_server
with deleted as (
    update {mcp_schema}.servers set
        deleted_at = now(), is_active = false, auth_type = null, auth_sealed = null
    where api_key_id = $1 and server_id = $2 and deleted_at is null
    returning server_id, url
), retired as (
    update {mcp_schema}.definitions set is_active = false
    where api_key_id = $1 and server_id in (select server_id from deleted) and is_active
)
select url from deleted

-- name: hold_server
select server_id from {mcp_schema}.servers
where api_key_id = $1 and server_id = $2 and deleted_at is null
for update

-- name: known_definitions
select kind, name, digest, is_active from {mcp_schema}.definitions
where api_key_id = $1 and server_id = $2

-- name: kept_definitions
select kind, name, definition::text as definition from {mcp_schema}.definitions
where api_key_id = $1 and server_id = $2 and kind = any($3::text[]) and name = any($4::text[])

-- name: add_definitions
with added as (
    insert into {mcp_schema}.definitions (
        api_key_id, definition_id, server_id, kind, name, definition, digest, approved_digest,
        first_seen_at, last_seen_at, size
    )
    select
        $1, definition_id, $2, kind, name, definition::jsonb, digest, digest, $3, $3,
        octet_length(definition)
    from unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[])
        as found (definition_id, kind, name, definition, digest)
    returning definition_id, digest, definition, size
)
insert into {mcp_schema}.definition_versions (
    api_key_id, definition_id, version, change_id, seen_at, digest, definition, size
)
select $1, definition_id, 1, definition_id, $3, digest, definition, size from added

-- name: change_definitions
with changed as (
    update {mcp_schema}.definitions as known set
        definition = found.definition::jsonb, digest = found.digest, version = version + 1,
        size = octet_length(found.definition), is_active = true, last_seen_at = $3
    from unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[])
        as found (change_id, kind, name, definition, digest)
    where known.api_key_id = $1 and known.server_id = $2
      and known.kind = found.kind and known.name = found.name
    returning
        known.definition_id, known.version, change_id, known.digest, known.definition, known.size
)
insert into {mcp_schema}.definition_versions (
    api_key_id, definition_id, version, change_id, seen_at, digest, definition, size
)
select $1, definition_id, version, change_id, $3, digest, definition, size from changed

-- name: see_definitions
update {mcp_schema}.definitions as known set
    is_active = true, last_seen_at = $3
from unnest($4::text[], $5::text[]) as found (kind, name)
where known.api_key_id = $1 and known.server_id = $2
  and known.kind = found.kind and known.name = found.name

-- name: retire_definitions
update {mcp_schema}.definitions as known set
    is_active = false
from unnest($3::text[], $4::text[]) as gone (kind, name)
where known.api_key_id = $1 and known.server_id = $2
  and known.kind = gone.kind and known.name = gone.name

-- name: note_refresh
update {mcp_schema}.servers set
    refreshed_at = $3, refresh_error = null, refresh_failed_at = null
where api_key_id = $1 and server_id = $2

-- name: list_definitions
with place as (
    select definition_id, first_seen_at, size
    from {mcp_schema}.definitions
    join {mcp_schema}.servers using (api_key_id, server_id)
    where api_key_id = $1 and kind = any($2::text[])
      and (first_seen_at, definition_id) < ($3, $4::uuid)
      and ($5::uuid is null or server_id = $5)
      and ($6::bool is null or (definitions.is_active and servers.is_active) = $6)
      and ($7::text is null or servers.project_id = $7)
      and ($8::text is null
          or definitions.name ilike $8 or definition ->> 'description' ilike $8
          or definition ->> 'title' ilike $8)
      and deleted_at is null
    order by first_seen_at desc, definition_id desc
    limit $9 offset $10
), weighed as (
    select
        definition_id, count(*) over () as found,
        sum(size) over (order by first_seen_at desc, definition_id desc) - size as bytes_before
    from place
)
select
    definition_id as id, server_id, kind, definitions.name, definition::text as definition, digest,
    version, approved_digest, definitions.is_active, first_seen_at, last_seen_at,
    servers.name as server_name, servers.is_active as server_is_active, found
from weighed
join {mcp_schema}.definitions using (definition_id)
join {mcp_schema}.servers using (api_key_id, server_id)
where api_key_id = $1 and bytes_before < $11
order by first_seen_at desc, id desc

-- name: find_definition
select
    definition_id as id, server_id, kind, definitions.name, definition::text as definition, digest,
    version, approved_digest, definitions.is_active, first_seen_at, last_seen_at,
    servers.name as server_name, servers.is_active as server_is_active
from {mcp_schema}.definitions
join {mcp_schema}.servers using (api_key_id, server_id)
where api_key_id = $1 and definition_id = $2 and kind = any($3::text[])

-- name: approve
update {mcp_schema}.definitions set approved_digest = digest
where api_key_id = $1 and definition_id = $2 and kind = 'tool'
  and ($3::text is null or digest = $3)
returning definition_id

-- name: changes
with place as (
    select
        definition_id, versions.version, versions.size + previous.size as size, versions.seen_at,
        versions.change_id
    from {mcp_schema}.definition_versions as versions
    join {mcp_schema}.definitions using (api_key_id, definition_id)
    join {mcp_schema}.definition_versions as previous using (api_key_id, definition_id)
    where api_key_id = $1 and server_id = $2 and versions.version > 1
      and previous.version = versions.version - 1
      and (versions.seen_at, versions.change_id) < ($3, $4::uuid)
    order by versions.seen_at desc, versions.change_id desc
    limit $5 offset $6
), weighed as (
    select
        definition_id, version, count(*) over () as found,
        sum(size) over (order by seen_at desc, change_id desc) - size as bytes_before
    from place
)
select
    current.change_id, kind, current.definition_id as id, definitions.name, current.version,
    current.seen_at as changed_at, previous.digest as previous_digest, current.digest,
    approved_digest, previous.definition::text as before, current.definition::text as after, found
from weighed
join {mcp_schema}.definition_versions as current
    on current.api_key_id = $1 and current.definition_id = weighed.definition_id
    and current.version = weighed.version
join {mcp_schema}.definition_versions as previous
    on previous.api_key_id = $1 and previous.definition_id = weighed.definition_id
    and previous.version = weighed.version - 1
join {mcp_schema}.definitions
    on definitions.api_key_id = $1 and definitions.definition_id = weighed.definition_id
where bytes_before < $7
order by current.seen_at desc, current.change_id desc

-- name: add_execution
insert into {mcp_schema}.tool_executions (
    api_key_id, execution_id, executed_at, tool_id, executed_by, status, input, output,
    output_excerpt, output_bytes, output_hash, is_error, error, duration_ms, conversation_id, size
)
select
    $1::text, $2, $3, definition_id, $5, $6, $7::text::jsonb, $8::text::jsonb, $9::text, $10, $11,
    $12, $13::text, $14, $15, octet_length(concat($7::text, $8::text, $9::text, $13::text))
from {mcp_schema}.definitions
where api_key_id = $1::text and definition_id = $4 and kind = 'tool'
returning
    execution_id as id, tool_id, executed_at, executed_by, status, input::text as input,
    output::text as output, output_excerpt, output_bytes, output_hash, is_error, error, duration_ms,
    conversation_id

-- name: target
select
    definitions.name, definition::text as definition, digest, approved_digest,
    definitions.is_active and servers.is_active as is_active, kind,
    url, transport_type, auth_sealed, policy
from {mcp_schema}.definitions
join {mcp_schema}.servers using (api_key_id, server_id)
where api_key_id = $1 and definition_id = $2 and kind = any($3::text[])

-- name: server_target
select url, transport_type, auth_sealed, is_active from {mcp_schema}.servers
where api_key_id = $1 and server_id = $2 and deleted_at is null

-- name: hold_target
select url, transport_type, auth_sealed, is_active from {mcp_schema}.servers
where api_key_id = $1 and server_id = $2 and deleted_at is null
for update

-- name: note_offer
update {mcp_schema}.servers set
    protocol_version = $3, server_info = $4::jsonb, capabilities = $5::jsonb
where api_key_id = $1 and server_id = $2

-- name: note_failure
update {mcp_schema}.servers set refresh_error = $3, refresh_failed_at = now()
where api_key_id = $1 and server_id = $2

-- name: finish_execution
update {mcp_schema}.tool_executions set
    status = $3, output = $4::text::jsonb, output_excerpt = $5::text, output_bytes = $6,
    output_hash = $7, is_error = $8, error = $9::text, duration_ms = $10,
    size = size + octet_length(concat($4::text, $5::text, $9::text))
where api_key_id = $1 and execution_id = $2
returning
    execution_id as id, tool_id, executed_at, executed_by, status, input::text as input,
    output::text as output, output_excerpt, output_bytes, output_hash, is_error, error, duration_ms,
    conversation_id

-- name: find_execution
select
    execution_id as id, tool_id, executed_at, executed_by, status, input::text as input,
    output::text as output, output_excerpt, output_bytes, output_hash, is_error, error, duration_ms,
    conversation_id
from {mcp_schema}.tool_executions
where api_key_id = $1 and execution_id = $2

-- name: sweep
update {mcp_schema}.tool_executions set
    status = 'unknown', error = 'How it ended was not recorded: our server, or its database, went away.'
where status = 'running' and executed_at < $1

-- name: history
with place as (
    select execution_id, executed_at, size from {mcp_schema}.tool_executions
    where api_key_id = $1 and tool_id = $2
      and (executed_at, execution_id) < ($3, $4::uuid)
    order by executed_at desc, execution_id desc
    limit $5 offset $6
), weighed as (
    select
        execution_id, count(*) over () as found,
        sum(size) over (order by executed_at desc, execution_id desc) - size as bytes_before
    from place
)
select
    execution_id as id, tool_id, executed_at, executed_by, status, input::text as input,
    output::text as output, output_excerpt, output_bytes, output_hash, is_error, error, duration_ms,
    conversation_id, found
from weighed
join {mcp_schema}.tool_executions using (execution_id)
where api_key_id = $1 and bytes_before < $7
order by executed_at desc, id desc
