"""MCP servers: registered, changed, deleted; their credentials sealed; nobody else's."""

import pytest
from pydantic import SecretStr

from llmring_core.base64_text import to_base64url
from llmring_core.queries import Statement
from support.mcp import MCP, refreshed, registered, tool_of
from support.projects import Project

UNKNOWN = "01a20b58-e53b-74d4-bfbd-eb894b64570c"
URL = "https://mcp.example.org/mcp"
KEYS = [to_base64url(bytes([number]) * 32) for number in (1, 2)]
FOUND = {
    "tools": [{"name": "add", "description": "Add.", "inputSchema": {"type": "object"}}],
    "resources": [{"uri": "memo://one", "mime_type": "text/plain"}],
    "prompts": [{"name": "greet", "arguments": [{"name": "name", "required": True}]}],
}


async def test_a_server_is_registered_and_read(alice):
    server = await registered(alice, URL, capabilities={"tools": {}}, project_id="ann")
    said = {"name": "demo", "url": URL, "transport_type": "http", "auth_config": None}
    assert server.items() >= said.items()
    assert (server["is_active"], server["policy"], server["project_id"]) == (True, "warn", "ann")
    assert await alice.reads(f"{MCP}/servers/{server['id']}/") == server


async def test_servers_are_listed_newest_first_and_filtered(alice):
    first = await registered(alice, URL, project_id="ann")
    second = await registered(alice, URL)
    await alice.ask("PUT", f"{MCP}/servers/{first['id']}", json={"is_active": False})
    listed = {
        name: [each["id"] for each in await alice.reads(f"{MCP}/servers", **wanted)]
        for name, wanted in {
            "all": {},
            "active": {"is_active": "true"},
            "others": {"is_active": False},
            "anns": {"project_id": "ann"},
        }.items()
    }
    assert listed == {
        "all": [second["id"], first["id"]],
        "active": [second["id"]],
        "others": [first["id"]],
        "anns": [first["id"]],
    }


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_only_what_is_given_is_changed(alice, method):
    server = await registered(alice, URL, capabilities={"a": 1})
    changes = {"name": "new", "capabilities": None, "policy": "block"}
    path = f"{MCP}/servers/{server['id']}"
    changed = (await alice.ask(method, path, json=changes)).json()
    assert changed == {**server, **changes, "updated_at": changed["updated_at"]}


CREDENTIALS = [
    {"type": "bearer", "token": "s3cret-token"},
    {"type": "header", "name": "X-Token", "value": "s3cret value"},
    {"type": "basic", "username": "ann", "password": "s3cret:word"},
]


@pytest.mark.parametrize("auth", CREDENTIALS)
async def test_credentials_are_sealed_and_never_shown(serve, database, auth):
    alice = Project(await serve(secrets_key=SecretStr(KEYS[0])), "alice")
    server = await registered(alice, URL, auth_config=auth)
    shown = {"type": auth["type"], "configured": True}
    assert server["auth_config"] == shown
    assert (await alice.reads(f"{MCP}/servers/{server['id']}"))["auth_config"] == shown
    (row,) = await database.fetch(Statement("select t::text as row from {mcp_schema}.servers t"))
    assert "s3cret" not in row["row"]


async def test_credentials_are_not_kept_without_a_key_to_seal_them(serve):
    alice = Project(await serve(), "alice")
    body = {"name": "demo", "url": URL, "auth_config": CREDENTIALS[0]}
    answer = await alice.ask("POST", f"{MCP}/servers", json=body)
    assert (answer.status_code, "LLMRING_SECRETS_KEY" in answer.json()["detail"]) == (503, True)
    assert await alice.reads(f"{MCP}/servers") == []


async def test_credentials_of_no_known_type_are_refused_without_being_quoted(serve):
    alice = Project(await serve(), "alice")
    body = {"name": "demo", "url": URL, "auth_config": {"type": {"token": "s3cret"}}}
    answer = await alice.ask("POST", f"{MCP}/servers", json=body)
    (place,) = answer.json()["detail"]
    assert (answer.status_code, place["loc"]) == (422, ["body", "auth_config"])
    assert place["msg"] == "'type' should be one of 'bearer', 'header', 'basic'"


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"url": "https://example.com/mcp"}, 422),
        ({"url": "http://example.org/mcp"}, 422),
        ({"url": "https://example.org:8443/mcp"}, 422),
        ({"url": "https://example.org:443/other"}, 200),
        ({"url": "https://example.com/mcp", "auth_config": None}, 200),
        ({"url": "https://example.com/mcp", "auth_config": CREDENTIALS[0]}, 200),
    ],
)
async def test_credentials_do_not_follow_a_server_to_another_origin(serve, members, status):
    alice = Project(await serve(secrets_key=SecretStr(KEYS[0])), "alice")
    server = await registered(alice, "https://example.org/mcp", auth_config=CREDENTIALS[0])
    answer = await alice.ask("PUT", f"{MCP}/servers/{server['id']}", json=members)
    assert answer.status_code == status


async def test_credentials_can_be_taken_away(serve, database):
    alice = Project(await serve(secrets_key=SecretStr(KEYS[0])), "alice")
    server = await registered(alice, URL, auth_config=CREDENTIALS[0])
    path = f"{MCP}/servers/{server['id']}"
    kept = (await alice.ask("PUT", path, json={"name": "x"})).json()
    gone = (await alice.ask("PUT", path, json={"auth_config": None})).json()
    assert (kept["auth_config"]["configured"], gone["auth_config"]) == (True, None)
    sealed = Statement("select auth_sealed from {mcp_schema}.servers")
    assert await database.fetch_value(sealed) is None


@pytest.mark.parametrize(
    "members",
    [
        {"name": ""},
        {"name": None},
        {"url": ""},
        {"url": "ftp://example.org"},
        {"url": "https://"},
        {"url": "https://user:word@example.org/"},
        {"url": "https://example.org/#x"},
        {"url": "https://example.org/ x"},
        {"url": "https://[::1"},
        {"url": "https://example.org:99999/"},
        {"url": "https://example.org/" + "x" * 2048},
        {"transport_type": "carrier pigeon"},
        {"transport_type": "stdio", "url": '/bin/ls "a'},
        {"transport_type": "stdio", "url": " "},
        {"policy": "ask"},
        {"capabilities": []},
        {"auth_config": {"type": "magic"}},
        {"auth_config": {"type": "bearer"}},
        {"auth_config": {"type": "bearer", "token": "a\r\nX-Evil: 1"}},
        {"auth_config": {"type": "header", "name": "a b", "value": "x"}},
        {"auth_config": {"type": "header", "name": "Host", "value": "x"}},
        {"auth_config": {"type": "header", "name": "content-length", "value": "1"}},
        {"auth_config": {"type": "header", "name": "Mcp-Session-Id", "value": "x"}},
        {"auth_config": {"type": "header", "name": "a", "value": "x\ny"}},
        {"auth_config": {"type": "basic", "username": "a:b", "password": "x"}},
    ],
)
async def test_what_cannot_be_a_server_is_refused(alice, members):
    body = {"name": "demo", "url": URL, **members}
    answer = await alice.ask("POST", f"{MCP}/servers", json=body)
    assert answer.status_code == 422
    assert await alice.reads(f"{MCP}/servers") == []


@pytest.mark.parametrize(
    "members",
    [
        {"name": None},
        {"url": None},
        {"url": "x"},
        {"policy": ""},
        {"is_active": None},
        {"is_active": 0},
        {"is_active": "no"},
    ],
)
async def test_what_a_server_cannot_become_is_refused(alice, members):
    server = await registered(alice, URL)
    path = f"{MCP}/servers/{server['id']}"
    assert (await alice.ask("PUT", path, json=members)).status_code == 422
    assert await alice.reads(path) == server


async def test_a_deleted_server_is_gone_but_what_was_run_on_it_stays_readable(alice):
    server = await registered(alice, URL)
    await refreshed(alice, server, FOUND)
    tool = await tool_of(alice, "add")
    report = {"input": {"a": 1}, "output": 2, "error": None, "duration_ms": 5}
    await alice.ask("POST", f"{MCP}/tools/{tool['id']}/execute", json=report)
    path = f"{MCP}/servers/{server['id']}"
    assert (await alice.ask("DELETE", path)).status_code == 204
    assert (await alice.ask("GET", path)).status_code == 404
    assert (await alice.ask("DELETE", path)).status_code == 404
    assert await alice.reads(f"{MCP}/servers") == await alice.reads(f"{MCP}/tools") == []
    (execution,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert (execution["output"], (await alice.reads(f"{MCP}/tools/{tool['id']}"))["is_active"]) == (
        2,
        False,
    )


async def every_path(project):
    """Each path of MCP that names something of a project."""
    server = await registered(project, URL)
    await refreshed(project, server, FOUND)
    of_server = f"{MCP}/servers/{server['id']}"
    (tool,), (resource,), (prompt,) = [
        await project.reads(f"{MCP}/{kind}") for kind in ("tools", "resources", "prompts")
    ]
    of_tool = f"{MCP}/tools/{tool['id']}"
    return [
        ("GET", of_server, None),
        ("PUT", of_server, {"name": "x"}),
        ("PATCH", of_server, {}),
        ("POST", f"{of_server}/refresh", None),
        ("POST", f"{of_server}/refresh", {"tools": []}),
        ("GET", f"{of_server}/changes", None),
        ("GET", of_tool, None),
        ("POST", f"{of_tool}/approve", None),
        ("POST", f"{of_tool}/execute", {"input": {}}),
        ("POST", f"{of_tool}/execute", {"input": {}, "output": 1}),
        ("GET", f"{of_tool}/history", None),
        ("GET", f"{MCP}/resources/{resource['id']}", None),
        ("GET", f"{MCP}/resources/{resource['id']}/content", None),
        ("GET", f"{MCP}/prompts/{prompt['id']}", None),
        ("POST", f"{MCP}/prompts/{prompt['id']}/render", {"name": "x"}),
        ("DELETE", of_server, None),
    ]


async def test_what_is_of_another_project_is_not_there(alice, bob):
    for method, path, body in await every_path(alice):
        assert (await bob.ask(method, path, json=body)).status_code == 404, (method, path)
    for kind in ("servers", "tools", "resources", "prompts"):
        assert await bob.reads(f"{MCP}/{kind}") == []
        assert len(await alice.reads(f"{MCP}/{kind}")) == 1


async def test_every_path_wants_an_api_key(alice, http):
    for method, path, body in await every_path(alice):
        assert (await http.request(method, path, json=body)).status_code == 401
