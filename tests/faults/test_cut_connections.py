"""Connections cut in the middle of an answer: what is sent again with its key is there once."""

import itertools
import random
import uuid

import httpx
import pytest

from llmring_core.signing import PrivateKey
from support.processes import CALL, HEADERS, Server, until
from support.projects import a_receipt
from support.proxy import proxied, proxied_database

# What to write, and where to find it again: each has the name that the test gives it.
WRITES = {
    "log": lambda name: ("/api/v1/log", {**CALL, "alias": name}),
    "batch": lambda name: ("/api/v1/log/batch", [{**CALL, "alias": name}]),
    "receipt": lambda name: ("/api/v1/receipts/issue", a_receipt(alias=name, cost=GIVEN)),
    "conversation": lambda name: ("/conversations", {"title": name}),
    "template": lambda name: ("/api/v1/templates", {"name": name, "system_prompt": "Be brief."}),
}
GIVEN = {"amount": 0.5, "calculation": "given"}
LISTS = {
    "log": ("/api/v1/logs", "alias"),
    "batch": ("/api/v1/logs", "alias"),
    "receipt": ("/api/v1/receipts", "alias"),
    "conversation": ("/conversations", "title"),
    "template": ("/api/v1/templates", "name"),
}


@pytest.fixture
def database(anyio_backend, database_url):
    with proxied_database(database_url) as proxy_and_url:
        yield proxy_and_url


@pytest.fixture
def server(database, folder):
    server = Server(
        data_dir=folder,
        LLMRING_DATABASE_URL=database[1],
        LLMRING_RECEIPTS_PRIVATE_KEY_B64=PrivateKey.generate().seed_text(),
    )
    until(server.is_healthy)
    yield server
    server.close()


@pytest.fixture
def to_database(server, database):
    """The line between the server and PostgreSQL."""
    return database[0]


@pytest.fixture
def to_server(server):
    """The line between a client and the server; the client uses it from now on."""
    with proxied(("127.0.0.1", server.port)) as proxy:
        server.http.close()
        server.http = httpx.Client(base_url=f"http://127.0.0.1:{proxy.port}", timeout=10)
        yield proxy


def written(server, kind, name, key):
    """Write once; the status, or None where the connection was cut."""
    path, body = WRITES[kind](name)
    headers = {**HEADERS, "Idempotency-Key": key}
    try:
        return server.http.post(path, json=body, headers=headers).status_code
    except httpx.TransportError:
        return None


def written_at_last(server, kind, name):
    """Write, and repeat with the same key until it is acknowledged; the statuses on the way."""
    key = uuid.uuid4().hex
    statuses = list(
        itertools.takewhile(
            lambda status: status not in (200, 201),
            (written(server, kind, name, key) for _ in range(30)),
        )
    )
    assert len(statuses) < 30
    return statuses


def names_of(server, kind):
    """The names of all that was written."""
    path, member = LISTS[kind]
    response = server.http.get(path, headers=HEADERS, params={"limit": 1000})
    return [each[member] for each in response.raise_for_status().json()]


@pytest.mark.parametrize("kind", WRITES)
def test_a_write_whose_answer_was_cut_is_there_once(server, to_server, figures, kind):
    chance = random.Random(kind)
    to_server.cut_answers(lambda _: chance.random() < 0.5)
    names = [f"name-{number}" for number in range(20)]
    cut = [len(written_at_last(server, kind, name)) for name in names]
    to_server.cut_answers(None)
    assert sorted(names_of(server, kind)) == sorted(names)
    assert sum(cut) > 3
    figures(
        f"client cut off: {kind}", rounds=sum(cut), acknowledged=20, seen="sent again with its key"
    )


@pytest.mark.parametrize("kind", WRITES)
def test_a_write_whose_commit_was_not_heard_of_is_there_once(server, to_database, figures, kind):
    """PostgreSQL has committed, but the server cannot know: 503, and a repeat finds it done."""
    rounds = 0
    names = [f"name-{number}" for number in range(10)]
    for name in names:
        to_database.cut_answers(once(b"COMMIT\0"))
        statuses = written_at_last(server, kind, name)
        assert statuses in ([503], [])  # none where a job of the server ran into the cut
        rounds += len(statuses)
    to_database.cut_answers(None)
    assert sorted(names_of(server, kind)) == sorted(names)
    assert rounds > 5
    figures(
        f"database cut off at COMMIT: {kind}", rounds=rounds, acknowledged=10, seen="503, then 200"
    )


def test_writes_over_a_bad_line_to_the_database_are_there_once(server, to_database, figures):
    chance = random.Random(1)
    to_database.cut_answers(lambda _: chance.random() < 0.1)
    names = [f"name-{number}" for number in range(60)]
    statuses = [written_at_last(server, "log", name) for name in names]
    to_database.cut_answers(None)
    failed = list(itertools.chain.from_iterable(statuses))
    assert set(failed) == {503}
    assert sorted(names_of(server, "log")) == sorted(names)
    figures(
        "database cut off at random",
        rounds=to_database.cuts,
        acknowledged=60,
        seen=f"{len(failed)} times 503, nothing else",
    )


@pytest.mark.parametrize(
    "path", ["/api/v1/logs", "/api/v1/stats", "/conversations", "/api/v1/templates"]
)
def test_a_read_that_was_cut_off_is_503_and_the_next_one_works(server, to_database, path):
    for _ in range(5):
        to_database.cut_answers(once(b""))
        first = server.http.get(path, headers=HEADERS)
        to_database.cut_answers(None)
        assert first.status_code in (200, 503)
        if first.status_code == 503:
            assert first.headers["retry-after"]
        assert server.http.get(path, headers=HEADERS).status_code == 200


def test_an_export_that_was_cut_off_does_not_look_whole(server, to_database):
    """A reader must be able to tell; half an answer with a proper end would be a lie."""
    batch = [{**CALL, "metadata": {"said": "x" * 2000}}] * 1000
    server.http.post("/api/v1/log/batch", json=batch, headers=HEADERS).raise_for_status()
    to_database.cut_answers(after(1_200_000))
    with pytest.raises(httpx.TransportError):
        server.http.get("/api/v1/logs/export", headers=HEADERS)
    to_database.cut_answers(None)
    assert len(server.rows()) == 1000


def once(wanted):
    """Cut the first answer that has some words in it."""
    left = itertools.count()
    return lambda data: wanted in data and next(left) == 0


def after(size):
    """Cut the answer that comes when so many bytes have come."""
    come = 0

    def cut(data):
        nonlocal come
        before, come = come, come + len(data)
        return before < size <= come

    return cut
