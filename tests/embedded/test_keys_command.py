"""`llmring-server keys`, and a server that lets only those keys in."""

import os
import pty
import re
import stat
import subprocess

import pytest

from llmring_core.api_keys import SCOPES
from llmring_core.base64_text import to_base64url
from llmring_server import cli
from llmring_server.admin.managing import registered_project_id
from support.processes import CALL, COMMAND, DEADLINE_SECONDS, Server, environment, run

KEY_ID = "01a20b58-e53b-74d4-bfbd-eb894b64570c"
CREATE = ("create", "--project", "billing")
REGISTERED = {"LLMRING_AUTH_MODE": "registered"}
WARNING = "LLMRING_AUTH_MODE=open lets everybody in who reaches this address"


def parsed(*words):
    return cli._parser().parse_args(["keys", *words])


def made(folder, *options, **variables):
    done = run("keys", "create", "--project", "billing", *options, data_dir=folder, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def status(server, key):
    headers = {"X-API-Key": key}
    return server.http.post("/api/v1/log", json=CALL, headers=headers).status_code


def test_a_key_that_is_made_beside_a_running_server_is_let_in(start, folder):
    server = start(**REGISTERED)
    assert "API keys       0 registered, no other is let in (llmring-server keys create" in (
        server.first_lines()
    )
    assert status(server, "alice") == 401
    assert status(server, made(folder)) == 200


def test_the_pepper_is_kept_for_its_owner_alone(folder):
    made(folder)
    assert stat.S_IMODE((folder / "key.pepper").stat().st_mode) == 0o600


def test_keys_are_listed_without_themselves(folder):
    key = made(folder, "--name", "ci", "--scope", "log:write", "--days", "30")
    listed = run("keys", "list", data_dir=folder).stdout
    assert key not in listed
    assert f"{key[:8]}…  billing/ci  until 20" in listed
    assert f"never used  log:write  {registered_project_id('billing')}\n" in listed


def test_a_key_is_replaced_and_revoked(start, folder):
    server = start(**REGISTERED)
    old = made(folder)
    key_id = run("keys", "list", data_dir=folder).stdout.split()[0]
    rotated = run("keys", "rotate", key_id, "--overlap-hours", "0", data_dir=folder)
    assert [status(server, old), status(server, rotated.stdout.strip())] == [401, 200]
    assert "The old key opens nothing any more in ten seconds." in rotated.stderr
    revoked = run("keys", "revoke", key_id, data_dir=folder)
    assert revoked.returncode == 0
    assert run("keys", "list", data_dir=folder).stdout.count("revoked") == 1


def test_a_rotation_says_until_when_the_old_key_opens_and_is_done_once(folder):
    made(folder)
    key_id = run("keys", "list", data_dir=folder).stdout.split()[0]
    rotated = run("keys", "rotate", key_id, data_dir=folder)
    said = re.search(r"The old key opens until (20\S+ \S+ UTC)\.", rotated.stderr)
    assert f"replaced, until {said[1]}" in run("keys", "list", data_dir=folder).stdout
    again = run("keys", "rotate", key_id, data_dir=folder)
    assert (again.returncode, again.stdout, again.stderr.count("\n")) == (1, "", 1)
    assert "rotate the key that was made in its place then, or make a new one" in again.stderr


def adopted(folder, key):
    """The outcome of adopting a key that comes through a pipe."""
    return subprocess.run(
        [*COMMAND, "keys", "create", "--project", "billing", "--adopt"],
        input=key,
        env=environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def test_a_key_that_goes_on_with_the_rows_of_an_open_one_is_made_from_a_pipe(start, folder):
    server = start()
    assert status(server, "alice-in-open-mode") == 200
    done = adopted(folder, "alice-in-open-mode\n")
    assert (done.returncode, done.stdout[:3]) == (0, "lr_")
    assert "alice-in-open-mode" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("", "No key was given."),
        ("\n", "No key was given."),
        ("alcie-in-open-mode\n", "Nothing is kept under that key"),
    ],
)
def test_what_cannot_be_adopted_is_told_in_one_line(folder, key, says):
    done = adopted(folder, key)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"open mode: llmring-server: {says}" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "alcie" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "says"),
    [(b"alcie-in-open-mode\n", b"Nothing is kept under that key"), (b"\x04", b"No key was given.")],
    ids=["a key", "the end"],
)
def test_a_terminal_does_not_show_the_key_to_adopt(folder, typed, says):
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "keys", "create", "--project", "billing", "--adopt"],
        stdin=its,
        stdout=its,
        stderr=its,
        env=environment(folder),
        cwd=folder,
        start_new_session=True,
    )
    os.close(its)
    shown = seen(ours, b"open mode: ")
    os.write(ours, typed)
    shown += seen(ours, b"")
    os.close(ours)
    assert process.wait(DEADLINE_SECONDS) == 1
    assert says in shown
    assert b"alcie" not in shown
    assert b"Traceback" not in shown


def seen(terminal, end):
    """What a terminal shows, up to some words or, without any, until nobody writes to it."""
    shown = b""
    while not (end and shown.endswith(end)):
        try:
            shown += os.read(terminal, 1000)
        except OSError:  # as Linux says that the last writer is gone
            assert not end, shown
            return shown
    return shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("create", "--project", ""), "project: "),
        (("rotate", KEY_ID), "No key has this id."),
        (("revoke", KEY_ID), "No key has this id."),
    ],
)
def test_what_cannot_be_is_told_in_one_line(folder, words, says):
    done = run("keys", *words, data_dir=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"llmring-server: {says}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "scopes",
    [
        ("--scope", "log:write,stats:read"),
        ("--scope", "log:write", "--scope", "stats:read"),
        ("--scope", "log:write, stats:read", "--scope", "stats:read"),
    ],
    ids=" ".join,
)
def test_scopes_come_repeated_or_with_commas(scopes):
    assert set(parsed(*CREATE, *scopes).scope) == {"log:write", "stats:read"}


def test_without_a_scope_a_key_has_all(folder):
    made(folder)
    assert ",".join(sorted(SCOPES)) in run("keys", "list", data_dir=folder).stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*CREATE, "--days", "0.5"), "--days: a whole number of days, 1 or more, at most 36500"),
        ((*CREATE, "--days", "0"), "--days: a whole number of days, 1 or more, at most 36500"),
        ((*CREATE, "--days", "36501"), "--days: a whole number of days, 1 or more, at most 36500"),
        (
            ("rotate", KEY_ID, "--overlap-hours", "1.5"),
            "--overlap-hours: a whole number of hours, 0 or more, at most 2160",
        ),
        (
            (*CREATE, "--scope", "log:write,all"),
            "--scope: 'all' is no scope; scopes are log:write, ",
        ),
        ((*CREATE, "--scope", ""), "--scope: '' is no scope; scopes are log:write, "),
    ],
)
def test_an_option_that_makes_no_sense_is_told_what_it_takes(capsys, words, says):
    with pytest.raises(SystemExit):
        parsed(*words)
    assert f"error: argument {says}" in capsys.readouterr().err


def test_a_pepper_that_is_none_stops_the_start_in_one_line(folder):
    done = run(data_dir=folder, LLMRING_KEY_PEPPER="short", **REGISTERED)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "LLMRING_KEY_PEPPER is wrong" in done.stderr


@pytest.mark.parametrize(
    ("host", "mode", "warns"),
    [("127.0.0.1", "open", False), ("0.0.0.0", "open", True), ("0.0.0.0", "registered", False)],
)
def test_an_open_door_to_other_machines_is_warned_of(start, host, mode, warns):
    server = start("--host", host, LLMRING_AUTH_MODE=mode)
    assert (WARNING in server.first_lines()) is warns


def test_a_key_is_made_with_its_database_named_and_an_open_mode_warned_of(folder):
    done = run("keys", "create", "--project", "p", data_dir=folder)
    closed = run("keys", "create", "--project", "p", data_dir=folder, **REGISTERED)
    assert f"Database: embedded PostgreSQL in {folder}\n" in done.stderr
    assert "Warning: LLMRING_AUTH_MODE is open here" in done.stderr
    assert "Warning" not in closed.stderr


def test_a_server_that_lets_any_key_in_warns_of_registered_ones(start, folder):
    made(folder)
    assert "1 registered key was made, but LLMRING_AUTH_MODE=open lets any" in start().first_lines()


def test_keys_of_another_pepper_are_warned_of(start, folder):
    made(folder)
    pepper = to_base64url(bytes(32))
    lines = start(LLMRING_KEY_PEPPER=pepper, **REGISTERED).first_lines()
    assert "1 of 1 keys do not open: they were made under another LLMRING_KEY_PEPPER" in lines


@pytest.mark.parametrize("words", [(), ("keys", "create", "--project", "p")])
def test_no_pepper_is_made_in_the_place_of_one_that_keys_were_made_under(folder, words):
    made(folder)
    (folder / "key.pepper").unlink()
    done = run(*words, data_dir=folder, **REGISTERED)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{folder / 'key.pepper'} is gone, under which 1 registered key was made" in done.stderr
    assert not (folder / "key.pepper").exists()


@pytest.mark.parametrize("content", [b"", b"hi\n", b"\xff"])
def test_a_damaged_pepper_is_told_by_its_file(folder, content):
    (folder / "key.pepper").write_bytes(content)
    done = run(data_dir=folder, **REGISTERED)
    assert done.returncode == 1
    told = f"{folder / 'key.pepper'} is damaged: put back what was in it."
    assert done.stderr == f"llmring-server: {told}\n"


def test_a_key_that_is_made_under_another_pepper_is_told_so(folder):
    made(folder)
    pepper = to_base64url(bytes(32))
    words = ("keys", "create", "--project", "p")
    done = run(*words, data_dir=folder, LLMRING_KEY_PEPPER=pepper, **REGISTERED)
    assert "Warning: 1 of 2 keys do not open" in done.stderr


def test_how_many_keys_there_are_is_not_known_while_the_database_is_away(folder):
    pepper = to_base64url(bytes(32))
    away = "postgresql://me@127.0.0.1:9/x"
    server = Server(
        data_dir=folder, LLMRING_DATABASE_URL=away, LLMRING_KEY_PEPPER=pepper, **REGISTERED
    )
    try:
        assert "API keys       not known yet, no other is let in" in server.first_lines()
    finally:
        server.close()


def test_an_operator_may_make_keys_before_any_other_is_kept_out(start):
    token = "a token of the operator"
    server = start(LLMRING_ADMIN_TOKEN=token)
    headers = {"Authorization": f"Bearer {token}"}
    answer = server.http.post("/api/v1/admin/keys", json={"project": "p"}, headers=headers)
    assert answer.status_code == 201


def test_a_reader_who_has_enough_is_no_fault(folder):
    made(folder)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, "keys", "list"], env=environment(folder), **pipes) as command:
        command.stdout.close()
        assert (command.stderr.read(), command.wait()) == (b"", cli.BROKEN_PIPE)
