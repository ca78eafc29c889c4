"""Registered keys, as an operator makes them and clients use them."""

from datetime import datetime

from support.projects import a_call

NOBODY = "01a20b58-e53b-74d4-bfbd-eb894b64570c"
TOKEN = "an-operators-token-of-enough-length"
KEYS = "/api/v1/admin/keys"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


async def made(http, **members):
    response = await http.post(KEYS, json={"project": "billing", **members}, headers=OPERATOR)
    assert response.status_code == 201, response.text
    return response.json()


async def status(http, key, path="/api/v1/stats"):
    return (await http.get(path, headers={"X-API-Key": key})).status_code


async def log(http, key):
    return await http.post("/api/v1/log", json=a_call(cost=1), headers={"X-API-Key": key})


async def requests_of(http, key):
    stats = (await http.get("/api/v1/stats", headers={"X-API-Key": key})).json()
    return stats["summary"]["total_requests"]


async def rotate(http, key, **how):
    path = f"{KEYS}/{key['key_id']}/rotate"
    return await http.post(path, json=how or None, headers=OPERATOR)


def when(text):
    return datetime.fromisoformat(text)
