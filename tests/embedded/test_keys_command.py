"""`llmring-server keys`, and a server that lets only those keys in."""

import stat

import pytest

from support.processes import CALL, run

REGISTERED = {"LLMRING_AUTH_MODE": "registered"}
WARNING = "LLMRING_AUTH_MODE=open lets everybody in who reaches this address"


def made(folder, *options, **variables):
    done = run("keys", "create", "--project", "billing", *options, data_dir=folder, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def status(server, key):
    headers = {"X-API-Key": key}
    return server.http.post("/api/v1/log", json=CALL, headers=headers).status_code


def test_a_key_that_is_made_beside_a_running_server_is_let_in(start, folder):
    server = start(**REGISTERED)
    assert "Try it with a key of llmring-server keys create" in server.first_lines()
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
    assert "never used  log:write" in listed


def test_a_key_is_replaced_and_revoked(start, folder):
    server = start(**REGISTERED)
    old = made(folder)
    key_id = run("keys", "list", data_dir=folder).stdout.split()[0]
    rotated = run("keys", "rotate", key_id, "--overlap-hours", "0", data_dir=folder)
    assert [status(server, old), status(server, rotated.stdout.strip())] == [401, 200]
    revoked = run("keys", "revoke", key_id, data_dir=folder)
    assert revoked.returncode == 0
    assert run("keys", "list", data_dir=folder).stdout.count("revoked") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("create", "--project", ""),
        ("rotate", "01a20b58-e53b-74d4-bfbd-eb894b64570c"),
        ("revoke", "01a20b58-e53b-74d4-bfbd-eb894b64570c"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(folder, words):
    done = run("keys", *words, data_dir=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


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
