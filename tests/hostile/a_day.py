"""All that clients and an operator do with a server, each answer searched for secrets."""

import base64
import json
import re
from contextlib import contextmanager

import httpx

from hostile.endpoints import ADMIN, every_endpoint
from support.mcp import MCP, Demo, Misbehaving, demo_server
from support.mcp import serving as serving_app
from support.one_of_each import one_of_each
from support.projects import Project

ECHOES = ("rpc error", "500", "redirect", "garbage")


class Watched:
    """A client all of whose answers are kept."""

    def __init__(self, http, canaries):
        self._http = http
        self._canaries = canaries

    async def request(self, method, url, **options):
        answer = await self._http.request(method, url, **options)
        self._canaries.watch(f"{method} {url}", answer.text, answer.headers, answer.status_code)
        return answer


async def ask_everything(http, canaries, ids):
    """Ask each endpoint in its own way, and in ways that it refuses."""
    key = {"X-API-Key": canaries["open_key"]}
    token = {"Authorization": f"Bearer {canaries['admin_token']}"}
    bad = canaries["in_a_bad_body"]
    signed = {"X-Amz-Signature": canaries["signature"], "X-Amz-Security-Token": bad}
    for endpoint in sorted(every_endpoint(), key=lambda each: each.method == "DELETE"):
        path = re.sub(r"{(\w+)}", lambda name: ids.get(name[1], name[1]), endpoint.path)
        is_admin = endpoint.path.startswith(ADMIN)
        headers = token if is_admin else key
        ways = [{}, {"params": signed}, {"headers": {"Authorization": f"Basic {bad}"}}]
        if endpoint.has_body:
            ways = [{"json": endpoint.example}, *bodies_with(bad)]
        if is_admin:
            wrong = {"Authorization": f"Bearer {canaries['wrong_admin_token']}"}
            ways += [{"headers": wrong}]
        else:
            ways += [{"headers": {"X-API-Key": f"{canaries['open_key']} {bad}"}}]
        for way in ways:
            await http.request(endpoint.method, path, **{"headers": headers, **way})


def bodies_with(secret):
    kind = {"Content-Type": "application/json"}
    yield {"json": secret}
    yield {"json": [secret]}
    yield {"content": f'{{"a": "{secret}", '.encode(), "headers": kind}
    yield {"content": f'{{"a": {secret}}}'.encode(), "headers": kind}
    yield {"content": f'{{"a": "{secret}\x00"}}'.encode(), "headers": kind}
    yield {"content": f"a={secret}".encode(), "headers": {"Content-Type": "text/plain"}}


def echo(kind, echoes):
    """An MCP server that says what credentials it was sent, and notes in `echoes` that it did."""

    async def app(scope, receive, send):
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        number = json.loads(body + message["body"])["id"]
        sent = [value.decode() for name, value in scope["headers"] if value.startswith(SENT)]
        basic = [base64.b64decode(each[6:]).decode() for each in sent if each.startswith("Basic")]
        said = f"you sent {sent} {basic}"
        error = {"jsonrpc": "2.0", "id": number, "error": {"code": -32000, "message": said}}
        status, headers, text = {
            "rpc error": (200, [], json.dumps(error)),
            "500": (500, [], said),
            "redirect": (302, [(b"location", f"http://127.0.0.1:9/{sent}".encode())], said),
            "garbage": (200, [], f"{{{said}"),
        }[kind]
        headers = [(b"content-type", b"application/json"), *headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})
        echoes.append((kind, f"{sent} {basic}"))

    return app


SENT = (b"Bearer", b"Basic", b"canary")


async def use_mcp_servers(project, canaries, demo):
    """Register a server with credentials of each kind, and have it say them."""
    credentials = [
        {"type": "bearer", "token": canaries["bearer_token"]},
        {"type": "header", "name": "X-Key", "value": canaries["header_value"]},
        {"type": "basic", "username": "me", "password": canaries["basic_password"]},
    ]
    for number, auth in enumerate(credentials):
        body = {"name": f"demo {number}", "url": demo.url, "auth_config": auth}
        server = (await project.ask("POST", f"{MCP}/servers", json=body)).json()
        refreshed = await project.ask("POST", f"{MCP}/servers/{server['id']}/refresh")
        assert refreshed.status_code == 200, refreshed.text
        tools = (await project.ask("GET", f"{MCP}/tools?server_id={server['id']}&q=add")).json()
        echoes = []
        for kind in ECHOES:
            demo.answers_with = echo(kind, echoes)
            run = await project.ask(
                "POST", f"{MCP}/tools/{tools[0]['id']}/execute", json={"input": {"a": 1, "b": 2}}
            )
            assert run.status_code >= 400, run.text
        demo.answers_with = None
        secret = auth.get("token") or auth.get("value") or auth["password"]
        assert [kind for kind, said in echoes if secret in said] == list(ECHOES)
        await project.ask("GET", f"{MCP}/tools/{tools[0]['id']}/history")
        away = {"url": "http://127.0.0.1:9/mcp", "auth_config": auth}
        await project.ask("PUT", f"{MCP}/servers/{server['id']}", json=away)
        await project.ask("POST", f"{MCP}/servers/{server['id']}/refresh")
        for wrong in ({**auth, "type": [auth]}, {**auth, "name": [auth]}, [auth], {"x": auth}):
            body = {"name": "wrong", "url": demo.url, "auth_config": wrong}
            await project.ask("POST", f"{MCP}/servers", json=body)
        for part in ("token", "value", "password"):
            if part in auth:
                wrong = {**auth, part: f"{auth[part]}\n"}
                body = {"name": "wrong", "url": demo.url, "auth_config": wrong}
                await project.ask("POST", f"{MCP}/servers", json=body)


@contextmanager
def demo_with_echo():
    demo = Demo()
    app = Misbehaving(demo_server(demo).streamable_http_app(), demo)
    with serving_app(app) as port:
        demo.url = f"http://127.0.0.1:{port}/mcp"
        yield demo


async def spend_a_day(server, canaries, demo):
    """All that clients and the operator do; returns a key that was made."""
    async with httpx.AsyncClient(base_url=str(server.http.base_url), timeout=30) as http:
        watched = Watched(http, canaries)
        project = Project(watched, canaries["open_key"])
        ids = await one_of_each(project, demo.url, "what was said")
        await use_mcp_servers(project, canaries, demo)
        once = {"Idempotency-Key": "once"}
        await project.ask("POST", "/conversations", json={"title": "t"}, headers=once)
        await project.ask("POST", "/conversations", json={"title": "t"}, headers=once)
        token = {"Authorization": f"Bearer {canaries['admin_token']}"}
        body = {"project": "p", "open_key": canaries["open_key"]}
        await watched.request("POST", f"{ADMIN}/keys", json=body, headers=token)
        for wrong in ([canaries["open_key"]], canaries["open_key"] * 20):
            body = {"project": "p", "open_key": wrong}
            await watched.request("POST", f"{ADMIN}/keys", json=body, headers=token)
        await ask_everything(watched, canaries, ids)
        for path in ("/metrics", "/openapi.json", "/docs", "/receipts/public-keys.json"):
            await watched.request("GET", path)
        made = await http.post(f"{ADMIN}/keys", json={"project": "p"}, headers=token)
        return made.json()
