"""PostgreSQL stopped for half a minute under load: nobody waits long, nothing piles up."""

import os
import signal
import time

import psutil

from support.load import NO_ANSWER
from support.processes import until

PAUSE_SECONDS = 30.0
WORKERS = 64
ANSWERED_WITHIN = 12.0
HEALTH_WITHIN = 4.0
BACK_WITHIN = 15.0  # a second or two, and what a busy machine adds
MORE_MEMORY = 50 * 1024 * 1024
MORE_FILES = 50


def test_a_database_that_hangs_is_told_fast_and_forgotten_as_fast(household, figures):
    household.start()
    load, process = household.load, psutil.Process(household.server.process.pid)
    with load.running(WORKERS):
        until(lambda: load.acknowledged() > 300)
        calm = held(process)
        send(household, signal.SIGSTOP)
        health, most = watched(household, process)
        send(household, signal.SIGCONT)
        began = time.monotonic()
        until(household.server.is_healthy)
        until(household.server.logs)
        back = time.monotonic() - began
        first = load.one_of_each()  # untimed: a receipt of everything waits for those of 64 others
    load.settle()
    findings = household.assert_honest()
    slowest = max(seconds for write in load.writes for seconds in write.seconds)
    memory, files = (after - before for before, after in zip(calm, most, strict=True))
    figures(
        f"PostgreSQL stopped for {PAUSE_SECONDS:.0f} s",
        **findings.counts(),
        seen=f"{load.told()}; slowest answer {slowest:.1f} s, of /health {health:.1f} s; "
        f"back after {back:.1f} s; {memory / 2**20:+.0f} MB, {files:+d} files of {WORKERS} clients",
    )
    assert set(first.values()) == {200}, household.trace(first)
    assert NO_ANSWER not in load.statuses(), household.trace(load.statuses())
    assert slowest < ANSWERED_WITHIN, household.trace(slowest)
    assert (health < HEALTH_WITHIN, back < BACK_WITHIN) == (True, True), (health, back)
    assert (memory < MORE_MEMORY, files < MORE_FILES) == (True, True), (calm, most)


def watched(household, process):
    """Ask /health until the pause is over: its slowest answer, and the most the server held."""
    slowest, most = 0.0, held(process)
    ends = time.monotonic() + PAUSE_SECONDS
    while (began := time.monotonic()) < ends:
        assert household.server.http.get("/health").status_code == 503
        slowest = max(slowest, time.monotonic() - began)
        most = tuple(map(max, most, held(process)))
    return slowest, most


def held(process):
    """The bytes of memory and the open files of a process."""
    return process.memory_info().rss, process.num_fds()


def send(household, number):
    for process in household.postgres():
        os.kill(process, number)
