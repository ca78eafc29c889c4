"""`llmring-server doctor`: one line for each thing that a server needs, and what to do about it."""

import shutil
import socket
import subprocess
from datetime import timedelta
from types import SimpleNamespace

import pytest

from llmring_core import clock
from llmring_core.registry import Registry
from llmring_core.signing import PrivateKey
from llmring_server.operating import database_checks, disk_check
from llmring_server.operating import doctor as examination
from llmring_server.operating.findings import reason
from support.examined import REGISTERED
from support.processes import free_port, until

NAMES = ["database", "settings", "schema", "registry", "Redis", "receipt key", "API keys"]
NAMES += ["secrets key", "clock", "disk"]


async def test_of_a_server_in_good_health_every_line_is_ok(examined, settings, database):
    registry = Registry(settings, database)
    await registry.renew()
    await registry.close()
    found, status = await examined()
    assert ({name: level for name, (level, _) in found.items()}, status) == (
        dict.fromkeys(NAMES, "ok"),
        0,
    )
    assert list(found) == NAMES
    assert "PostgreSQL 18" in found["database"][1]
    assert "checked 0.0 hours ago" in found["registry"][1]


async def test_nothing_is_changed(examined, empty_database_url, database_url, sql, tmp_path):
    key = {"LLMRING_RECEIPTS_PRIVATE_KEY_B64": PrivateKey.generate().seed_text(), **REGISTERED}
    await examined(**key)
    await examined(LLMRING_DATABASE_URL=empty_database_url, **key)
    await examined(LLMRING_DATABASE_URL="", **key)
    assert await sql("select from llmring.signing_keys") == []
    schemas = "select from pg_namespace where nspname like 'llmring%'"
    assert await sql(schemas, url=empty_database_url) == []
    assert list(tmp_path.iterdir()) == []


async def test_a_database_that_is_away_fails_and_the_others_are_still_looked_at(examined):
    away = "postgresql://me:hunter2@127.0.0.1:9/x"
    found, status = await examined(LLMRING_DATABASE_URL=away)
    level, line = found["database"]
    assert (level, status, list(found)) == ("FAILED", 1, NAMES)
    assert line.endswith("see LLMRING_DATABASE_URL, and whether PostgreSQL runs there")
    assert found["schema"] == ("warning", "not looked at: first see to the database")
    assert found["registry"][0] == "ok"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@127.0.0.1:9/x",
        "postgresql://me:9hunter2:x@127.0.0.1:9/x",
        "postgresql://me@127.0.0.1:9/x?password=hunter2",
    ],
)
async def test_no_secret_is_ever_printed(examined, url):
    found, _ = await examined(
        LLMRING_DATABASE_URL=url,
        LLMRING_REDIS_URL="redis://:hunter2@127.0.0.1:9/0",
        LLMRING_REGISTRY_BASE_URL="http://me:hunter2@127.0.0.1:9/",
        LLMRING_KEY_PEPPER="hunter2",
        **REGISTERED,
    )
    assert list(found) == NAMES
    assert "hunter2" not in str(found)
    assert "me:" not in str(found)


def test_of_a_url_that_cannot_be_read_nothing_is_told():
    assert reason(ValueError("no port: 'hunter2'")) == "ValueError"


async def test_a_check_that_breaks_keeps_no_other_from_looking(examined, monkeypatch):
    async def breaks(_):
        raise RuntimeError("oh\nno")

    monkeypatch.setitem(examination.CHECKS, "registry", breaks)
    found, status = await examined()
    assert found["registry"] == ("FAILED", "this could not be checked (RuntimeError: oh)")
    assert (list(found), found["clock"][0], status) == (NAMES, "ok", 1)


async def test_a_wrong_setting_is_the_only_line(examined):
    found, status = await examined(LLMRING_CACHE_TTL="soon")
    assert (list(found), status) == (["settings"], 1)
    assert found["settings"][1].startswith("LLMRING_CACHE_TTL is wrong: it takes")


async def test_a_database_that_may_not_be_written_to_fails(examined, database_url, sql):
    name = database_url.partition("?")[0].rpartition("/")[2]
    await sql(f"alter database {name} set default_transaction_read_only = on")
    found, status = await examined()
    assert (found["database"][0], status) == ("FAILED", 1)
    assert "read-only: point LLMRING_DATABASE_URL at the primary" in found["database"][1]


async def test_a_postgresql_that_is_too_old_fails(examined, monkeypatch):
    monkeypatch.setattr(database_checks, "OLDEST_MAJOR", 1000)
    found, status = await examined()
    assert (found["database"][0], status) == ("FAILED", 1)
    assert found["database"][1].endswith("llmring-server needs PostgreSQL 1000 or newer")


async def test_more_connections_than_there_are_is_warned_of(examined):
    found, status = await examined(LLMRING_DATABASE_POOL_SIZE="1000")
    assert (found["database"][0], status) == ("warning", 0)
    assert "lower LLMRING_DATABASE_POOL_SIZE" in found["database"][1]


@pytest.mark.parametrize(
    ("change", "level", "says"),
    [
        (
            "insert into llmring.schema_migrations values (9000, '9000_post_more', '')",
            "FAILED",
            "has migration 9000_post_more, which this version of llmring-server does not know: run",
        ),
        (
            "update llmring.schema_migrations set checksum = '' where version = 1",
            "FAILED",
            "0001_pre_usage was edited after it was applied: restore",
        ),
        (
            "delete from llmring.schema_migrations where version = 11",
            "warning",
            "llmring lacks 0011_pre_key_peppers_and_replacements: run llmring-server db migrate",
        ),
        ("drop schema llmring cascade", "warning", "there is no schema llmring yet: run"),
    ],
)
async def test_a_schema_of_another_version_is_told(examined, sql, change, level, says):
    await sql(change)
    found, _ = await examined()
    assert found["schema"][0] == level
    assert says in found["schema"][1]


async def test_before_the_first_migration_nothing_has_failed(examined, empty_database_url):
    found, status = await examined(LLMRING_DATABASE_URL=empty_database_url, **REGISTERED)
    assert (found["API keys"], status) == (
        ("warning", "not looked at: first see to the schema"),
        0,
    )


@pytest.mark.parametrize(("is_stored", "level"), [(True, "warning"), (False, "FAILED")])
async def test_a_registry_out_of_reach_is_worse_if_nothing_is_stored(
    examined, settings, database, upstream, is_stored, level
):
    if is_stored:
        registry = Registry(settings, database)
        await registry.renew()
        await registry.close()
    upstream.break_down()
    found, _ = await examined()
    assert found["registry"][0] == level
    assert "HTTP 500" in found["registry"][1]


async def test_a_registry_that_is_none_is_told(examined, upstream):
    upstream.files["manifest.json"] = b"<html>"
    assert (await examined())[0]["registry"][0] == "FAILED"


async def test_a_variable_that_is_nearly_a_setting_is_told_without_its_value(examined):
    found, _ = await examined(LLMRING_AUTH_MOD="hunter2", LLMRING_CLIENTS_OWN="x")
    level, line = found["settings"]
    assert level == "warning"
    assert line.startswith("LLMRING_AUTH_MOD is no setting; LLMRING_AUTH_MODE is: write it so")
    assert "hunter2" not in line
    assert "LLMRING_CLIENTS_OWN" not in line


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("LLMRING_RATELIMIT", "LLMRING_RATELIMIT"),
        ("LLMRING_RATE_LIMI\x1b", "LLMRING_RATE_LIMI\\x1b"),
    ],
)
async def test_a_name_in_the_file_of_settings_that_is_nearly_a_setting_is_told(
    examined, tmp_path, name, shown
):
    (tmp_path / ".env").write_text(f"{name}=10/second\n")
    found, _ = await examined()
    assert f"{shown} is no setting; LLMRING_RATE_LIMIT is" in found["settings"][1]


@pytest.mark.parametrize(("minutes", "level"), [(1, "warning"), (60, "FAILED")])
async def test_a_clock_that_is_wrong_is_told(examined, monkeypatch, minutes, level):
    right = clock.now
    monkeypatch.setattr(clock, "now", lambda: right() + timedelta(minutes=minutes))
    found, _ = await examined()
    assert found["clock"][0] == level
    assert found["clock"][1].startswith(f"{minutes * 60}.0 s from that of the database and ")


@pytest.mark.parametrize(("free_mb", "level"), [(50, "FAILED"), (1000, "warning"), (9000, "ok")])
async def test_a_disk_with_little_room_for_the_embedded_database_is_told(
    examined, monkeypatch, free_mb, level
):
    usage = SimpleNamespace(free=free_mb * 1_000_000)
    monkeypatch.setattr(disk_check, "shutil", SimpleNamespace(disk_usage=lambda _: usage))
    found, _ = await examined(LLMRING_DATABASE_URL="")
    assert found["disk"][0] == level
    assert found["disk"][1].startswith(f"{free_mb} MB free at ")


@pytest.fixture
def redis_url(tmp_path):
    """A Redis of its own."""
    if (program := shutil.which("redis-server")) is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen([*command, "--dir", tmp_path], stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: takes_connections(port))
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()


def takes_connections(port):
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


async def test_a_redis_that_answers_is_well(examined, redis_url):
    found, _ = await examined(LLMRING_REDIS_URL=redis_url)
    assert found["Redis"][0] == "ok"
    assert found["Redis"][1].startswith("answers in ")


async def test_a_redis_that_is_away_is_warned_of(examined):
    found, status = await examined(LLMRING_REDIS_URL="redis://127.0.0.1:9/0")
    assert (found["Redis"][0], status) == ("warning", 0)
    assert found["Redis"][1].endswith("see LLMRING_REDIS_URL and whether Redis runs")
