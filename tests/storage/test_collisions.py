"""A transaction that was in the way of another is done again; one whose end is unknown never is."""

import asyncio

import pytest
from pydantic import SecretStr

from llmring_core import collisions
from llmring_core.database import Database
from llmring_core.errors import Collided, Unavailable
from llmring_core.queries import Statement
from support.lines import Line

ADD_KEY = Statement("insert into {schema}.idempotency_keys values ('p', 'e', 'k', '', '')")
COUNT = Statement("select count(*) from {schema}.idempotency_keys")
# Collides like a real one, so often as the sequence says: it is not rolled back.
COLLIDING = """
create sequence {{schema}}.tries;
create function {{schema}}.collide() returns trigger language plpgsql as $$ begin
    if nextval('{{schema}}.tries') <= {times} then
        raise exception 'in the way' using errcode = '{code}';
    end if;
    return null;
end $$;
create constraint trigger collides after insert on {{schema}}.idempotency_keys
{when} for each row execute function {{schema}}.collide()
"""
TRIES = Statement("select last_value from {schema}.tries")
AT_COMMIT = "deferrable initially deferred"
SLOW_COMMIT = Statement("""
create function {schema}.wait() returns trigger language plpgsql as
$$ begin perform pg_sleep(0.5); return null; end $$;
create constraint trigger waits after insert on {schema}.idempotency_keys
deferrable initially deferred for each row execute function {schema}.wait()
""")


async def colliding(database, times, code="40001", when=AT_COMMIT):
    await database.execute(Statement(COLLIDING.format(times=times, code=code, when=when)))


async def add(tx):
    await tx.execute(ADD_KEY)


@pytest.mark.parametrize("when", ["", AT_COMMIT])
@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("how", ["a statement", "a transaction"])
async def test_what_collides_is_done_again(database, code, when, how):
    await colliding(database, 2, code, when)
    await (database.transact(add) if how == "a transaction" else database.execute(ADD_KEY))
    assert (await database.fetch_value(COUNT), await database.fetch_value(TRIES)) == (1, 3)


async def test_who_collides_for_too_long_is_told_to_come_back(database, monkeypatch):
    monkeypatch.setattr(collisions, "TRY_SECONDS", 0.1)
    await colliding(database, 10**6)
    with pytest.raises(Collided) as refused:
        await database.transact(add)
    assert refused.value.headers == {"Retry-After": "1"}
    assert await database.fetch_value(COUNT) == 0


async def test_a_commit_that_may_have_taken_place_is_not_repeated(database, database_url, settings):
    await database.execute(SLOW_COMMIT)
    begun = []

    async def note_and_add(tx):
        begun.append(tx)
        await tx.execute(ADD_KEY)

    async with Line(database_url).laid() as line:
        url = SecretStr(line.url)
        far = Database(settings.model_copy(update={"database_url": url}))
        task = asyncio.create_task(far.transact(note_and_add))
        await commits(database)
        line.reset()
        with pytest.raises(Unavailable):
            await task
        await far.close()
    while not await database.fetch_value(COUNT):  # PostgreSQL commits, though nobody listens
        await asyncio.sleep(0.01)
    assert len(begun) == 1


@pytest.mark.parametrize("code", ["40003", "57P01", "53100"])
async def test_other_errors_of_the_database_are_not_tried_again(database, code):
    await colliding(database, 1, code)
    with pytest.raises(Unavailable):
        await database.transact(add)
    assert await database.fetch_value(TRIES) == 1


async def commits(database):
    """Return once a commit is under way."""
    asks = Statement(
        "select exists (select from pg_stat_activity"
        " where query ilike 'commit%' and state = 'active')"
    )
    while not await database.fetch_value(asks):
        await asyncio.sleep(0.01)
