"""Migrations that are killed in their middle, and versions that run side by side."""

import asyncio
import os
import re
import signal
import subprocess
import time

import asyncpg
import pytest

from llmring_core import migrate as migrating
from llmring_core.database import Database
from llmring_core.local_postgres import LocalPostgres
from llmring_core.migrate import migrate, shipped
from llmring_core.queries import Statement
from llmring_core.settings import Settings
from support.older import recorded
from support.postgres import connected
from support.processes import COMMAND, Server, environment, postgres_of, run, until
from support.schema import PICTURE, drawn

MIGRATIONS = shipped()
# The second change of a migration waits until it is let go.
HOLD = """
create sequence public.changes;
create function public.hold() returns event_trigger language plpgsql as $$
begin
    if nextval('public.changes') = 2 then perform pg_advisory_xact_lock(4242); end if;
end $$;
create event trigger hold on ddl_command_end execute function public.hold();
"""
LET_GO = "drop event trigger hold; drop function public.hold(); drop sequence public.changes"
WAITS = "select exists (select from pg_locks where objid = 4242 and not granted)"
APPLIED = "select name from llmring.schema_migrations order by version"
# Nobody takes the machine's power away here; what was committed survives a process all the same.
FAST = {"fsync": "off", "full_page_writes": "off"}
# What the next version might add: safe beside the code that does not know of it.
FUTURE = """
alter table llmring.usage_logs add column region text;
alter table llmring.conversations add column region text;
create table llmring.regions (name text primary key);
create index usage_logs_by_region on llmring.usage_logs (region) where region is not null;
insert into llmring.schema_migrations values (9999, '9999_pre_regions', 'x');
"""


async def migrated_before(url, migration, monkeypatch):
    """Apply all migrations before one."""
    database = Database(Settings(_env_file=None, database_url=url))
    earlier = MIGRATIONS[: migration.version - 1]
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "shipped", lambda: earlier)
        patch.setattr(migrating, "make_ahead", nothing)
        await migrate(database)
    await database.close()


async def nothing(_):
    """Make no partitions, whose tables are not there yet."""


async def begun(url, folder):
    """Start `db migrate`, and return it in the middle of its first migration."""
    variables = environment(folder, LLMRING_DATABASE_URL=url)
    process = subprocess.Popen(  # noqa: ASYNC220 - it only starts it
        [*COMMAND, "db", "migrate"],
        env=variables,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    async with connected(url) as watching, asyncio.timeout(30):
        while not await watching.fetchval(WAITS):
            assert process.poll() is None, process.stdout.read()
            await asyncio.sleep(0.02)
    return process


def assert_migrates(url, folder):
    done = run("db", "migrate", data_dir=folder, LLMRING_DATABASE_URL=url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert drawn(url) == PICTURE.read_text()
    return done.stdout


@pytest.mark.parametrize("migration", MIGRATIONS, ids=lambda each: each.name)
async def test_a_killed_migration_is_done_by_the_next_start(
    empty_database_url, folder, figures, monkeypatch, migration
):
    url = empty_database_url
    await migrated_before(url, migration, monkeypatch)
    async with connected(url) as holder:
        await holder.execute(HOLD)
        await holder.execute("select pg_advisory_lock(4242)")
        process = await begun(url, folder)
        process.kill()
        process.communicate()
        # PostgreSQL still works on it, and cannot know: the next start waits for that.
        await holder.execute("select pg_advisory_unlock(4242)")
        await holder.execute(LET_GO)
    assert f"applied {migration.name}\n" in assert_migrates(url, folder)
    figures("kill -9 of db migrate in the middle", seen=f"{migration.name}: same schema")


async def test_a_migration_during_which_postgresql_was_killed_is_done_by_the_next_start(
    folder, figures, monkeypatch
):
    local = await asyncio.to_thread(LocalPostgres.open, folder, options=FAST)
    try:
        for migration in MIGRATIONS:
            await killed_with_postgresql(local, folder, migration, monkeypatch)
    finally:
        await asyncio.to_thread(local.close)
    figures(
        "kill -9 of PostgreSQL in a migration", rounds=len(MIGRATIONS), seen="each: same schema"
    )


async def killed_with_postgresql(local, folder, migration, monkeypatch):
    url = local.url.replace("/llmring?", f"/m{migration.version}?")
    async with connected(local.url) as administrator:
        await administrator.execute(f"create database m{migration.version}")
    await migrated_before(url, migration, monkeypatch)
    holder = await asyncpg.connect(url)
    await holder.execute(HOLD)
    await holder.execute("select pg_advisory_lock(4242)")
    process = await begun(url, folder)
    dead = postgres_of(folder)
    os.kill(dead, signal.SIGKILL)
    output = (await asyncio.to_thread(process.communicate))[0].decode()
    assert process.returncode not in (0, None)
    assert "Traceback" not in output
    holder.terminate()
    await back(url)
    async with connected(url) as again:
        await again.execute(LET_GO)
    assert f"applied {migration.name}\n" in await asyncio.to_thread(assert_migrates, url, folder)


async def back(url):
    """Return when PostgreSQL answers again."""
    deadline = time.monotonic() + 30
    while True:
        try:
            async with connected(url) as connection:
                return await connection.execute("select 1")
        except (OSError, asyncpg.PostgresError):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_two_servers_that_start_at_once_migrate_once(empty_database_url, folder, figures):
    variables = {"LLMRING_DATABASE_URL": empty_database_url}
    servers = [Server(data_dir=folder, **variables) for _ in range(2)]
    try:
        for server in servers:
            until(server.is_healthy)
            assert server.logs() is not None
        async with connected(empty_database_url) as connection:
            names = [row["name"] for row in await connection.fetch(APPLIED)]
    finally:
        for server in servers:
            server.close()
    assert names == [each.name for each in MIGRATIONS]
    figures("two servers start on an empty database", acknowledged=2, seen="migrated once")


async def test_older_code_goes_on_and_starts_anew_beside_a_newer_schema(
    database_url, folder, figures
):
    """A rolling deployment: the new version has migrated, the old one is not gone yet."""
    variables = {"LLMRING_DATABASE_URL": database_url}
    running = Server(data_dir=folder, **variables)
    started = None
    try:
        until(running.is_healthy)
        logged = [running.logs()]
        async with connected(database_url) as connection:
            await connection.execute(FUTURE)
        logged += [running.logs() for _ in range(20)]
        started = Server("--workers", "2", data_dir=folder, **variables)
        until(started.is_healthy)
        logged += [started.logs() for _ in range(20)]
        assert sorted(started.rows()) == sorted(running.rows()) == sorted(logged)
    finally:
        running.close()
        if started is not None:
            started.close()
    figures("a newer schema beside older code", acknowledged=len(logged), seen="no error")


BEFORE, STATEMENTS = recorded()


def test_the_recorded_statements_are_those_before_the_newest_migration():
    """A new migration is recorded for anew; see tests/support/older.py."""
    assert MIGRATIONS[-1].name == BEFORE


@pytest.mark.parametrize("name", STATEMENTS)
async def test_the_older_versions_statements_compile_against_the_newest_schema(database, name):
    async with database.transaction() as tx:
        await tx.prepare(Statement(STATEMENTS[name]))


TAKES_AWAY = re.compile(
    r"\bdrop (?:table|column|type|view|schema)\b|\brename column\b|\bset not null\b"
    r"|\balter column \w+ (?:set data )?type\b"
    r"|\badd column (?:if not exists )?\w+ [^;,]*\bnot null\b(?![^;,]*\bdefault\b)",
    re.IGNORECASE,
)
# What was looked at and is safe all the same: the table is empty, and one of its name is there.
LOOKED_AT = {"0010_pre_execution_months": ["drop table"]}


@pytest.mark.parametrize("migration", MIGRATIONS, ids=lambda each: each.name)
def test_a_migration_before_the_new_code_takes_nothing_away(migration):
    sql = re.sub(r"--.*", "", migration.sql)
    if "_pre_" in migration.name:
        found = [words.lower() for words in TAKES_AWAY.findall(sql)]
        assert found == LOOKED_AT.get(migration.name, [])
