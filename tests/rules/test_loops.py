"""Jobs that nobody waits for: what goes wrong with them is logged, and stops nothing else."""

import asyncio

import pytest

from llmring_core import telemetry
from llmring_core.errors import Unavailable
from llmring_core.loops import is_over, run_or_log
from llmring_server.jobs.upkeep import keep_up


@pytest.fixture(autouse=True)
def told(monkeypatch):
    monkeypatch.setattr(telemetry.LOGGER, "propagate", True)


async def fails(error):
    raise error


async def test_what_has_a_name_is_told_in_one_line(caplog):
    await run_or_log(fails(Unavailable("The database is away.")), "the job")
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info) == (
        "the job has to wait: The database is away.",
        None,
    )


async def test_what_nobody_foresaw_is_told_with_its_traceback(caplog):
    await run_or_log(fails(KeyError("x")), "the job")
    (record,) = caplog.records
    assert record.getMessage() == "the job failed"
    assert record.exc_info[0] is KeyError


async def test_a_job_that_is_cancelled_ends():
    task = asyncio.create_task(run_or_log(asyncio.Event().wait(), "the job"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_job_that_fails_stops_no_other_and_is_done_again():
    done, enough = [], asyncio.Event()

    async def bad(_):
        done.append("bad")
        raise KeyError

    async def good(_):
        done.append("good")
        if len(done) >= 4:
            enough.set()

    task = asyncio.create_task(keep_up(None, bad, good, every=0))
    await enough.wait()
    task.cancel()
    assert done[:4] == ["bad", "good", "bad", "good"]


async def test_a_task_of_a_loop_that_is_gone_is_over():
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    loop.close()
    assert is_over(future)
