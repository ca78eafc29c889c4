"""Every endpoint of the route table: what it takes, as its own description says.

Whoever adds a route gets it fuzzed with the body that its schema has as an example, or, where
that would be refused, with one that is added to `VALID` below.
"""

import base64
import json
import re
from copy import copy
from dataclasses import dataclass, field
from functools import cache

from fastapi.openapi.utils import get_openapi

from llmring_core import clock
from llmring_core.settings import Settings
from llmring_core.signing import PrivateKey
from llmring_server import create_app
from llmring_server.receipts.issuing import sign
from support.projects import a_call, a_receipt
from support.routes import all_routes

ADMIN = "/api/v1/admin"
KEY = PrivateKey.read(base64.b64encode(b"hostile input, hostile input, ok").decode())
RECEIPT = sign(
    {**a_receipt(), "id": "r-1", "timestamp": clock.rfc3339(clock.now()), "cost": {"amount": 1}},
    KEY,
).members
# Bodies that are taken, where the schema has no example that would be.
VALID = {
    "POST /api/v1/log": a_call(cost=0.25, metadata={"a": 1}, origin="o", latency_ms=1),
    "POST /api/v1/log/batch": [a_call(cost=1), a_call(alias="fast", timestamp="2026-03-01")],
    "POST /api/v1/receipts/verify": {"receipt": RECEIPT},
    "POST /api/v1/receipts/issue": a_receipt(cost={"amount": 0.5}, metadata={"a": [1]}),
    "POST /api/v1/receipts": {"receipt": RECEIPT},
    "POST /api/v1/receipts/generate": {"since_last_receipt": True, "tags": ["a"]},
    "POST /api/v1/receipts/preview": {"start_date": "2020-01-01", "end_date": "2030-01-01"},
    "POST /conversations": {"title": "t", "system_prompt": "s", "metadata": {"a": 1}},
    "POST /conversations/log": {
        "messages": [{"role": "user", "content": "hello"}],
        "response": {"content": "hello", "finish_reason": "stop"},
        "metadata": {"provider": "openai", "model": "gpt-4.1", "input_tokens": 12},
    },
    "PATCH /conversations/{conversation_id}": {"title": "t", "temperature": 0.5},
    "POST /conversations/{conversation_id}/messages": {"role": "user", "content": "hello"},
    "POST /conversations/{conversation_id}/messages/batch": {
        "messages": [{"role": "user", "content": "hello", "timestamp": "2026-03-01T12:00:00Z"}]
    },
    "POST /api/v1/mcp/servers": {
        "name": "s",
        "url": "https://mcp.example.org/mcp",
        "auth_config": {"type": "header", "name": "X-Key", "value": "v"},
    },
    "PATCH /api/v1/mcp/servers/{server_id}": {"name": "s", "capabilities": {"a": 1}},
    "PUT /api/v1/mcp/servers/{server_id}": {"name": "s", "policy": "block"},
    "POST /api/v1/mcp/servers/{server_id}/refresh": {
        "tools": [{"name": "t", "description": "d", "inputSchema": {"type": "object"}}],
        "resources": [{"uri": "memo://r", "name": "r"}],
        "prompts": [{"name": "p", "arguments": [{"name": "a"}]}],
    },
    "POST /api/v1/mcp/tools/{tool_id}/approve": {},
    "POST /api/v1/mcp/tools/{tool_id}/execute": {
        "input": {"a": 1},
        "output": {"b": [1]},
        "duration_ms": 5,
    },
    "POST /api/v1/mcp/prompts/{prompt_id}/render": {"name": "x"},
    "POST /api/v1/templates": {"name": "n", "system_prompt": "{{a}}", "tool_config": {"a": 1}},
    "PATCH /api/v1/templates/{template_id}": {"description": "d"},
    "PUT /api/v1/templates/{template_id}": {"max_tokens": 5},
    "POST /api/v1/templates/{template_id}/use": {"variables": {"a": "b"}},
    "POST /api/v1/admin/keys": {"project": "p", "scopes": ["log:write"]},
    "POST /api/v1/admin/keys/{key_id}/rotate": {"overlap_hours": 1},
}
ABOUT_LOGS = ("/api/v1/receipts/generate", "/api/v1/receipts/preview")
# A query without which nothing is done.
NEEDED = {"DELETE /conversations/old-messages": "retention_days=3000"}


@dataclass(frozen=True)
class Endpoint:
    """A method and a path of the route table."""

    method: str
    path: str
    parameters: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    has_body: bool = False
    answers: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self):
        return f"{self.method} {self.path}"

    @property
    def names(self):
        """What its path has names for."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def needs_things(self):
        """Whether it does nothing for a project that has nothing."""
        return bool(self.names) or self.path in ABOUT_LOGS

    @property
    def example(self):
        """A body that it takes."""
        return VALID.get(self.name.replace("/api/v1/conversations", "/conversations"))

    @property
    def query(self):
        return NEEDED.get(self.name.replace("/api/v1/conversations", "/conversations"), "")


@cache
def every_endpoint():
    """All of them, those that delete last."""
    app = create_app(settings=Settings(_env_file=None, database_url="postgresql://nowhere"))
    found = [
        _endpoint(method.upper(), path, operation, described["components"]["schemas"])
        for described in map(_described, all_routes(app))
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    ]
    return sorted(found, key=lambda each: (each.method == "DELETE", each.path, each.method))


def _described(route):
    """What OpenAPI says of a route, of one that is not listed, too."""
    listed = copy(route)
    listed.include_in_schema = True
    return {"components": {"schemas": {}}, **get_openapi(title="", version="", routes=[listed])}


def _endpoint(method, path, operation, schemas):
    queries = [each for each in operation.get("parameters", []) if each["in"] == "query"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return Endpoint(
        method,
        path,
        tuple(each["name"] for each in queries),
        tuple(_members(body["schema"], schemas)) if body else (),
        has_body=body is not None,
        answers=frozenset(
            kind for each in operation["responses"].values() for kind in each.get("content", {})
        ),
    )


def _members(schema, schemas):
    """The names of the members of a body, wherever its schema has them."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    names = list(schema.get("properties", {}))
    for each in schema.get("anyOf", []):
        names += _members(each, schemas)
    return names


def places(value, depth=3):
    """The places in a JSON value, each as the names and indexes that lead there."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in inside:
        yield (key,)
        if isinstance(member, dict | list) and depth > 1:
            yield from ((key, *rest) for rest in places(member, depth - 1))


def spelled(value, place, spelling):
    """JSON with something in a place, in a stranger's own spelling."""
    changed = json.loads(json.dumps(value))
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = "@@"
    return json.dumps(changed).encode().replace(b'"@@"', spelling)
