"""`llmring-server ingest`: the queue drained and the buried brought back, by hand."""

import asyncio

import pytest

from llmring_server.cli import main
from support.projects import a_call


@pytest.fixture
def environment(settings, queues, monkeypatch):
    monkeypatch.setenv("LLMRING_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("LLMRING_INGEST_QUEUE_URL", queues.url)
    monkeypatch.setenv("LLMRING_INGEST_DEAD_LETTER_URL", queues.buried)


@pytest.fixture
def run(environment):
    """Runs a command in a thread, as it has a loop of its own."""

    async def run(*words):
        return await asyncio.to_thread(main, ["ingest", *words])

    return run


async def test_the_queue_is_drained(alice, run, capsys):
    await alice.logs_batch([a_call() for _ in range(25)])
    assert await run("run", "--until-empty") == 0
    assert (len(await alice.reads_logs()), "25 calls" in capsys.readouterr().out) == (25, True)


async def test_what_is_no_call_stays_on_the_queue(alice, queues, run, capsys):
    queues.sqs.send_message(QueueUrl=queues.url, MessageBody="{")
    await alice.ask("POST", "/api/v1/log", json=a_call())
    assert await run("run", "--until-empty") == 0
    assert len(await alice.reads_logs()) == 1
    assert "not a call" in capsys.readouterr().err


async def test_what_was_buried_is_brought_back(alice, queues, run, capsys):
    await alice.logs_batch([a_call() for _ in range(3)])
    for message in queues.messages():
        queues.sqs.send_message(QueueUrl=queues.buried, MessageBody=message["Body"])
    queues.sqs.purge_queue(QueueUrl=queues.url)
    assert await run("replay") == 0
    assert "3 calls were put back" in capsys.readouterr().out
    assert await run("run", "--until-empty") == 0
    assert (len(await alice.reads_logs()), queues.messages(queues.buried)) == (3, [])


async def test_a_database_that_is_away_leaves_the_queue_alone(
    alice, queues, run, monkeypatch, capsys
):
    await alice.logs_batch([a_call() for _ in range(3)])
    monkeypatch.setenv("LLMRING_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    assert await run("run", "--until-empty") == 1
    assert "0 calls were stored" in capsys.readouterr().err
    assert len(queues.messages()) == 3


async def test_a_queue_that_is_away_is_said_in_one_line(run, monkeypatch, capsys):
    monkeypatch.setenv("LLMRING_INGEST_DEAD_LETTER_URL", "http://127.0.0.1:9/1/dead")
    assert await run("replay") == 1
    assert "The queue does not answer" in capsys.readouterr().err


def test_without_a_queue_it_says_so_in_one_line(monkeypatch, capsys):
    monkeypatch.delenv("LLMRING_INGEST_QUEUE_URL", raising=False)
    assert main(["ingest", "replay"]) == 1
    assert "LLMRING_INGEST_QUEUE_URL" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["queue"])
def test_a_queue_without_an_address_stops_the_start(monkeypatch, capsys, mode):
    monkeypatch.setenv("LLMRING_INGEST_MODE", mode)
    assert main(["ingest", "replay"]) == 1
    assert "LLMRING_INGEST_QUEUE_URL" in capsys.readouterr().err
