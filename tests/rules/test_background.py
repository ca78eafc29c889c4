"""Work that nobody waits for is done again, whatever became of it before."""

import asyncio

from llmring_core.background import repeat, run_or_log
from llmring_core.errors import Unavailable


async def test_what_we_foresaw_is_a_warning(caplog):
    async def work():
        raise Unavailable("The database is away.")

    await run_or_log("tidying", work)
    assert "tidying has to wait: The database is away." in caplog.text


async def test_what_we_did_not_foresee_is_logged_with_where_it_was(caplog):
    async def work():
        raise ValueError("a reason")

    await run_or_log("tidying", work)
    assert "tidying failed" in caplog.text
    assert "ValueError: a reason" in caplog.text


async def test_it_is_done_again_after_it_failed():
    times = 0
    again = asyncio.Event()

    async def work():
        nonlocal times
        times += 1
        if times == 2:
            again.set()
        raise ValueError

    task = asyncio.create_task(repeat(0, "tidying", work))
    await asyncio.wait_for(again.wait(), timeout=10)
    task.cancel()
