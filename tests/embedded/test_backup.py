"""`llmring-server backup` and `restore` of the embedded database, beside running servers."""

import asyncio
import shutil
import threading
from contextlib import contextmanager

import asyncpg
import pytest

from llmring_core.local_postgres import LocalPostgres
from support.backed_up import SIGNING, everything, fill, post, save_receipts
from support.processes import Server, data_folder, run, until
from support.projects import RECEIPTS

CLEAN = "Every sum is what the rows add up to.\n"


@pytest.fixture
def other():
    """Another data folder."""
    with data_folder() as folder:
        yield folder


@pytest.fixture
def variables(upstream):
    """What both servers are told."""
    return {**SIGNING, "LLMRING_REGISTRY_BASE_URL": upstream.url}


@pytest.fixture
def server(start, variables):
    return start(**variables)


@contextmanager
def serving(folder, variables):
    server = Server(data_dir=folder, **variables)
    try:
        until(server.is_healthy)
        yield server
    finally:
        server.close()


def restored(folder, other):
    """Put a backup and the secrets kept apart from it into another folder."""
    shutil.copy(folder / "secrets.key", other)
    return run("restore", str(folder / "b.dump"), data_dir=other)


def partitions_of(folder):
    async def names(url):
        connection = await asyncpg.connect(url)
        rows = await connection.fetch("select inhrelid::regclass::text as name from pg_inherits")
        await connection.close()
        return {row["name"] for row in rows}

    with LocalPostgres.open(folder) as local:
        return asyncio.run(names(local.url))


def test_a_restored_server_answers_as_the_one_that_was_backed_up(server, folder, other, variables):
    fill(server)
    told = run("backup", "b.dump", data_dir=folder)
    assert f"kept apart from it: {folder / 'secrets.key'}, the settings" in told.stdout
    done = restored(folder, other)
    assert (done.returncode, done.stderr) == (0, "")
    with serving(other, variables) as second:
        assert everything(second) == everything(server)
        assert post(second, f"{RECEIPTS}/generate", {"since_last_receipt": True})
    assert partitions_of(other) == partitions_of(folder)


def test_every_receipt_of_a_backup_verifies_and_no_call_counts_twice(server, folder, other):
    fill(server)
    run("stats", "fold", data_dir=folder)
    server.logs()  # one whose note may still wait to be folded into the sums
    count = save_receipts(server, folder)
    run("backup", "b.dump", data_dir=folder)
    restored(folder, other)
    assert run("stats", "recount", data_dir=other).stdout == CLEAN
    with serving(other, SIGNING) as second:
        assert save_receipts(second, other) == count == 6
    files = ("receipts.json", "--keys", str(folder / "public-keys.json"))
    verified = run("receipts", "verify", *files, data_dir=other)
    assert verified.stdout.splitlines()[-1].startswith("6 checked, 0 not valid")


def test_the_doctor_finds_a_restored_folder_well_only_with_its_secrets_key(server, folder, other):
    fill(server)
    run("backup", "b.dump", data_dir=folder)
    run("restore", str(folder / "b.dump"), data_dir=other)
    without = run("doctor", data_dir=other, **SIGNING).stdout
    shutil.copy(folder / "secrets.key", other)
    assert "FAILED   secrets key    1 of 1 sealed credentials cannot be opened" in without
    assert "ok       secrets key    1 sealed" in run("doctor", data_dir=other, **SIGNING).stdout


def test_a_backup_under_load_has_all_that_was_acknowledged_before_it(server, folder, other):
    acknowledged, stop = [], threading.Event()

    def log():
        while not stop.is_set():
            acknowledged.append(server.logs())

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(acknowledged) > 50)
    before = list(acknowledged)
    backed_up = run("backup", "b.dump", data_dir=folder).returncode
    after = len(acknowledged)
    stop.set()
    for thread in threads:
        thread.join()
    assert (backed_up, None in acknowledged, after > len(before)) == (0, False, True)
    restored(folder, other)
    assert run("stats", "recount", data_dir=other).stdout == CLEAN
    with serving(other, SIGNING) as second:
        assert set(before) <= set(second.rows()) <= set(acknowledged)


def test_nothing_is_restored_under_a_running_server(start, folder):
    start()
    run("backup", "b.dump", data_dir=folder)
    done = run("restore", "b.dump", "--force", data_dir=folder)
    assert (done.returncode, done.stderr) == (
        1,
        f"llmring-server: A server uses the database in {folder}: stop it first.\n",
    )


def test_where_there_is_no_database_none_is_made_to_be_backed_up(folder):
    done = run("backup", "b.dump", data_dir=folder)
    told = f"llmring-server: There is no database in {folder}.\n"
    assert (done.returncode, done.stderr) == (1, told)
    assert list(folder.iterdir()) == []


def test_what_is_no_backup_makes_no_database(folder):
    (folder / "x.dump").write_text("no backup")
    assert run("restore", "x.dump", data_dir=folder).returncode == 1
    assert [each.name for each in folder.iterdir()] == ["x.dump"]
