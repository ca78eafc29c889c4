CREATE SCHEMA llmring;

CREATE SCHEMA llmring_mcp;

CREATE FUNCTION llmring.note_usage_added() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    insert into "llmring".usage_changes
    select
        api_key_id, date_bin('1 hour', logged_at, 'epoch'), model, alias, origin,
        count(*), count(*) filter (where cost is null), coalesce(sum(cost), 0),
        sum(input_tokens), sum(output_tokens), sum(cached_input_tokens)
    from new_rows
    group by 1, 2, 3, 4, 5;
    return null;
end
$$;

CREATE FUNCTION llmring.note_usage_removed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    insert into "llmring".usage_changes
    select
        api_key_id, date_bin('1 hour', logged_at, 'epoch'), model, alias, origin,
        -count(*), -count(*) filter (where cost is null), -coalesce(sum(cost), 0),
        -sum(input_tokens), -sum(output_tokens), -sum(cached_input_tokens)
    from old_rows
    group by 1, 2, 3, 4, 5;
    return null;
end
$$;

CREATE TABLE llmring.api_keys (
    key_id uuid NOT NULL,
    key_hash bytea NOT NULL,
    api_key_id character varying(255) NOT NULL,
    project text NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    hint text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    pepper_id bytea,
    replaced_at timestamp with time zone
);

COMMENT ON TABLE llmring.api_keys IS 'Never the keys themselves.';

COMMENT ON COLUMN llmring.api_keys.key_hash IS 'HMAC-SHA-256 of the key under LLMRING_KEY_PEPPER.';

COMMENT ON COLUMN llmring.api_keys.api_key_id IS 'The project, as the rows of all tables carry it.';

COMMENT ON COLUMN llmring.api_keys.hint IS 'The first characters of the key, by which its owner knows it again.';

COMMENT ON COLUMN llmring.api_keys.last_used_at IS 'To within a minute.';

COMMENT ON COLUMN llmring.api_keys.pepper_id IS 'Tells peppers apart; null of keys older than the column.';

COMMENT ON COLUMN llmring.api_keys.replaced_at IS 'When another key was made in its place.';

CREATE TABLE llmring.awaited_logs (
    api_key_id character varying(255) NOT NULL,
    conversation_id uuid NOT NULL,
    logged_at timestamp with time zone NOT NULL,
    log_id uuid NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    input_tokens bigint,
    output_tokens bigint,
    cached_input_tokens bigint
);

COMMENT ON TABLE llmring.awaited_logs IS 'Calls of POST /conversations/log whose POST /log may still come, for a day: it completes the row of usage_logs instead of adding one.';

COMMENT ON COLUMN llmring.awaited_logs.input_tokens IS 'Null, as the others, for a call that came without its tokens.';

CREATE TABLE llmring.certified_logs (
    api_key_id character varying(255) NOT NULL,
    receipt_id character varying(255) NOT NULL,
    leaf_index integer NOT NULL,
    log_id uuid NOT NULL,
    logged_at timestamp with time zone NOT NULL,
    leaf_hash bytea NOT NULL
);

COMMENT ON TABLE llmring.certified_logs IS 'The leaves of the Merkle tree (RFC 6962) of a receipt over usage logs.';

CREATE TABLE llmring.conversations (
    api_key_id character varying(255) NOT NULL,
    conversation_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    title text,
    system_prompt text,
    model_alias text,
    temperature double precision,
    max_tokens bigint,
    metadata jsonb,
    project_id text,
    origin text,
    message_count bigint DEFAULT 0 NOT NULL,
    input_tokens numeric DEFAULT 0 NOT NULL,
    output_tokens numeric DEFAULT 0 NOT NULL,
    total_cost numeric DEFAULT 0 NOT NULL,
    last_message_at timestamp with time zone,
    last_position bigint DEFAULT 0 NOT NULL,
    search tsvector NOT NULL,
    size bigint DEFAULT 0 NOT NULL
);

COMMENT ON COLUMN llmring.conversations.total_cost IS 'USD.';

COMMENT ON COLUMN llmring.conversations.last_position IS 'The position of the last message that there ever was.';

CREATE TABLE llmring.idempotency_keys (
    api_key_id character varying(255) NOT NULL,
    endpoint text NOT NULL,
    idempotency_key character varying(255) NOT NULL,
    body_hash bytea NOT NULL,
    answer text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE llmring.messages (
    api_key_id character varying(255) NOT NULL,
    conversation_id uuid NOT NULL,
    "position" bigint NOT NULL,
    message_id uuid NOT NULL,
    role text NOT NULL,
    content jsonb,
    tool_calls jsonb,
    tool_results jsonb,
    tool_call_id text,
    input_tokens bigint,
    output_tokens bigint,
    metadata jsonb,
    "timestamp" timestamp with time zone NOT NULL,
    logging_level text NOT NULL,
    content_hash text,
    content_length bigint,
    search tsvector,
    size bigint DEFAULT 0 NOT NULL
);

COMMENT ON COLUMN llmring.messages."position" IS 'Its place in the conversation, for ever; positions of a batch are next to each other.';

COMMENT ON COLUMN llmring.messages.content_hash IS 'A keyed hash, where the content itself is not kept.';

COMMENT ON COLUMN llmring.messages.size IS 'Bytes of its JSON, so that a page can end before it gets too large.';

CREATE TABLE llmring.receipts (
    api_key_id character varying(255) NOT NULL,
    receipt_id character varying(255) NOT NULL,
    row_id uuid NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    key_id character varying(255) NOT NULL,
    model text,
    alias text,
    profile text,
    canonical bytea NOT NULL,
    certified_rows integer,
    stored_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN llmring.receipts.row_id IS 'A UUIDv7 of the timestamp; orders receipts of the same time.';

COMMENT ON COLUMN llmring.receipts.canonical IS 'The receipt in canonical form (RFC 8785), signature included: what was signed is what is kept.';

COMMENT ON COLUMN llmring.receipts.certified_rows IS 'How many usage logs it certifies; null if it was not made from them.';

CREATE TABLE llmring.registry_copies (
    base_url text NOT NULL,
    provider text NOT NULL,
    body text NOT NULL,
    etag text,
    last_modified text,
    fetched_at timestamp with time zone NOT NULL,
    checked_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE llmring.registry_copies IS 'The last good copy of the public registry; the provider "" holds its manifest.';

CREATE TABLE llmring.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE llmring.signing_keys (
    key_id character varying(255) NOT NULL,
    public_key bytea NOT NULL,
    not_before timestamp with time zone DEFAULT now() NOT NULL,
    not_after timestamp with time zone,
    CONSTRAINT signing_keys_public_key CHECK ((length(public_key) = 32))
);

COMMENT ON TABLE llmring.signing_keys IS 'Every public key that ever belonged to this server.';

COMMENT ON COLUMN llmring.signing_keys.not_after IS 'When another key took over; null for the one that signs.';

CREATE TABLE llmring.templates (
    api_key_id character varying(255) NOT NULL,
    template_id uuid NOT NULL,
    name text NOT NULL,
    description text,
    system_prompt text,
    model_alias text,
    temperature double precision,
    max_tokens bigint,
    tool_config jsonb,
    metadata jsonb,
    created_by text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    usage_count bigint DEFAULT 0 NOT NULL,
    last_used_at timestamp with time zone
);

COMMENT ON TABLE llmring.templates IS 'What a conversation may begin with.';

CREATE TABLE llmring.usage_changes (
    api_key_id character varying(255) NOT NULL,
    hour timestamp with time zone NOT NULL,
    model text NOT NULL,
    alias text,
    origin text,
    requests bigint NOT NULL,
    unpriced_requests bigint NOT NULL,
    cost numeric NOT NULL,
    input_tokens numeric NOT NULL,
    output_tokens numeric NOT NULL,
    cached_input_tokens numeric NOT NULL
);

COMMENT ON TABLE llmring.usage_changes IS 'What writes to usage_logs changed in the sums of an hour and is not in usage_sums yet. A write adds a row of its own here, so that writers never wait for one another.';

CREATE TABLE llmring.usage_kept (
    is_only_row boolean DEFAULT true NOT NULL,
    kept_from timestamp with time zone NOT NULL,
    CONSTRAINT usage_kept_is_only_row_check CHECK (is_only_row)
);

COMMENT ON TABLE llmring.usage_kept IS 'One row. A call of an earlier time may still come late, and stays until the next retention.';

CREATE TABLE llmring.usage_logs (
    api_key_id character varying(255) NOT NULL,
    logged_at timestamp with time zone NOT NULL,
    log_id uuid NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    cost numeric,
    cost_status text NOT NULL,
    pricing jsonb,
    latency_ms bigint,
    alias text,
    profile text,
    origin text,
    id_at_origin text,
    metadata jsonb,
    conversation_id uuid,
    CONSTRAINT usage_logs_cost_status CHECK (((cost_status = ANY (ARRAY['given'::text, 'priced'::text, 'unpriced'::text])) AND ((cost IS NULL) = (cost_status = 'unpriced'::text))))
)
PARTITION BY RANGE (logged_at);

COMMENT ON TABLE llmring.usage_logs IS 'One row per model call.';

COMMENT ON COLUMN llmring.usage_logs.api_key_id IS 'The project: derived from its API key, or the key as a host passed it.';

COMMENT ON COLUMN llmring.usage_logs.logged_at IS 'When the call was made; log_id is a UUIDv7 of the same millisecond.';

COMMENT ON COLUMN llmring.usage_logs.cost IS 'USD; null while nobody knows the price.';

COMMENT ON COLUMN llmring.usage_logs.pricing IS 'Which prices of which registry version made the cost, or why there is none.';

COMMENT ON COLUMN llmring.usage_logs.conversation_id IS 'The conversation that the call was made in, as its client named it; it may be gone.';

CREATE TABLE llmring.usage_logs_default (
    api_key_id character varying(255) CONSTRAINT usage_logs_api_key_id_not_null NOT NULL,
    logged_at timestamp with time zone CONSTRAINT usage_logs_logged_at_not_null NOT NULL,
    log_id uuid CONSTRAINT usage_logs_log_id_not_null NOT NULL,
    provider text CONSTRAINT usage_logs_provider_not_null NOT NULL,
    model text CONSTRAINT usage_logs_model_not_null NOT NULL,
    input_tokens bigint CONSTRAINT usage_logs_input_tokens_not_null NOT NULL,
    output_tokens bigint CONSTRAINT usage_logs_output_tokens_not_null NOT NULL,
    cached_input_tokens bigint CONSTRAINT usage_logs_cached_input_tokens_not_null NOT NULL,
    cost numeric,
    cost_status text CONSTRAINT usage_logs_cost_status_not_null NOT NULL,
    pricing jsonb,
    latency_ms bigint,
    alias text,
    profile text,
    origin text,
    id_at_origin text,
    metadata jsonb,
    conversation_id uuid,
    CONSTRAINT usage_logs_cost_status CHECK (((cost_status = ANY (ARRAY['given'::text, 'priced'::text, 'unpriced'::text])) AND ((cost IS NULL) = (cost_status = 'unpriced'::text))))
);

CREATE TABLE llmring.usage_sums (
    api_key_id character varying(255) NOT NULL,
    grain text NOT NULL,
    start timestamp with time zone NOT NULL,
    dimension text NOT NULL,
    name text NOT NULL,
    requests bigint NOT NULL,
    unpriced_requests bigint NOT NULL,
    cost numeric NOT NULL,
    input_tokens numeric NOT NULL,
    output_tokens numeric NOT NULL,
    cached_input_tokens numeric NOT NULL
)
WITH (fillfactor='80');

COMMENT ON TABLE llmring.usage_sums IS 'Sums of the usage logs over an hour or a day (UTC), over all calls or those of one model, alias or origin.';

COMMENT ON COLUMN llmring.usage_sums.grain IS 'hour or day.';

COMMENT ON COLUMN llmring.usage_sums.dimension IS 'all (then the name is empty), model, alias or origin.';

COMMENT ON COLUMN llmring.usage_sums.cost IS 'USD, without the unpriced calls.';

CREATE TABLE llmring_mcp.definition_versions (
    api_key_id character varying(255) NOT NULL,
    definition_id uuid NOT NULL,
    version integer NOT NULL,
    change_id uuid NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    digest text NOT NULL,
    size bigint NOT NULL,
    definition jsonb NOT NULL
);

COMMENT ON TABLE llmring_mcp.definition_versions IS 'Every version of a definition; the last one is the current.';

CREATE TABLE llmring_mcp.definitions (
    api_key_id character varying(255) NOT NULL,
    definition_id uuid NOT NULL,
    server_id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    definition jsonb NOT NULL,
    digest text NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    approved_digest text NOT NULL,
    size bigint NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    CONSTRAINT definitions_kind CHECK ((kind = ANY (ARRAY['tool'::text, 'resource'::text, 'resource_template'::text, 'prompt'::text])))
);

COMMENT ON TABLE llmring_mcp.definitions IS 'What a server offers, as it last described it; see the views tools, resources, resource_templates and prompts.';

COMMENT ON COLUMN llmring_mcp.definitions.name IS 'What the server knows it by: a name, a URI or a URI template.';

COMMENT ON COLUMN llmring_mcp.definitions.digest IS 'SHA-256 of the canonical JSON (RFC 8785) of the definition, in hexadecimal.';

COMMENT ON COLUMN llmring_mcp.definitions.approved_digest IS 'The digest that may be executed where the policy is block; the first one seen is approved.';

COMMENT ON COLUMN llmring_mcp.definitions.size IS 'Bytes of its JSON, so that a page can end before it gets too large.';

CREATE VIEW llmring_mcp.prompts AS
 SELECT api_key_id,
    definition_id,
    server_id,
    kind,
    name,
    definition,
    digest,
    version,
    approved_digest,
    size,
    is_active,
    first_seen_at,
    last_seen_at
   FROM llmring_mcp.definitions
  WHERE (kind = 'prompt'::text);

CREATE VIEW llmring_mcp.resource_templates AS
 SELECT api_key_id,
    definition_id,
    server_id,
    kind,
    name,
    definition,
    digest,
    version,
    approved_digest,
    size,
    is_active,
    first_seen_at,
    last_seen_at
   FROM llmring_mcp.definitions
  WHERE (kind = 'resource_template'::text);

CREATE VIEW llmring_mcp.resources AS
 SELECT api_key_id,
    definition_id,
    server_id,
    kind,
    name,
    definition,
    digest,
    version,
    approved_digest,
    size,
    is_active,
    first_seen_at,
    last_seen_at
   FROM llmring_mcp.definitions
  WHERE (kind = 'resource'::text);

CREATE TABLE llmring_mcp.servers (
    api_key_id character varying(255) NOT NULL,
    server_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    name text NOT NULL,
    url text NOT NULL,
    transport_type text NOT NULL,
    auth_type text,
    auth_sealed text,
    capabilities jsonb,
    project_id text,
    policy text NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    protocol_version text,
    server_info jsonb,
    refreshed_at timestamp with time zone,
    refresh_error text,
    refresh_failed_at timestamp with time zone,
    deleted_at timestamp with time zone
);

COMMENT ON COLUMN llmring_mcp.servers.auth_sealed IS 'The credentials, sealed with LLMRING_SECRETS_KEY; gone with the server.';

COMMENT ON COLUMN llmring_mcp.servers.policy IS 'What becomes of a tool whose definition changed: warn, or block until it is approved.';

COMMENT ON COLUMN llmring_mcp.servers.deleted_at IS 'A deleted server stays for the history of its tools.';

CREATE TABLE llmring_mcp.tool_executions (
    api_key_id character varying(255) NOT NULL,
    execution_id uuid NOT NULL,
    executed_at timestamp with time zone NOT NULL,
    tool_id uuid NOT NULL,
    executed_by text NOT NULL,
    status text NOT NULL,
    input jsonb NOT NULL,
    output jsonb,
    output_excerpt text,
    output_bytes bigint,
    output_hash text,
    is_error boolean,
    error text,
    duration_ms bigint,
    conversation_id text,
    size bigint NOT NULL,
    CONSTRAINT tool_executions_by CHECK ((executed_by = ANY (ARRAY['server'::text, 'client'::text]))),
    CONSTRAINT tool_executions_status CHECK ((status = ANY (ARRAY['running'::text, 'succeeded'::text, 'failed'::text, 'unknown'::text])))
)
PARTITION BY RANGE (execution_id);

COMMENT ON COLUMN llmring_mcp.tool_executions.executed_by IS 'This server ran the tool, or a client that reported it.';

COMMENT ON COLUMN llmring_mcp.tool_executions.status IS 'unknown: whether the tool ran, nobody can say.';

COMMENT ON COLUMN llmring_mcp.tool_executions.output_excerpt IS 'The beginning of an output that was too large to be kept whole, or has a NUL in it, as JSON; output_bytes and output_hash are of all of it.';

CREATE TABLE llmring_mcp.tool_executions_default (
    api_key_id character varying(255) CONSTRAINT tool_executions_api_key_id_not_null NOT NULL,
    execution_id uuid CONSTRAINT tool_executions_execution_id_not_null NOT NULL,
    executed_at timestamp with time zone CONSTRAINT tool_executions_executed_at_not_null NOT NULL,
    tool_id uuid CONSTRAINT tool_executions_tool_id_not_null NOT NULL,
    executed_by text CONSTRAINT tool_executions_executed_by_not_null NOT NULL,
    status text CONSTRAINT tool_executions_status_not_null NOT NULL,
    input jsonb CONSTRAINT tool_executions_input_not_null NOT NULL,
    output jsonb,
    output_excerpt text,
    output_bytes bigint,
    output_hash text,
    is_error boolean,
    error text,
    duration_ms bigint,
    conversation_id text,
    size bigint CONSTRAINT tool_executions_size_not_null NOT NULL,
    CONSTRAINT tool_executions_by CHECK ((executed_by = ANY (ARRAY['server'::text, 'client'::text]))),
    CONSTRAINT tool_executions_status CHECK ((status = ANY (ARRAY['running'::text, 'succeeded'::text, 'failed'::text, 'unknown'::text])))
);

CREATE VIEW llmring_mcp.tools AS
 SELECT api_key_id,
    definition_id,
    server_id,
    kind,
    name,
    definition,
    digest,
    version,
    approved_digest,
    size,
    is_active,
    first_seen_at,
    last_seen_at
   FROM llmring_mcp.definitions
  WHERE (kind = 'tool'::text);

ALTER TABLE ONLY llmring.usage_logs ATTACH PARTITION llmring.usage_logs_default DEFAULT;

ALTER TABLE ONLY llmring_mcp.tool_executions ATTACH PARTITION llmring_mcp.tool_executions_default DEFAULT;

ALTER TABLE ONLY llmring.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY llmring.awaited_logs
    ADD CONSTRAINT awaited_logs_pkey PRIMARY KEY (api_key_id, conversation_id);

ALTER TABLE ONLY llmring.certified_logs
    ADD CONSTRAINT certified_logs_pkey PRIMARY KEY (api_key_id, receipt_id, leaf_index);

ALTER TABLE ONLY llmring.conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (api_key_id, conversation_id);

ALTER TABLE ONLY llmring.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (api_key_id, endpoint, idempotency_key);

ALTER TABLE ONLY llmring.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (api_key_id, conversation_id, "position");

ALTER TABLE ONLY llmring.receipts
    ADD CONSTRAINT receipts_pkey PRIMARY KEY (api_key_id, receipt_id);

ALTER TABLE ONLY llmring.registry_copies
    ADD CONSTRAINT registry_copies_pkey PRIMARY KEY (base_url, provider);

ALTER TABLE ONLY llmring.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY llmring.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY llmring.signing_keys
    ADD CONSTRAINT signing_keys_public_key_key UNIQUE (public_key);

ALTER TABLE ONLY llmring.templates
    ADD CONSTRAINT templates_name UNIQUE (api_key_id, name);

ALTER TABLE ONLY llmring.templates
    ADD CONSTRAINT templates_pkey PRIMARY KEY (api_key_id, template_id);

ALTER TABLE ONLY llmring.usage_kept
    ADD CONSTRAINT usage_kept_pkey PRIMARY KEY (is_only_row);

ALTER TABLE ONLY llmring.usage_logs
    ADD CONSTRAINT usage_logs_pkey PRIMARY KEY (api_key_id, logged_at, log_id);

ALTER TABLE ONLY llmring.usage_logs_default
    ADD CONSTRAINT usage_logs_default_pkey PRIMARY KEY (api_key_id, logged_at, log_id);

ALTER TABLE ONLY llmring.usage_sums
    ADD CONSTRAINT usage_sums_pkey PRIMARY KEY (api_key_id, grain, start, dimension, name);

ALTER TABLE ONLY llmring_mcp.definition_versions
    ADD CONSTRAINT definition_versions_pkey PRIMARY KEY (api_key_id, definition_id, version);

ALTER TABLE ONLY llmring_mcp.definitions
    ADD CONSTRAINT definitions_pkey PRIMARY KEY (api_key_id, definition_id);

ALTER TABLE ONLY llmring_mcp.servers
    ADD CONSTRAINT servers_pkey PRIMARY KEY (api_key_id, server_id);

ALTER TABLE ONLY llmring_mcp.tool_executions
    ADD CONSTRAINT tool_executions_pkey PRIMARY KEY (api_key_id, execution_id);

ALTER TABLE ONLY llmring_mcp.tool_executions_default
    ADD CONSTRAINT tool_executions_default_pkey PRIMARY KEY (api_key_id, execution_id);

CREATE UNIQUE INDEX api_keys_by_hash ON llmring.api_keys USING btree (key_hash);

CREATE INDEX awaited_logs_by_age ON llmring.awaited_logs USING btree (logged_at);

CREATE INDEX certified_logs_by_log ON llmring.certified_logs USING btree (api_key_id, log_id);

CREATE INDEX conversations_by_time ON llmring.conversations USING btree (api_key_id, created_at, conversation_id);

CREATE INDEX conversations_search ON llmring.conversations USING gin (search);

CREATE INDEX idempotency_keys_created_at ON llmring.idempotency_keys USING btree (created_at);

CREATE INDEX messages_by_age ON llmring.messages USING btree ("timestamp");

CREATE INDEX messages_search ON llmring.messages USING gin (search);

CREATE INDEX receipts_by_time ON llmring.receipts USING btree (api_key_id, "timestamp", row_id);

CREATE UNIQUE INDEX signing_keys_one_signs ON llmring.signing_keys USING btree ((true)) WHERE (not_after IS NULL);

CREATE INDEX templates_by_time ON llmring.templates USING btree (api_key_id, created_at, template_id);

CREATE INDEX usage_changes_by_project ON llmring.usage_changes USING btree (api_key_id, hour);

CREATE INDEX usage_logs_awaiting_prices ON ONLY llmring.usage_logs USING btree (logged_at) WHERE (pricing @> '{"awaiting_registry": true}'::jsonb);

CREATE INDEX usage_logs_by_conversation ON ONLY llmring.usage_logs USING btree (api_key_id, conversation_id, logged_at, log_id) WHERE (conversation_id IS NOT NULL);

CREATE INDEX usage_logs_default_api_key_id_conversation_id_logged_at_log_idx ON llmring.usage_logs_default USING btree (api_key_id, conversation_id, logged_at, log_id) WHERE (conversation_id IS NOT NULL);

CREATE INDEX usage_logs_default_logged_at_idx ON llmring.usage_logs_default USING btree (logged_at) WHERE (pricing @> '{"awaiting_registry": true}'::jsonb);

CREATE INDEX definitions_by_kind ON llmring_mcp.definitions USING btree (api_key_id, kind, first_seen_at, definition_id);

CREATE UNIQUE INDEX definitions_by_name ON llmring_mcp.definitions USING btree (api_key_id, server_id, kind, md5(name));

CREATE INDEX servers_by_time ON llmring_mcp.servers USING btree (api_key_id, created_at, server_id);

CREATE INDEX tool_executions_by_tool ON ONLY llmring_mcp.tool_executions USING btree (api_key_id, tool_id, executed_at, execution_id);

CREATE INDEX tool_executions_default_api_key_id_tool_id_executed_at_exec_idx ON llmring_mcp.tool_executions_default USING btree (api_key_id, tool_id, executed_at, execution_id);

CREATE INDEX tool_executions_running ON ONLY llmring_mcp.tool_executions USING btree (executed_at) WHERE (status = 'running'::text);

CREATE INDEX tool_executions_default_executed_at_idx ON llmring_mcp.tool_executions_default USING btree (executed_at) WHERE (status = 'running'::text);

ALTER INDEX llmring.usage_logs_by_conversation ATTACH PARTITION llmring.usage_logs_default_api_key_id_conversation_id_logged_at_log_idx;

ALTER INDEX llmring.usage_logs_awaiting_prices ATTACH PARTITION llmring.usage_logs_default_logged_at_idx;

ALTER INDEX llmring.usage_logs_pkey ATTACH PARTITION llmring.usage_logs_default_pkey;

ALTER INDEX llmring_mcp.tool_executions_by_tool ATTACH PARTITION llmring_mcp.tool_executions_default_api_key_id_tool_id_executed_at_exec_idx;

ALTER INDEX llmring_mcp.tool_executions_running ATTACH PARTITION llmring_mcp.tool_executions_default_executed_at_idx;

ALTER INDEX llmring_mcp.tool_executions_pkey ATTACH PARTITION llmring_mcp.tool_executions_default_pkey;

CREATE TRIGGER usage_logs_added AFTER INSERT ON llmring.usage_logs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION llmring.note_usage_added();

CREATE TRIGGER usage_logs_changed_from AFTER UPDATE ON llmring.usage_logs REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION llmring.note_usage_removed();

CREATE TRIGGER usage_logs_changed_to AFTER UPDATE ON llmring.usage_logs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION llmring.note_usage_added();

CREATE TRIGGER usage_logs_removed AFTER DELETE ON llmring.usage_logs REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION llmring.note_usage_removed();

ALTER TABLE ONLY llmring.certified_logs
    ADD CONSTRAINT certified_logs_api_key_id_receipt_id_fkey FOREIGN KEY (api_key_id, receipt_id) REFERENCES llmring.receipts(api_key_id, receipt_id);

ALTER TABLE ONLY llmring.receipts
    ADD CONSTRAINT receipts_key_id_fkey FOREIGN KEY (key_id) REFERENCES llmring.signing_keys(key_id);

ALTER TABLE ONLY llmring_mcp.definition_versions
    ADD CONSTRAINT definition_versions_api_key_id_definition_id_fkey FOREIGN KEY (api_key_id, definition_id) REFERENCES llmring_mcp.definitions(api_key_id, definition_id);

ALTER TABLE ONLY llmring_mcp.definitions
    ADD CONSTRAINT definitions_api_key_id_server_id_fkey FOREIGN KEY (api_key_id, server_id) REFERENCES llmring_mcp.servers(api_key_id, server_id);

ALTER TABLE llmring_mcp.tool_executions
    ADD CONSTRAINT tool_executions_api_key_id_tool_id_fkey1 FOREIGN KEY (api_key_id, tool_id) REFERENCES llmring_mcp.definitions(api_key_id, definition_id);
