"""Compressed bodies, and what answers say to browsers and caches."""

import gzip
import json
import random
import zlib

import httpx
import pytest
from starlette.exceptions import HTTPException

from conftest import client_of, started
from llmring_core.inflating import inflated
from support.projects import a_call

KEY = {"X-API-Key": "alice"}
JSON = {"Content-Type": "application/json"}
GZIP = KEY | JSON | {"Content-Encoding": "gzip"}
CALL = json.dumps(a_call(cost=1)).encode()
MEGABYTE = 1024 * 1024


async def sent(http, body, **headers):
    return await http.post("/api/v1/log", content=body, headers=GZIP | headers)


async def test_a_compressed_body_is_read(http):
    assert (await sent(http, gzip.compress(CALL))).json()["cost"] == 1


async def test_a_compressed_batch_of_many_is_read(http):
    body = gzip.compress(json.dumps([a_call(cost=1)] * 1000).encode())
    response = await http.post("/api/v1/log/batch", content=body, headers=GZIP)
    assert response.json()["stored"] == 1000


async def test_a_body_that_comes_in_pieces_is_inflated(local):
    body = gzip.compress(json.dumps([a_call(cost=1)] * 1000).encode())

    async def pieces():
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    response = await local.post("/api/v1/log/batch", content=pieces(), headers=GZIP)
    assert response.json()["stored"] == 1000


async def test_a_bomb_is_refused(http):
    bomb = gzip.compress(b" " * (200 * MEGABYTE))
    assert len(bomb) < MEGABYTE
    assert (await sent(http, bomb)).status_code == 413


@pytest.mark.parametrize(
    "body",
    [b"", CALL, gzip.compress(CALL)[:-5], gzip.compress(CALL) + b"more", zlib.compress(CALL)],
    ids=["empty", "plain", "cut", "longer", "deflate"],
)
async def test_what_is_no_gzip_is_refused(http, body):
    response = await sent(http, body)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_an_export_does_not_care_what_comes_with_the_question(http, coding):
    await http.post("/api/v1/log", content=CALL, headers=KEY | JSON)
    headers = KEY | {"Content-Encoding": coding}
    answer = await http.get("/api/v1/logs/export", headers=headers)
    assert (answer.status_code, len(answer.text.splitlines())) == (200, 1)


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd"])
async def test_another_coding_is_refused(http, coding):
    response = await sent(http, gzip.compress(CALL), **{"Content-Encoding": coding})
    assert (response.status_code, response.headers["accept-encoding"]) == (415, "gzip")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/api/v1/stats"), ("POST", "/api/v1/log"), ("GET", "/nothing")],
)
async def test_no_cache_keeps_an_answer_and_no_browser_shows_it_as_a_page(http, method, path):
    response = await http.request(method, path, json=a_call(cost=1), headers=KEY)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert "server" not in response.headers


async def test_the_registry_may_be_kept(http):
    assert "max-age" in (await http.get("/registry")).headers["cache-control"]


async def test_the_pages_of_the_documentation_may_load_their_scripts(local):
    assert "content-security-policy" not in (await local.get("/docs")).headers


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_the_documentation_can_be_switched_off(settings, path):
    quiet = settings.model_copy(update={"docs": False})
    async with started(quiet) as app, client_of(httpx.ASGITransport(app)) as client:
        assert (await client.get(path)).status_code == 404
        assert "docs" not in (await client.get("/")).json()["endpoints"]


async def test_what_comes_after_the_end_of_a_gzip_is_not_waited_for():
    pieces = [gzip.compress(CALL), *[bytes(1000)] * 50]

    async def receive():
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    body = inflated({"headers": [(b"content-encoding", b"gzip")]}, receive)
    await body()
    with pytest.raises(HTTPException):
        await body()
    assert len(pieces) == 49


async def test_a_body_that_grows_more_than_texts_do_is_refused(http):
    bomb = gzip.compress(b"[" + b"{}," * MEGABYTE + b"{}]")
    assert (await sent(http, bomb)).status_code == 413


@pytest.mark.parametrize("path", ["/api/v1/log", "/conversations"])
async def test_a_compressed_body_may_be_no_larger_than_a_plain_one(http, path):
    chance = random.Random(1)
    text = "".join("".join(chance.choices("0123456789abcdef", k=80)) * 20 for _ in range(7000))
    body = json.dumps(a_call(cost=1, metadata={"text": text})).encode()
    packed = gzip.compress(body)
    assert (len(body) > 11_000_000, len(body) / len(packed) < 50) == (True, True)  # no bomb
    response = await http.post(path, content=packed, headers=GZIP)
    assert response.status_code == 413
    assert response.json()["detail"] == "The body is larger than 10485760 bytes."
