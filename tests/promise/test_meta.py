"""What the service says of itself, to anybody."""

import re

import pytest

from llmring_core import __version__


async def test_the_root_says_what_this_is(http):
    answer = (await http.get("/")).json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer.pop("timestamp"))
    assert answer == {
        "service": "llmring-server",
        "version": __version__,
        "status": "operational",
        "endpoints": {
            "health": "/health",
            "registry": "/registry",
            "api": "/api/v1",
            "docs": "/docs",
        },
    }


async def test_health_is_well_when_the_database_answers(http):
    response = await http.get("/health")
    assert response.status_code == 200
    assert response.json()["status"] == "healthy"
    assert response.json()["database"] == "connected"


@pytest.mark.parametrize("path", ["/health", "/registry", "/registry.json", "/api/v1/logs"])
async def test_every_path_answers_with_and_without_a_slash(alice, path):
    bare, slashed = await alice.ask("GET", path), await alice.ask("GET", f"{path}/")
    assert bare.status_code == slashed.status_code == 200


async def test_an_unknown_path_is_a_problem(http):
    response = await http.get("/nowhere")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == "Not Found"


async def test_the_documentation_is_served(local):
    assert "swagger" in (await local.get("/docs")).text.lower()
    assert "/api/v1/log" in (await local.get("/openapi.json")).json()["paths"]


@pytest.mark.parametrize("path", ["/", "/health", "/registry", "/openapi.json"])
async def test_head_is_answered_as_get_is_without_the_body(local, path):
    one, other = await local.head(path), await local.get(path)
    assert (one.status_code, one.content) == (200, b"")
    assert one.headers["content-type"] == other.headers["content-type"]
