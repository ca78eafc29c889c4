"""Configuration from the environment."""

import pytest

from llmring_core.errors import StartRefused
from llmring_core.settings import DEV_ORIGINS, Settings
from llmring_server.told_workers import keep_to_itself


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Reads settings from variables; the folder has no .env unless the test wrote one."""
    monkeypatch.chdir(tmp_path)

    def read(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"LLMRING_{name}", value)
        return Settings.from_env()

    return read


def test_the_defaults_are_those_of_the_product_page(read):
    settings = read()
    assert settings.database_schema == "llmring"
    assert settings.registry_base_url == "https://llmring.github.io/registry/"
    assert settings.cache_ttl == 3600
    assert settings.cors_origins == DEV_ORIGINS


def test_an_env_file_is_read(read, tmp_path):
    (tmp_path / ".env").write_text("LLMRING_CACHE_TTL=7\nSOMETHING_ELSE=1\n")
    assert read().cache_ttl == 7


def test_an_empty_variable_counts_as_absent(read):
    assert read(CACHE_TTL="", DATABASE_URL="").database_url is None


@pytest.mark.parametrize(
    "value", ["https://a.example,https://b.example", '["https://a.example", "https://b.example"]']
)
def test_origins_are_a_comma_list_or_json(read, value):
    assert read(CORS_ORIGINS=value).cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CACHE_TTL", "soon"),
        ("CACHE_TTL", "-1"),
        ("DATABASE_SCHEMA", "a; drop table x"),
        ("DATABASE_URL", "mysql://secret@host/db"),
        ("DATABASE_POOL_SIZE", "0"),
        ("REDIS_URL", "http://secret@host"),
        ("REGISTRY_BASE_URL", "ftp://host"),
        ("CORS_ORIGINS", "[1"),
        ("CORS_ORIGINS", "not an origin"),
        ("LOG_LEVEL", "loud"),
        ("MCP_ALLOWED_HOSTS", "http://x"),
        ("MCP_ALLOWED_HOSTS", "*"),
        ("MCP_ALLOWED_NETWORKS", "10.0.0.0/99"),
    ],
)
def test_a_wrong_value_is_told_in_one_line_that_names_the_variable(read, name, value):
    with pytest.raises(StartRefused) as refused:
        read(**{name: value})
    line = str(refused.value)
    assert line.startswith(f"LLMRING_{name} is wrong: it takes ")
    assert "\n" not in line
    assert "secret" not in line


def test_secrets_do_not_show(read):
    settings = read(
        DATABASE_URL="postgresql://u:hunter2@h/d", RECEIPTS_PRIVATE_KEY_B64="hunter2hunter2"
    )
    assert "hunter2" not in repr(settings) + str(settings)


def test_no_network_at_all_can_be_said():
    settings = Settings(_env_file=None, mcp_allowed_networks="none")
    assert settings.mcp_allowed_networks == ()
    assert "mcp_allowed_networks" in settings.model_fields_set


@pytest.mark.parametrize(
    ("host", "networks", "hosts", "may"),
    [
        ("127.0.0.1", "", "", True),
        ("127.0.0.2", "", "", True),
        ("::1", "", "", True),
        ("0.0.0.0", "", "", False),
        ("127.0.0.1", "none", "", False),
        ("127.0.0.1", "", "llmring.example.org", False),
    ],
)
def test_local_mcp_servers_may_be_called_unless_the_operator_says_otherwise(
    monkeypatch, host, networks, hosts, may
):
    monkeypatch.setenv("LLMRING_MCP_ALLOWED_NETWORKS", networks)
    monkeypatch.setenv("LLMRING_ALLOWED_HOSTS", hosts)
    assert keep_to_itself(host, Settings(_env_file=None)) is may
