"""Who may ask for what: every route is in a table, so that a new one without a scope is noticed."""

import httpx
import pytest
from fastapi.routing import APIRoute

from conftest import client_of
from llmring_core import auth
from llmring_core.openapi_errors import calls_of
from llmring_core.settings import Settings
from llmring_server import create_app
from llmring_server.admin.routes import _operator
from support.registered_keys import NOBODY, TOKEN
from support.routes import all_routes

# What is at /conversations is at /api/v1/conversations too.
SCOPES = """
log:write           POST   /api/v1/log
log:write           POST   /api/v1/log/batch
stats:read          GET    /api/v1/logs
stats:read          GET    /api/v1/logs/export
stats:read          GET    /api/v1/logs/{log_id}
stats:read          GET    /api/v1/stats
receipts:write      POST   /api/v1/receipts/issue
receipts:write      POST   /api/v1/receipts
receipts:read       GET    /api/v1/receipts
receipts:write      POST   /api/v1/receipts/generate
receipts:read       POST   /api/v1/receipts/preview
receipts:read       GET    /api/v1/receipts/uncertified
receipts:read       GET    /api/v1/receipts/{receipt_id}
receipts:read       GET    /api/v1/receipts/{receipt_id}/verify
receipts:read       GET    /api/v1/receipts/{receipt_id}/logs
receipts:read       GET    /api/v1/receipts/{receipt_id}/logs/{log_id}/proof
conversations:write POST   /conversations
conversations:read  GET    /conversations
conversations:write POST   /conversations/log
conversations:write DELETE /conversations/old-messages
conversations:read  GET    /conversations/{conversation_id}
conversations:write PATCH  /conversations/{conversation_id}
conversations:write DELETE /conversations/{conversation_id}
conversations:read  GET    /conversations/{conversation_id}/export
conversations:read  GET    /conversations/{conversation_id}/messages
conversations:write POST   /conversations/{conversation_id}/messages
conversations:write POST   /conversations/{conversation_id}/messages/batch
mcp:execute         POST   /api/v1/mcp/servers
mcp:read            GET    /api/v1/mcp/servers
mcp:read            GET    /api/v1/mcp/servers/{server_id}
mcp:execute         PATCH  /api/v1/mcp/servers/{server_id}
mcp:execute         PUT    /api/v1/mcp/servers/{server_id}
mcp:execute         DELETE /api/v1/mcp/servers/{server_id}
mcp:execute         POST   /api/v1/mcp/servers/{server_id}/refresh
mcp:read            GET    /api/v1/mcp/servers/{server_id}/changes
mcp:read            GET    /api/v1/mcp/tools
mcp:read            GET    /api/v1/mcp/tools/{tool_id}
mcp:execute         POST   /api/v1/mcp/tools/{tool_id}/approve
mcp:execute         POST   /api/v1/mcp/tools/{tool_id}/execute
mcp:read            GET    /api/v1/mcp/tools/{tool_id}/history
mcp:read            GET    /api/v1/mcp/resources
mcp:read            GET    /api/v1/mcp/resources/{resource_id}
mcp:execute         GET    /api/v1/mcp/resources/{resource_id}/content
mcp:read            GET    /api/v1/mcp/prompts
mcp:read            GET    /api/v1/mcp/prompts/{prompt_id}
mcp:execute         POST   /api/v1/mcp/prompts/{prompt_id}/render
conversations:write POST   /api/v1/templates
conversations:read  GET    /api/v1/templates
conversations:read  GET    /api/v1/templates/stats
conversations:read  GET    /api/v1/templates/{template_id}
conversations:write PATCH  /api/v1/templates/{template_id}
conversations:write PUT    /api/v1/templates/{template_id}
conversations:write DELETE /api/v1/templates/{template_id}
conversations:write POST   /api/v1/templates/{template_id}/use
"""
OF_THE_OPERATOR = {
    ("POST", "/api/v1/admin/keys"),
    ("GET", "/api/v1/admin/keys"),
    ("POST", "/api/v1/admin/keys/{key_id}/rotate"),
    ("DELETE", "/api/v1/admin/keys/{key_id}"),
}
PUBLIC = {
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/metrics"),
    ("GET", "/registry"),
    ("GET", "/registry.json"),
    ("GET", "/receipts/public-key.pem"),
    ("GET", "/receipts/public-keys.json"),
    ("POST", "/api/v1/receipts/verify"),
}
PAGES = {"/docs", "/docs/oauth2-redirect", "/openapi.json", "/redoc"}


def an_app():
    settings = Settings(
        _env_file=None, database_url="postgresql://x", metrics=True, admin_token=TOKEN
    )
    return create_app(settings=settings)


APP = an_app()
ROUTES = {(method, each.path): each for each in all_routes(APP) for method in each.methods}


def table():
    for scope, method, path in map(str.split, SCOPES.strip().splitlines()):
        yield (method, path), [scope]
        if path.startswith("/conversations"):
            yield (method, f"/api/v1{path}"), [scope]


def scopes_of(route):
    return sorted(
        {each.scope for each in calls_of(route.dependant) if isinstance(each, auth.Needs)}
    )


def asks_for(call):
    return {place for place, route in ROUTES.items() if call in calls_of(route.dependant)}


def test_every_route_of_projects_asks_for_the_scope_in_the_table():
    asked = {place: scopes_of(ROUTES[place]) for place in asks_for(auth._caller)}
    assert asked == dict(table())


def test_keys_are_made_and_ended_by_the_operator_alone():
    assert asks_for(_operator) == OF_THE_OPERATOR


def test_only_what_is_meant_for_everybody_asks_for_neither_caller_nor_operator():
    assert ROUTES.keys() - asks_for(auth._caller) - asks_for(_operator) == PUBLIC


def test_no_other_kind_of_route_is_there_but_the_pages_of_the_documentation():
    others = [
        each
        for each in APP.router.routes
        if not isinstance(each, APIRoute) and not hasattr(each, "original_router")
    ]
    assert {each.path for each in others} == PAGES


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES.keys() - PUBLIC))
async def test_what_is_not_public_refuses_who_has_no_key(method, path):
    url = "/".join(NOBODY if part.startswith("{") else part for part in path.split("/"))
    async with client_of(httpx.ASGITransport(APP)) as client:
        response = await client.request(method, url)
    assert response.status_code == 401
