"""Backups of a database of one's own: what is taken, what is refused, and what stays then."""

import asyncio
import os

import asyncpg
import pytest

from llmring_core.errors import StartRefused
from llmring_core.migrate import SQL as MIGRATING
from llmring_server.operating.checksums import LINE_BYTES, add_checksum
from llmring_server.operating.loading import load_archive
from llmring_server.operating.postgres_tools import Address, Tools, newest_tools
from support.postgres import connected
from support.processes import run

LOG = (
    "insert into llmring.usage_logs (api_key_id, logged_at, log_id, provider, model, input_tokens,"
    " output_tokens, cached_input_tokens, cost, cost_status)"
    " select 'p', now(), gen_random_uuid(), 'openai', md5(i::text), 1, 1, 0, 1, 'given'"
    " from generate_series(1, 1000) as i"
)
WAITS = (
    "select exists (select from pg_locks where locktype = 'advisory' and not granted and database"
    " = (select oid from pg_database where datname = current_database()))"
)
CLEAN = "Every sum is what the rows add up to.\n"


class Own:
    """A database, and the commands on it."""

    def __init__(self, url, folder):
        self.variables = {"LLMRING_DATABASE_URL": url}
        self.url, self.folder = url, folder

    def run(self, *words, **variables):
        return run(*words, data_dir=self.folder, **self.variables, **variables)

    async def sql(self, sql):
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.execute(sql)
        finally:
            await connection.close()

    async def count(self):
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval("select count(*) from llmring.usage_logs")
        finally:
            await connection.close()


@pytest.fixture
def own(database_url, tmp_path):
    return Own(database_url, tmp_path)


@pytest.fixture
def empty(empty_database_url, tmp_path):
    return Own(empty_database_url, tmp_path)


@pytest.fixture
async def dump(own, tmp_path):
    """A backup of a database with a thousand calls."""
    await own.sql(LOG)
    done = own.run("backup", "b.dump")
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "b.dump"


def refused(done, reason):
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith(f"llmring-server: {reason}"), done.stderr


async def test_what_was_backed_up_is_restored(dump, empty):
    done = empty.run("restore", "b.dump")
    assert (done.returncode, done.stderr) == (0, "")
    assert await empty.count() == 1000
    assert empty.run("db", "status").returncode == 0
    assert empty.run("stats", "recount").stdout == CLEAN


async def test_a_restore_and_a_migration_wait_for_each_other(dump, empty):
    async with connected(empty.url) as migrating, connected(empty.url) as watching:
        async with migrating.transaction():
            await migrating.execute(str(MIGRATING["lock"]))
            restoring = asyncio.create_task(asyncio.to_thread(empty.run, "restore", "b.dump"))
            while not await watching.fetchval(WAITS):
                assert not restoring.done()
                await asyncio.sleep(0.02)
        assert (await restoring).returncode == 0
    assert await empty.count() == 1000


async def test_restored_tables_have_statistics_for_the_planner(dump, empty):
    empty.run("restore", "b.dump")
    missing = "select 1 / count(*) from pg_stats where tablename = 'usage_logs'"
    assert await empty.sql(missing) == "SELECT 1"


async def test_a_backup_is_for_its_owner_only_and_leaves_nothing_beside_it(dump):
    assert dump.stat().st_mode & 0o777 == 0o600
    assert list(dump.parent.iterdir()) == [dump]


async def test_a_backup_is_not_written_over_without_being_told_to(dump, own):
    dump.write_text("precious")
    refused(own.run("backup", "b.dump"), "b.dump is there already: choose another name, or add")
    assert dump.read_text() == "precious"
    assert own.run("backup", "b.dump", "--force").returncode == 0
    assert dump.read_bytes().startswith(b"PGDMP")


async def test_a_backup_takes_the_place_of_no_device_and_no_link(own):
    pipe, link = own.folder / "pipe", own.folder / "link"
    os.mkfifo(pipe)
    link.symlink_to("elsewhere")
    for name in ("pipe", "link"):
        refused(own.run("backup", name, "--force"), f"{name} is no plain file: choose another name")
    assert pipe.is_fifo()
    assert link.is_symlink()


async def test_nothing_is_restored_from_what_has_no_end(own):
    os.mkfifo(own.folder / "pipe")
    refused(own.run("restore", "pipe"), "pipe is no plain file.")


async def test_a_file_that_cannot_be_written_is_told_in_one_line(own):
    refused(own.run("backup", "no/b.dump"), "Cannot write no/b.dump: No such file or directory.")


async def test_a_backup_that_fails_leaves_no_file(empty):
    refused(empty.run("backup", "b.dump"), "The database has no schema llmring to back up.")
    assert list(empty.folder.iterdir()) == []


async def test_a_database_that_has_something_in_it_stays_as_it_is(dump, own):
    await own.sql(LOG)
    refused(own.run("restore", "b.dump"), "The database has a schema llmring already: ")
    assert await own.count() == 2000


async def test_with_force_a_backup_takes_the_place_of_what_is_there(dump, own):
    await own.sql(LOG)
    done = own.run("restore", "b.dump", "--force")
    assert (done.returncode, done.stderr) == (0, "")
    assert await own.count() == 1000


def cut(content):
    return content[:-10_000]


def flipped(content):
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [cut, flipped, lambda _: b"", lambda _: b"no backup at all"])
async def test_of_a_damaged_backup_nothing_is_restored(dump, own, damage):
    await own.sql(LOG)
    dump.write_bytes(damage(dump.read_bytes()))
    refused(own.run("restore", "b.dump", "--force"), "b.dump is ")
    assert await own.count() == 2000


async def test_a_backup_that_ends_early_is_rolled_back(dump, own):
    """As if it could not be read to its end any more after its checksum was looked at."""
    await own.sql(LOG)
    dump.write_bytes(dump.read_bytes()[: -LINE_BYTES - 10_000])
    add_checksum(dump)
    done = own.run("restore", "b.dump", "--force")
    refused(done, "b.dump is damaged: could not read from input file: end of file. Nothing was")
    assert await own.count() == 2000


async def test_what_was_read_of_a_backup_is_not_committed_without_its_end(empty, tmp_path):
    """Also where it ends between two statements, so that the database has nothing to refuse."""
    stops = "echo 'create schema llmring; create table llmring.usage_logs ();'; exit 1"
    programs = {"pg_restore": stops, "psql": f'exec "{newest_tools().folder}/psql" "$@"'}
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    file, address = tmp_path / "b.dump", Address.of(empty.url)
    with pytest.raises(StartRefused, match="Nothing was changed"):
        load_archive(Tools(tmp_path, 18), file, address, "begin;\n", "commit;\n", server_major=18)
    with pytest.raises(asyncpg.UndefinedTableError):
        await empty.count()


async def test_a_backup_that_the_database_refuses_is_rolled_back(dump, own):
    await own.sql(LOG)
    await own.sql(
        "create function public.refuse() returns event_trigger language plpgsql as"
        " $$begin raise exception 'not today'; end$$;"
        "create event trigger refusing on ddl_command_end when tag in ('CREATE TRIGGER')"
        " execute function public.refuse()"
    )
    done = own.run("restore", "b.dump", "--force")
    refused(done, "The database refused the backup: not today. Nothing was changed.")
    assert await own.count() == 2000


async def test_a_backup_that_is_not_there_is_told_in_one_line(empty):
    refused(empty.run("restore", "x.dump"), "Cannot read x.dump: No such file or directory.")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "insert into llmring.schema_migrations values (9000, '9000_pre_more', repeat('0', 64))",
            "new.dump is of a newer llmring-server, with migration 9000_pre_more: restore it with",
        ),
        (
            "update llmring.schema_migrations set checksum = repeat('0', 64) where version = 1",
            "new.dump has another migration 0001_pre_usage than this llmring-server.",
        ),
    ],
)
async def test_a_backup_of_another_version_is_left_to_that(own, empty, change, reason):
    await own.sql(change)
    own.run("backup", "new.dump")
    refused(empty.run("restore", "new.dump"), reason)


async def test_what_a_backup_of_an_older_version_lacks_is_applied_at_the_next_start(own, empty):
    await own.sql("delete from llmring.schema_migrations where version = 10")
    own.run("backup", "old.dump")
    told = empty.run("restore", "old.dump").stdout
    assert "The next start applies what it lacks: 1 of" in told


async def test_a_backup_of_another_schema_is_not_taken_for_ours(dump, empty):
    done = empty.run("restore", "b.dump", LLMRING_DATABASE_SCHEMA="mine")
    refused(done, "b.dump has no schema mine, but llmring, llmring_mcp: see LLMRING_DATABASE_")


async def test_a_database_whose_login_aws_keeps_is_backed_up_there(own):
    done = own.run("backup", "b.dump", LLMRING_DATABASE_SECRET="name")
    refused(done, "LLMRING_DATABASE_SECRET is set: make snapshots with the service that runs")


@pytest.mark.parametrize(
    ("url", "shown", "password"),
    [
        ("postgresql://me:p%40ss@h:1/d?sslmode=require", "me@h:1/d?sslmode=require", "p@ss"),
        ("postgresql://me@/d?host=/tmp/x y&password=p%26w", "me@/d?host=%2Ftmp%2Fx%20y", "p&w"),
        ("postgres://h1:1,h2:2/d", "h1:1,h2:2/d", None),
        ("postgresql:///d?host=/tmp", "/d?host=%2Ftmp", None),
    ],
)
def test_a_password_is_told_where_no_list_of_processes_shows_it(url, shown, password):
    address = Address.of(url)
    assert address.url.partition("://")[2] == shown
    assert address.environment == ({"PGPASSWORD": password} if password else {})


def test_a_password_that_could_only_be_told_to_everybody_is_refused():
    with pytest.raises(StartRefused, match="give them a key without one"):
        Address.of("postgresql://me@h/d?sslpassword=hunter2")


def test_a_password_is_in_no_repr():
    assert "hunter2" not in repr(Address.of("postgresql://me:hunter2@h/d"))
