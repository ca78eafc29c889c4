"""Everything the environment may say, as one frozen value."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from llmring_core.errors import StartRefused
from llmring_core.setting_values import (
    DatabaseURL,
    Hosts,
    Networks,
    Origins,
    OwnHosts,
    RedisURL,
    Texts,
)

DEV_ORIGINS = ("http://localhost:5173", "http://localhost:5174")

_RATE = r"^[1-9][0-9]{0,8}/([1-9][0-9]{0,4} ?)?(second|minute|hour|day)s?$"

MIN_TOKEN_LENGTH = 20

LoggingLevel = Literal["none", "metadata", "full"]
SchemaName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$", max_length=40)]


class Settings(BaseSettings):
    """The configuration of one app, read from `LLMRING_*` variables and a `.env` file.

    Make it with `from_env` to get a wrong value told in one line.
    """

    model_config = SettingsConfigDict(
        env_prefix="LLMRING_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    database_url: DatabaseURL | None = Field(
        None,
        description="a PostgreSQL URL, postgresql://user:password@host:5432/name, with / ? # @ in "
        "the password written as %2F %3F %23 %40",
    )
    database_secret: str | None = Field(
        None,
        description="the ARN or name of an AWS secret: a URL, or JSON with username and password",
    )
    database_schema: SchemaName = Field(
        "llmring",
        description="a lower-case PostgreSQL schema name of at most 40 characters",
    )
    database_pool_size: int = Field(
        10, ge=1, le=1000, description="the connections that one process may open, 1 to 1000"
    )
    database_statement_cache: int = Field(
        100,
        ge=0,
        le=10_000,
        description="the prepared statements kept per connection; 0 for a transaction-mode pooler",
    )
    auth_mode: Literal["open", "registered"] = Field(
        "open",
        description="open or registered: whether any API key is a project of its own, or only keys "
        "that the operator made are let in",
    )
    key_pepper: SecretStr | None = Field(
        None, description="32 bytes or more in base64, to look registered API keys up with"
    )
    key_pepper_secret: str | None = Field(
        None, description="the ARN or name of an AWS secret that holds LLMRING_KEY_PEPPER"
    )
    admin_token: Annotated[SecretStr, Field(min_length=MIN_TOKEN_LENGTH)] | None = Field(
        None, description="20 characters or more, which open /api/v1/admin"
    )
    admin_token_secret: str | None = Field(
        None, description="the ARN or name of an AWS secret that holds LLMRING_ADMIN_TOKEN"
    )
    allowed_hosts: OwnHosts = Field(
        (), description="host names, comma-separated; *.example.org for all below, * for any"
    )
    rate_limit: Annotated[str, Field(pattern=_RATE)] | None = Field(
        None, description="the requests of a project in a time, such as 600/minute or 10/second"
    )
    redis_url: RedisURL | None = Field(None, description="a URL, redis://host:6379/0")
    cache_ttl: int = Field(
        3600, ge=0, le=31_536_000, description="the age in seconds at which the registry is renewed"
    )
    registry_base_url: str = Field(
        "https://llmring.github.io/registry/",
        pattern=r"^https?://[^\s/]",
        description="the http(s) URL of the folder that holds manifest.json",
    )
    registry_fetch: bool = Field(
        True, description="true or false: whether this process fetches the registry itself"
    )
    cors_origins: Origins = Field(
        DEV_ORIGINS, description="origins, as a comma-separated list or a JSON array"
    )
    ingest_mode: Literal["direct", "queue"] = Field(
        "direct", description="direct or queue: how logged calls reach the database"
    )
    ingest_queue_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+/")] | None = Field(
        None, description="the URL of an SQS queue"
    )
    ingest_dead_letter_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+/")] | None = Field(
        None, description="the URL of the SQS queue of what could not be stored"
    )
    receipts_private_key_b64: SecretStr | None = Field(
        None, description="an Ed25519 private key, 32 or 64 bytes in base64"
    )
    receipts_private_key_secret: str | None = Field(
        None, description="the ARN or name of a secret in AWS Secrets Manager"
    )
    receipts_public_key_b64: str | None = Field(
        None, description="the public key of the private one, 32 bytes in base64"
    )
    receipts_key_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=255)] | None = (
        Field(None, description="a name for the signing key, 1 to 255 visible ASCII characters")
    )
    enable_conversation_tracking: bool = Field(
        True, description="true or false: whether conversations are kept at all"
    )
    message_logging_level: LoggingLevel = Field(
        "full", description="one of none, metadata, full: the most that is kept of a message"
    )
    message_retention_days: int = Field(
        30, ge=0, le=36_500, description="the days that messages are kept; 0 for ever"
    )
    usage_retention_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="the days that logged calls and tool executions are kept; 0 for ever",
    )
    secrets_key: SecretStr | None = Field(
        None, description="32 bytes in base64; after a comma, keys that were used before"
    )
    secrets_key_secret: str | None = Field(
        None, description="the ARN or name of an AWS secret that holds LLMRING_SECRETS_KEY"
    )
    mcp_allowed_networks: Networks = Field(
        (), description="networks such as 10.1.0.0/16, comma-separated, or none"
    )
    mcp_allowed_hosts: Hosts = Field(
        (), description="host names, comma-separated; *.example.org stands for all below"
    )
    mcp_stdio: Literal["deny", "allow"] = Field(
        "deny", description="deny or allow: whether MCP servers may be started on this machine"
    )
    mcp_stdio_commands: Texts = Field(
        (), description="the commands that may be started then, comma-separated"
    )
    data_dir: Path | None = Field(None, description="a folder for the embedded database")
    docs: bool = Field(
        True, description="true or false: whether /docs, /redoc and /openapi.json are served"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="one of debug, info, warning, error"
    )
    metrics: bool = Field(
        False, description="true or false: whether /metrics is served, for Prometheus"
    )
    tracing: bool = Field(False, description="true or false: whether OpenTelemetry traces are made")
    log_format: Literal["text", "json"] = Field(
        "text", description="text or json: how a standalone server writes its log lines"
    )

    @classmethod
    def from_env(cls, **overrides: Any) -> Self:
        """Read the environment.

        Raises:
            StartRefused: a variable has a value it cannot take; the message is one line that
                names the variable and what it takes, never its value.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise StartRefused(_one_line(error)) from None

    @model_validator(mode="after")
    def _queues_somewhere(self) -> Self:
        if self.ingest_mode == "queue" and self.ingest_queue_url is None:
            raise PydanticCustomError("queue", "no queue")
        return self

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    if not first["loc"]:
        return "LLMRING_INGEST_MODE is queue: give the queue as LLMRING_INGEST_QUEUE_URL."
    name = str(first["loc"][0])
    field = Settings.model_fields.get(name)
    takes = f": it takes {field.description}" if field else ""
    return f"LLMRING_{name.upper()} is wrong{takes}."
