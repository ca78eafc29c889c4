"""Lists of what is large end a page early, and lead on to the next."""

import pytest

from support.projects import RECEIPTS, a_call

LARGE = "x" * 900_000
MANY = 8


async def template(alice, number):
    body = {"name": f"t{number}", "system_prompt": LARGE}
    return await alice.ask("POST", "/api/v1/templates", json=body)


async def server(alice, number):
    url = "https://mcp.example.org/mcp"
    body = {"name": f"s{number}", "url": url, "capabilities": {"said": LARGE}}
    return await alice.ask("POST", "/api/v1/mcp/servers", json=body)


async def call(alice, number):
    body = a_call(cost=number, metadata={"said": LARGE})
    return await alice.ask("POST", "/api/v1/log", json=body)


@pytest.mark.parametrize(
    ("path", "add", "identifier"),
    [
        ("/api/v1/templates", template, "id"),
        ("/api/v1/mcp/servers", server, "id"),
        (f"{RECEIPTS}/uncertified", call, "log_id"),
    ],
    ids=["templates", "servers", "uncertified"],
)
async def test_a_page_of_what_is_large_ends_early_and_leads_on(alice, path, add, identifier):
    for number in range(MANY):
        assert (await add(alice, number)).status_code == 200
    seen, pages = set(), 0
    while path:
        response = await alice.ask("GET", path)
        assert len(response.content) < 5_500_000
        seen |= {each[identifier] for each in response.json()}
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
        pages += 1
    assert (len(seen), pages) == (MANY, 2)
