"""The llmring-server command, as a user meets it."""

import asyncio
import os
import shlex
import shutil
import signal
import socket
import subprocess
import threading

import asyncpg
import pytest

from llmring_core import __version__
from llmring_core.local_postgres import LocalPostgres
from llmring_core.migrate import shipped
from support.processes import HEADERS, Server, at_work_in, postgres_of, run, until


def test_the_first_lines_say_what_a_user_wants_to_know(start):
    server = start()
    lines = server.first_lines()
    assert f"http://127.0.0.1:{server.port}" in lines
    assert "embedded PostgreSQL, schema llmring" in lines
    assert "http://127.0.0.1:9/" in lines
    assert "Sign receipts  no (set LLMRING_RECEIPTS_PRIVATE_KEY_B64)" in lines
    assert "Conversations  kept at the level full, messages for 30 days" in lines


MCP_LINE = "MCP servers    on this machine may be called"


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 502), ("0.0.0.0", 403)])
def test_only_a_server_on_loopback_calls_mcp_servers_on_its_own_machine(start, host, status):
    server = start("--host", host)
    body = {"name": "demo", "url": "http://127.0.0.1:9/"}
    servers = "/api/v1/mcp/servers"
    added = server.http.post(servers, json=body, headers=HEADERS).json()
    answer = server.http.post(f"{servers}/{added['id']}/refresh", headers=HEADERS)
    says_so = MCP_LINE in server.first_lines()
    assert (answer.status_code, says_so) == (status, host == "127.0.0.1")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_first_request_it_shows_works(start):
    lines = start().first_lines()
    shown = lines[lines.index("  curl") :].partition("}'")[0] + "}'"
    command = shlex.split(shown.replace("\\\n", " "))
    answer = subprocess.run([*command, "--silent"], capture_output=True, text=True, check=True)
    assert '"log_id"' in answer.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [(), ("--workers", "2"), ("--reload",)])
def test_it_ends_when_asked_and_leaves_no_process(start, folder, options, number):
    server = start(*options)
    server.signal(number, group=number == signal.SIGINT)
    server.ends()
    assert not at_work_in(folder)


def test_a_second_server_shares_the_database_and_outlives_the_first(start, folder):
    first, second = start(), start()
    log_id = first.logs()
    assert second.rows() == [log_id]
    shared = postgres_of(folder)
    first.signal(signal.SIGKILL)
    until(lambda: shared not in at_work_in(folder))
    assert log_id in second.rows()
    assert second.logs()


def test_no_acknowledged_row_is_lost_when_postgresql_is_killed(start, folder):
    server = start()
    acknowledged = under_load(server, lambda: kill_postgres_and_wait(server, folder))
    rows = server.rows()
    assert set(acknowledged) <= set(rows)
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_acknowledged_row_is_lost_when_the_server_is_ended(start, number):
    server = start()
    acknowledged = under_load(server, lambda: server.signal(number))
    rows = start().rows()
    assert set(acknowledged) <= set(rows)
    assert len(rows) == len(set(rows))


def under_load(server, do):
    """What was acknowledged while something was done to the server."""
    acknowledged, stop = [], threading.Event()

    def log():
        while not stop.is_set():
            if log_id := server.logs():
                acknowledged.append(log_id)

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(acknowledged) > 50)
    do()
    stop.set()
    for thread in threads:
        thread.join()
    return acknowledged


def kill_postgres_and_wait(server, folder):
    """Return once another PostgreSQL answers: the killed one may still do so for a moment."""
    killed = set(at_work_in(folder))
    os.kill(postgres_of(folder), signal.SIGKILL)
    until(lambda: not killed & set(at_work_in(folder)))
    until(server.is_healthy)


def test_health_says_within_moments_that_the_database_hangs_and_when_it_is_back(start, folder):
    server = start()
    for process in at_work_in(folder):
        os.kill(process, signal.SIGSTOP)
    answer = server.http.get("/health", timeout=5)
    for process in at_work_in(folder):
        os.kill(process, signal.SIGCONT)
    assert (answer.status_code, answer.json()["database"]) == (503, "disconnected")
    until(server.is_healthy)


def test_a_taken_port_is_told_in_one_line(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("--port", port, data_dir=folder)
    assert done.returncode == 1
    assert done.stderr == (
        f"llmring-server: Cannot listen at 127.0.0.1 port {port}: Address already in use. "
        "Choose another with --host or --port.\n"
    )


def test_a_wrong_setting_is_told_in_one_line(folder):
    done = run(data_dir=folder, LLMRING_CACHE_TTL="soon")
    assert done.returncode == 1
    assert done.stderr.startswith("llmring-server: LLMRING_CACHE_TTL is wrong: it takes")
    assert done.stderr.count("\n") == 1


def test_an_edited_migration_stops_the_start_in_one_line(folder):
    run("db", "migrate", data_dir=folder)
    run_sql(folder, "update llmring.schema_migrations set checksum = 'other'")
    done = run(data_dir=folder)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "0001_pre_usage was edited after it was applied" in done.stderr


def run_sql(folder, sql):
    async def execute(url):
        connection = await asyncpg.connect(url)
        await connection.execute(sql)
        await connection.close()

    with LocalPostgres.open(folder) as local:
        asyncio.run(execute(local.url))


def test_migrations_are_listed_and_applied_by_hand(folder):
    before = run("db", "status", data_dir=folder)
    applied = run("db", "migrate", data_dir=folder)
    after = run("db", "status", data_dir=folder)
    names = [each.name for each in shipped()]
    pending = "".join(f"{name}  pending\n" for name in names)
    assert (before.returncode, before.stdout) == (1, pending)
    told = "".join(f"applied {name}\n" for name in names)
    assert applied.stdout == f"{told}The database is up to date.\n"
    assert (after.returncode, "applied 2" in after.stdout) == (0, True)


def test_beside_the_embedded_database_a_key_is_made_for_what_is_not_kept(start, folder):
    server = start(LLMRING_MESSAGE_LOGGING_LEVEL="metadata")
    headers = {"X-API-Key": "key"}
    conversation = server.http.post("/conversations", json={}, headers=headers).json()
    path = f"/conversations/{conversation['id']}/messages"
    message = {"role": "user", "content": "x"}
    told = server.http.post(path, json=message, headers=headers).json()
    assert (len(told["content_hash"]), told["content"]) == (64, None)
    assert (folder / "secrets.key").stat().st_mode & 0o777 == 0o600


def test_a_wrong_secrets_key_is_told_in_one_line(folder):
    done = run(data_dir=folder, LLMRING_SECRETS_KEY="hunter2")
    assert done.stderr == (
        "llmring-server: LLMRING_SECRETS_KEY is wrong: it takes 32 bytes in base64.\n"
    )


def test_the_version_is_told(folder):
    assert run("--version", data_dir=folder).stdout == f"llmring-server {__version__}\n"


def test_a_database_password_is_never_shown(start, folder):
    url = "postgresql://somebody:hunter2@127.0.0.1:9/name"
    server = Server(data_dir=folder, LLMRING_DATABASE_URL=url)
    until(lambda: server.http.get("/").status_code == 200 if is_up(server) else False)
    assert server.http.get("/health").status_code == 503
    server.signal(signal.SIGTERM)
    server.ends()
    server.close()
    output = server.output.read_text()
    assert "postgresql://127.0.0.1:9/name" in output
    assert "hunter2" not in output


def is_up(server):
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", server.port)) == 0


def test_letting_every_web_page_in_is_warned_of(start):
    assert "Warning" in start(LLMRING_CORS_ORIGINS="*").first_lines()
