"""A disk without room: reads go on, writes are refused until there is room again.

The data folder is a small file system in memory. To mount one takes the rights of root.
"""

import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from support.processes import HEADERS, data_folder, until

DISK_BYTES = 400 * 1024 * 1024
FULL_SECONDS = 4.0
BACK_WITHIN = 12.0  # PostgreSQL is started anew after pauses of up to five seconds
READS = ("/health", "/api/v1/stats", "/api/v1/logs", "/api/v1/receipts", "/conversations")


@pytest.fixture
def folder():
    with data_folder() as folder:
        options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755"]
        done = run("mount", *options, "none", folder)
        if done.returncode:
            pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
        yield folder
        until(lambda: run("umount", folder).returncode == 0)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_on_a_full_disk_reads_go_on_and_writes_once_there_is_room(household, figures):
    household.start()
    load = household.load
    make_journal_long(household)
    with load.running():
        until(lambda: load.acknowledged() > 200)
        fill(household.folder)
        until(lambda: 503 in load.statuses())
        read = reads(household, FULL_SECONDS)
        back = room_again(household)
    load.settle()
    findings = household.assert_honest()
    seen = f"{load.told()}; {read[200]} reads meanwhile; back after {back:.1f} s"
    figures("full disk", **findings.counts(), seen=seen)
    assert set(read) == {200}, household.trace(read)
    assert back < BACK_WITHIN


def test_a_postgresql_that_ended_for_want_of_room_comes_back_with_it(household, figures):
    """Without room for the next file of its journal it ends, and then again at each start."""
    household.start()
    load = household.load
    with load.running():
        until(lambda: load.acknowledged() > 200)
        fill(household.folder)
        with suppress(asyncpg.PostgresError, OSError):
            household.sql("select pg_switch_wal()")
        until(lambda: not household.server.is_healthy())
        read = reads(household, FULL_SECONDS)
        back = room_again(household)
    load.settle()
    findings = household.assert_honest()
    seen = f"{load.told()}; reads answered {dict(read)}; back after {back:.1f} s"
    figures("full disk, none for the journal", **findings.counts(), seen=seen)
    assert set(read) <= {200, 503}, household.trace(read)
    assert back < BACK_WITHIN


def make_journal_long(household):
    """Have files of the journal at hand, as a PostgreSQL that runs for long has."""
    for _ in range(3):
        household.sql("select pg_switch_wal()")
        household.sql("checkpoint")


def fill(folder: Path):
    """Leave no byte free."""
    size = 1024 * 1024
    with (folder / "ballast").open("wb", buffering=0) as ballast:
        while size:
            try:
                ballast.write(bytes(size))
            except OSError:
                size //= 2


def reads(household, seconds):
    """What reads are answered for so many seconds, how often."""
    ends, read = time.monotonic() + seconds, Counter()
    while time.monotonic() < ends:
        answers = [household.server.http.get(path, headers=HEADERS) for path in READS]
        read.update(answer.status_code for answer in answers)
    return read


def room_again(household):
    """Make room; how many seconds later everything can be written again."""
    (household.folder / "ballast").unlink()
    began = time.monotonic()
    until(lambda: set(household.load.one_of_each().values()) == {200})
    return time.monotonic() - began
