"""Migrations: numbered, checked, applied once however many start at once."""

import asyncio
from itertools import chain

import pytest

from llmring_core.database import Database
from llmring_core.errors import MigrationEdited, StartRefused
from llmring_core.migrate import migrate, shipped, status
from llmring_core.queries import Statement
from llmring_core.settings import Settings

EDIT = Statement("update {schema}.schema_migrations set checksum = 'other'")
FUTURE = Statement("insert into {schema}.schema_migrations values (9999, '9999_post_x', 'x')")


@pytest.fixture
async def empty(empty_database_url):
    database = Database(Settings(_env_file=None, database_url=empty_database_url))
    yield database
    await database.close()


async def test_an_empty_database_gets_every_migration(empty):
    assert await migrate(empty) == [each.name for each in shipped()]


async def test_a_second_run_applies_nothing(empty):
    await migrate(empty)
    assert await migrate(empty) == []


async def test_ten_servers_may_start_at_once(empty_database_url):
    settings = Settings(_env_file=None, database_url=empty_database_url)
    databases = [Database(settings) for _ in range(10)]
    applied = await asyncio.gather(*(migrate(each) for each in databases))
    await asyncio.gather(*(each.close() for each in databases))
    assert sorted(chain.from_iterable(applied)) == [each.name for each in shipped()]


async def test_two_schemas_in_one_database_are_migrated_apart(empty_database_url):
    settings = Settings(_env_file=None, database_url=empty_database_url)
    for schema in ("one", "two"):
        database = Database(settings, schema=schema)
        assert await migrate(database)
        await database.close()


async def test_an_edited_migration_is_an_error_that_says_so(empty):
    await migrate(empty)
    await empty.execute(EDIT)
    with pytest.raises(MigrationEdited, match="0001_pre_usage was edited after it was applied"):
        await migrate(empty)


async def test_what_a_newer_version_only_added_is_lived_with(empty):
    await migrate(empty)
    await empty.execute(Statement(FUTURE.replace("_post_", "_pre_")))
    assert await migrate(empty) == []


async def test_a_database_of_a_newer_version_is_refused(empty):
    await migrate(empty)
    await empty.execute(FUTURE)
    with pytest.raises(StartRefused, match="newer version"):
        await migrate(empty)


async def test_status_tells_pending_applied_and_edited(empty):
    before = await status(empty)
    await migrate(empty)
    after = await status(empty)
    await empty.execute(EDIT)
    edited = await status(empty)
    assert {state for _, state in before} == {"pending"}
    assert all(state.startswith("applied 2") for _, state in after)
    assert {state for _, state in edited} == {"edited after it was applied"}


def test_names_are_numbered_without_gaps():
    assert [each.version for each in shipped()] == list(range(1, len(shipped()) + 1))
