"""`llmring-server doctor`: one line for each thing that a server needs, and what to do about it."""

import asyncio
import shutil
import socket
import subprocess
from datetime import timedelta

import asyncpg
import pytest
from pydantic import SecretStr

from llmring_core import clock
from llmring_core.base64_text import to_base64url
from llmring_core.errors import StartRefused
from llmring_core.key_ring import KeyRing
from llmring_core.registry import Registry
from llmring_core.sealing import seal
from llmring_core.settings import Settings
from llmring_core.signing import PrivateKey
from llmring_server.admin import managing
from llmring_server.admin.models import NewKey
from llmring_server.cli import main
from llmring_server.operating import doctor as examination
from llmring_server.operating import key_checks
from llmring_server.operating.findings import Patient, reason
from support.processes import free_port, until

NAMES = ["database", "settings", "schema", "registry", "Redis", "receipt key", "API keys"]
NAMES += ["secrets key", "clock", "disk"]
MINE, OTHER = PrivateKey.generate(), PrivateKey.generate()
PRIVATE_KEY = "LLMRING_RECEIPTS_PRIVATE_KEY_B64"
SECRETS_KEY, OTHER_KEY = bytes(32), bytes(range(32))
REGISTERED = {"LLMRING_AUTH_MODE": "registered"}


@pytest.fixture
def usual(database_url, upstream, tmp_path):
    return {
        "LLMRING_DATABASE_URL": database_url,
        "LLMRING_REGISTRY_BASE_URL": upstream.url,
        "LLMRING_DATA_DIR": str(tmp_path / "data"),
        "LLMRING_SECRETS_KEY": to_base64url(SECRETS_KEY),
    }


@pytest.fixture
def examined(usual, tmp_path, monkeypatch, capsys):
    """Has a server's surroundings examined: levels and lines by name, and the exit status."""
    monkeypatch.chdir(tmp_path)

    async def examine(**changes):
        for name, value in {**usual, **changes}.items():
            monkeypatch.setenv(name, value)
        status = await asyncio.to_thread(main, ["doctor"])
        lines = capsys.readouterr().out.splitlines()
        return {line[9:22].strip(): (line[:7].strip(), line[24:]) for line in lines}, status

    return examine


@pytest.fixture
def sql(database_url):
    async def execute(statement, *arguments, url=database_url):
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            await connection.close()

    return execute


def ring(settings, database, key):
    key = SecretStr(key.seed_text())
    return KeyRing(settings.model_copy(update={"receipts_private_key_b64": key}), database)


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
    key = {PRIVATE_KEY: MINE.seed_text(), **REGISTERED}
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


async def test_a_key_that_is_new_is_entered_by_the_next_start(examined):
    found, _ = await examined(**{PRIVATE_KEY: MINE.seed_text()})
    assert found["receipt key"] == (
        "ok",
        f"{MINE.key_id} is set; the next start enters it into the database",
    )


@pytest.mark.parametrize(
    ("signed", "is_set", "level", "says"),
    [
        ([MINE], MINE, "ok", "signs, and the database knows it"),
        ([MINE], None, "warning", "none is set, so no receipts are issued"),
        ([OTHER], MINE, "warning", "the next start ends"),
        (
            [MINE, OTHER],
            MINE,
            "FAILED",
            f"was rotated out, so no receipts are issued: set {PRIVATE_KEY}",
        ),
    ],
)
async def test_a_key_is_compared_with_those_that_signed(
    examined, settings, database, signed, is_set, level, says
):
    for key in signed:
        await ring(settings, database, key).prepare()
    found, _ = await examined(**({PRIVATE_KEY: is_set.seed_text()} if is_set else {}))
    assert found["receipt key"][0] == level
    assert says in found["receipt key"][1]


async def test_a_key_under_another_name_fails(examined, settings, database):
    await ring(settings, database, MINE).prepare()
    key = {PRIVATE_KEY: MINE.seed_text(), "LLMRING_RECEIPTS_KEY_ID": "mine"}
    found, _ = await examined(**key)
    assert found["receipt key"][0] == "FAILED"
    assert "set LLMRING_RECEIPTS_KEY_ID to the name that it has" in found["receipt key"][1]


async def test_what_is_no_key_fails(examined):
    found, status = await examined(**{PRIVATE_KEY: "hunter2"})
    assert (found["receipt key"][0], status) == ("FAILED", 1)
    assert f"{PRIVATE_KEY} is wrong" in found["receipt key"][1]


A_KEY = (
    "insert into llmring.api_keys (key_id, key_hash, api_key_id, project, name, scopes, hint,"
    " created_at) values (gen_random_uuid(), '\\x00', 'p', 'p', '', '{}', '', now())"
)
PEPPERS = [bytes([number]) * 32 for number in (1, 2)]


@pytest.fixture
def beside(database, tmp_path):
    """Has the API keys of an embedded database examined, in whose folder a pepper may be."""
    settings = Settings(_env_file=None, auth_mode="registered", data_dir=tmp_path)
    return lambda: key_checks.api_keys(Patient(settings, tmp_path, database))


async def test_registered_keys_without_a_pepper_fail(examined, sql):
    await sql(A_KEY)
    found, status = await examined(**REGISTERED)
    assert (found["API keys"][0], status) == ("FAILED", 1)
    assert "Registered keys need LLMRING_KEY_PEPPER" in found["API keys"][1]


async def test_registered_keys_beside_which_their_pepper_is_gone_fail(beside, sql, tmp_path):
    await sql(A_KEY)
    found = await beside()
    assert found.level == "FAILED"
    assert found.remedy == f"put {tmp_path / 'key.pepper'} back, or set LLMRING_KEY_PEPPER"


async def test_without_the_pepper_an_operator_of_an_open_server_makes_no_keys(
    database, sql, tmp_path
):
    await sql(A_KEY)
    token = SecretStr("a-token-of-the-operator")
    settings = Settings(_env_file=None, admin_token=token, data_dir=tmp_path)
    found = await key_checks.api_keys(Patient(settings, tmp_path, database))
    assert (found.level, found.remedy[:4]) == ("FAILED", "put ")


@pytest.mark.parametrize("content", [b"", b"\xff", b"hi"])
async def test_a_damaged_pepper_is_told_by_its_file(beside, tmp_path, content):
    file = tmp_path / "key.pepper"
    file.write_bytes(content)
    with pytest.raises(StartRefused, match=f"{file} is damaged: put back what was in it"):
        await beside()


async def test_no_keys_and_no_pepper_is_a_beginning(beside):
    found = await beside()
    assert (found.level, found.text) == ("warning", "there is no key yet")


async def test_a_pepper_beside_the_database_is_found_and_should_be_for_its_owner(
    beside, sql, tmp_path
):
    await sql(A_KEY)
    file = tmp_path / "key.pepper"
    file.write_text(f"{to_base64url(bytes(32))}\n")
    file.chmod(0o644)
    open_to_all = await beside()
    file.chmod(0o600)
    assert (open_to_all.level, open_to_all.remedy) == ("warning", f"chmod 600 {file}")
    assert (await beside()).level == "ok"


async def test_registered_keys_of_a_server_that_lets_any_key_in_are_told(examined, sql):
    await sql(A_KEY)
    found, _ = await examined()
    assert found["API keys"][0] == "warning"
    assert found["API keys"][1].startswith("1 registered key was made, but any other is let in too")


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


@pytest.mark.parametrize(
    ("pepper", "level", "says"),
    [(PEPPERS[0], "ok", "1 registered"), (PEPPERS[1], "FAILED", "1 of 1 keys do not open: they w")],
)
async def test_keys_open_with_the_pepper_they_were_made_under(
    examined, database, pepper, level, says
):
    await managing.create(database, PEPPERS[0], NewKey(project="p"))
    found, _ = await examined(**REGISTERED, LLMRING_KEY_PEPPER=to_base64url(pepper))
    assert found["API keys"][0] == level
    assert found["API keys"][1].startswith(says)


@pytest.mark.parametrize(("key", "level"), [(SECRETS_KEY, "ok"), (OTHER_KEY, "FAILED")])
async def test_what_was_sealed_has_to_open(examined, sql, key, level):
    await sql(
        "insert into llmring_mcp.servers (api_key_id, server_id, created_at, updated_at, name, url,"
        " transport_type, policy, auth_sealed)"
        " values ('p', gen_random_uuid(), now(), now(), 'n', 'u', 'http', 'warn', $1)",
        seal("x", key),
    )
    assert (await examined())[0]["secrets key"][0] == level


@pytest.mark.parametrize(("minutes", "level"), [(1, "warning"), (60, "FAILED")])
async def test_a_clock_that_is_wrong_is_told(examined, monkeypatch, minutes, level):
    right = clock.now
    monkeypatch.setattr(clock, "now", lambda: right() + timedelta(minutes=minutes))
    found, _ = await examined()
    assert found["clock"][0] == level
    assert found["clock"][1].startswith(f"{minutes * 60}.0 s from that of the database and ")


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
