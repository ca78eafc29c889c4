"""Secrets come out nowhere: not in answers, log lines, commands, the database, nor in a repr.

Each secret is a canary. A real server with all of them is asked everything, also what fails; then
everything that came out is searched for them.
"""

import asyncio
import base64
import json
import re
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from hostile.a_day import demo_with_echo, spend_a_day
from hostile.canaries import Canaries, forms_of
from hostile.endpoints import ADMIN
from hostile.pair import database
from llmring_core.api_keys import new_key
from llmring_core.callers import Caller, OpenDoor
from llmring_core.database_login import Login
from llmring_core.key_book import KeyBook
from llmring_core.settings import Settings
from llmring_core.signing import PrivateKey
from llmring_server import create_app
from llmring_server.admin.models import MadeKey, NewKey
from llmring_server.mcp.credentials import Basic, Bearer, Header
from llmring_server.mcp.transports import Target
from support import upstream
from support.postgres import url_of
from support.processes import Server, data_folder, free_port, run, until
from support.projects import a_call


def canaries():
    """Secrets of every kind; those that are keys have as many bytes as keys have."""
    return Canaries(
        open_key="canary-open-key-5b3a1f",
        database_password="canary/database@password-77c1",
        redis_password="canary-redis-password-90ab",
        admin_token="canary-admin-token-d41d8c",
        wrong_admin_token="canary-wrong-admin-token-1",
        pepper=b"canary pepper, thirty-two bytes!",
        secrets_key=b"canary secrets key, 32 bytes ok!",
        receipts_key=b"canary receipts key, 32 bytes ok",
        bearer_token="canary-bearer-token-0f61",
        header_value="canary header value-3c9e",
        basic_password="canary:basic:password-8d2e",
        aws_secret="canary/aws+secret/4bfe19",
        signature="canary-x-amz-signature-77",
        in_a_bad_body="canary-in-a-bad-body-65de",
    )


def told(birds):
    return "\n".join(map(str, birds.found()))


def variables(canaries, database_url, **others):
    return {
        "LLMRING_LOG_LEVEL": "debug",
        "LLMRING_DATABASE_URL": database_url,
        "LLMRING_ADMIN_TOKEN": canaries["admin_token"],
        "LLMRING_KEY_PEPPER": base64.b64encode(canaries["pepper"]).decode(),
        "LLMRING_SECRETS_KEY": base64.b64encode(canaries["secrets_key"]).decode(),
        "LLMRING_RECEIPTS_PRIVATE_KEY_B64": base64.b64encode(canaries["receipts_key"]).decode(),
        "LLMRING_RATE_LIMIT": "1000000/second",
        "LLMRING_UNKNOWN_SETTING": canaries["in_a_bad_body"],
        "LLMRING_METRICS": "true",
        "AWS_SECRET_ACCESS_KEY": canaries["aws_secret"],
        **others,
    }


def with_password(url, canaries, user="llmring"):
    """A URL of a database with a password in it."""
    return re.sub(r"//[^/]*/", f"//{user}:{quote(canaries['database_password'], safe='')}@/", url)


@contextmanager
def redis_with(password, folder):
    """A Redis that wants a password, by its address; nobody is there where none is installed."""
    port = free_port()
    if not shutil.which("redis-server"):
        yield f"127.0.0.1:{port}/0"
        return
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", password]
    process = subprocess.Popen(
        ["redis-server", *options, "--dir", str(folder)], stdout=subprocess.DEVNULL
    )
    try:
        yield f"127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


async def dump(url):
    """Every row of every table, as PostgreSQL writes it."""
    connection = await asyncpg.connect(url)
    tables = await connection.fetch(
        "select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables"
        " where schemaname not in ('pg_catalog', 'information_schema')"
    )
    rows = []
    for table in tables:
        found = await connection.fetch(f"select t::text as row from {table['name']} t")
        rows += [(f"table {table['name']}", each["row"]) for each in found]
    await connection.close()
    return rows


def test_no_secret_comes_out_of_a_server_with_everything():
    birds = canaries()
    with ExitStack() as stack:
        folder = stack.enter_context(data_folder())
        url = stack.enter_context(database())
        demo = stack.enter_context(demo_with_echo())
        registry = stack.enter_context(upstream.serving())
        redis = stack.enter_context(redis_with(birds["redis_password"], folder))
        given = variables(
            birds,
            with_password(url, birds),
            LLMRING_REDIS_URL=f"redis://:{birds['redis_password']}@{redis}",
            LLMRING_REGISTRY_BASE_URL=registry.url,
        )
        server = Server(data_dir=folder, **given)
        stack.callback(server.close)
        until(server.is_healthy)
        made = asyncio.run(spend_a_day(server, birds, demo))
        birds.secrets["made_key"] = made["key"]
        key = {"X-API-Key": made["key"]}
        birds.watch("with a made key", server.http.get("/api/v1/stats", headers=key).text)
        for command in (["db", "status"], ["keys", "list"], ["stats", "recount"]):
            done = run(*command, data_dir=folder, **given)
            birds.watch(f"command {command}", done.stdout, done.stderr)
            assert done.returncode == 0, done.stderr
        server.close()
        birds.watch("output", server.output.read_text())
        rows = asyncio.run(dump(url))
    for where, row in rows:
        birds.watch(where, row)
    assert any("what was said" in row for _, row in rows)  # so that what is there would be found
    assert not any("what was said" in text for where, text in birds.outputs if where == "output")
    assert not birds.found(), told(birds)


def wrong_role(url, birds):
    return with_password(url, birds, user="nobody_of_that_name")


def out_of_reach(url, birds):
    return f"postgresql://llmring:{quote(birds['database_password'], safe='')}@127.0.0.1:9/name"


def wrong_parameter(url, birds):
    return f"{out_of_reach(url, birds)}?sslmode={quote(birds['database_password'], safe='')}"


def not_written_for_a_url(url, birds):
    return f"postgresql://llmring:{birds['database_password']}@127.0.0.1:9/name"


@pytest.mark.parametrize(
    "where", [wrong_role, out_of_reach, wrong_parameter, not_written_for_a_url]
)
def test_no_secret_comes_out_of_a_command_that_cannot_use_the_database(where):
    birds = canaries()
    with data_folder() as folder:
        given = variables(birds, where(url_of("migrated"), birds))
        done = run("db", "status", data_dir=folder, **given)
    birds.watch("output", done.stdout, done.stderr)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not birds.found(), told(birds)


def test_no_secret_comes_out_of_a_server_whose_database_and_redis_are_away():
    birds = canaries()
    redis = f"redis://:{birds['redis_password']}@127.0.0.1:9/0"
    with data_folder() as folder:
        given = variables(
            birds,
            out_of_reach("", birds),
            LLMRING_REDIS_URL=redis,
            LLMRING_AUTH_MODE="registered",
            LLMRING_LOG_FORMAT="json",
        )
        server = Server(data_dir=folder, **given)
        try:
            server.first_lines()
            until(lambda: answers(server))
            for headers in ({"X-API-Key": birds["open_key"]}, {"X-API-Key": MADE}):
                for path in ("/health", "/api/v1/stats", "/registry", f"{ADMIN}/keys"):
                    answer = server.http.get(path, headers=headers)
                    birds.watch(path, answer.text, answer.headers)
            assert answer.status_code == 401
        finally:
            server.close()
        birds.watch("output", server.output.read_text())
    birds.secrets["made_key"] = MADE
    assert '"status": 503' in str(birds.outputs)
    assert not birds.found(), told(birds)


MADE = new_key()  # one that is looked up, not refused by its looks


def answers(server):
    try:
        return server.http.get("/").status_code == 200
    except httpx.TransportError:
        return False


def test_no_key_comes_out_of_a_server_that_lets_only_registered_keys_in():
    birds = canaries()
    with data_folder() as folder, database() as url:
        given = variables(birds, url, LLMRING_AUTH_MODE="registered")
        server = Server(data_dir=folder, **given)
        try:
            until(server.is_healthy)
            birds.secrets |= keys_of_each_kind(server, birds)
            statuses = {name: use(server, birds, name) for name in KINDS}
        finally:
            server.close()
        birds.watch("output", server.output.read_text())
        for where, row in asyncio.run(dump(url)):
            birds.watch(where, row)
    assert statuses == KINDS
    assert not birds.found(), told(birds)


# What keys of each kind are answered.
KINDS = {"able": {200}, "unable": {403}, "unknown": {401}, "revoked": {401}}


def keys_of_each_kind(server, birds):
    """Keys by what they are; all are well-formed, so that the server has to look them up."""
    token = {"Authorization": f"Bearer {birds['admin_token']}"}
    path = f"{ADMIN}/keys"

    def made(**members):
        return server.http.post(path, json={"project": "p", **members}, headers=token).json()

    revoked = made()
    birds.watch("revoked", server.http.delete(f"{path}/{revoked['key_id']}", headers=token).text)
    able, unable = made(), made(scopes=["mcp:read"])
    birds.watch("listed", server.http.get(path, headers=token).text)
    keys = {"able": able, "unable": unable, "revoked": revoked}
    return {"unknown": new_key(), **{name: each["key"] for name, each in keys.items()}}


def use(server, birds, name):
    """Ask with a key in each way that there is, twice: the second time it may be remembered."""
    key = birds[name]
    statuses = set()
    for headers in [{"X-API-Key": key}, {"Authorization": f"Bearer {key}"}] * 2:
        for method, path in (("GET", "/api/v1/stats"), ("POST", "/api/v1/log")):
            answer = server.http.request(method, path, json=a_call(cost=1), headers=headers)
            birds.watch(f"{method} {path}", answer.text, answer.headers)
            statuses.add(answer.status_code)
    return statuses


@pytest.mark.parametrize(
    "name",
    [
        "LLMRING_DATABASE_URL",
        "LLMRING_REDIS_URL",
        "LLMRING_KEY_PEPPER",
        "LLMRING_SECRETS_KEY",
        "LLMRING_RECEIPTS_PRIVATE_KEY_B64",
        "LLMRING_RATE_LIMIT",
        "LLMRING_CORS_ORIGINS",
        "LLMRING_MCP_ALLOWED_NETWORKS",
    ],
)
def test_a_setting_with_a_secret_in_a_wrong_place_is_refused_without_it(name):
    birds = canaries()
    with data_folder() as folder:
        given = variables(birds, out_of_reach("", birds), LLMRING_AUTH_MODE="registered")
        done = run(data_dir=folder, **{**given, name: birds["in_a_bad_body"]})
    birds.watch("output", done.stdout, done.stderr)
    assert done.returncode == 1
    assert name in done.stderr
    assert not birds.found(), told(birds)


def test_no_object_shows_a_secret():
    birds = canaries()
    url = with_password(url_of("migrated"), birds)
    secret = {
        "key_pepper": base64.b64encode(birds["pepper"]).decode(),
        "secrets_key": base64.b64encode(birds["secrets_key"]).decode(),
        "receipts_private_key_b64": base64.b64encode(birds["receipts_key"]).decode(),
        "admin_token": birds["admin_token"],
        "redis_url": f"redis://:{birds['redis_password']}@127.0.0.1:9/0",
        "database_url": url,
    }
    settings = Settings(_env_file=None, auth_mode="registered", **secret)
    app = create_app(settings=settings)
    key = SecretStr(birds["open_key"])
    objects = [
        settings,
        settings.model_dump(),
        settings.model_dump_json(),
        app.state._state,
        *map(vars, (app.state.database, app.state.registry, app.state.rate_limits)),
        *map(vars, (app.state.door, app.state.mcp)),
        KeyBook(settings, app.state.database),
        Caller("id", birds["secrets_key"]),
        asyncio.run(OpenDoor(keys_are_ids=False).caller(birds["open_key"])),
        Login({"dsn": url}),
        PrivateKey.read(secret["receipts_private_key_b64"]),
        NewKey(project="p", open_key=key),
        MadeKey.model_construct(key=birds["open_key"], project="p"),
        Bearer(type="bearer", token=birds["bearer_token"]),
        Header(type="header", name="X-Key", value=birds["header_value"]),
        Basic(type="basic", username="me", password=birds["basic_password"]),
        Target("id", "https://mcp.example.org", "http", (("X-Key", birds["header_value"]),)),
    ]
    for each in objects:
        birds.watch(type(each).__name__, repr(each), each, f"{each}")
    assert not birds.found(), told(birds)


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize(
    "spell",
    [
        lambda text: text,
        lambda text: text.encode().hex(),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
        lambda text: quote(text, safe=""),
        lambda text: json.dumps({"a": text}),
    ],
    ids=["plain", "hex", "base64", "base64url", "url", "json"],
)
def test_a_canary_is_found_in_every_form(spell, before):
    birds = Canaries(password="pass/word+with>all?kinds~of signs")
    birds.watch("there", f"log line {spell(before + birds['password'] + 'after')}")
    assert {(name, where) for name, where, _ in birds.found()} == {("password", "there")}


def test_a_canary_is_not_found_where_there_is_none():
    birds = canaries()
    birds.watch("there", *(form[:-2] for form in forms_of(birds["open_key"])))
    assert not birds.found(), told(birds)
