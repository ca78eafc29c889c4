"""A server's data of every kind, made through its API, and all that it answers about them."""

import json

from llmring_core.signing import PrivateKey
from support.processes import CALL, HEADERS
from support.projects import RECEIPTS, a_receipt

LAST_YEAR = "2025-03-01T12:00:00Z"
SIGNING = {"LLMRING_RECEIPTS_PRIVATE_KEY_B64": PrivateKey.generate().seed_text()}
READ = [
    "/api/v1/stats",
    "/api/v1/logs?limit=1000",
    "/api/v1/receipts?limit=1000",
    "/api/v1/receipts/uncertified",
    "/api/v1/templates",
    "/api/v1/mcp/servers",
    "/conversations",
    "/conversations?q=restored",
    "/receipts/public-keys.json",
]


def post(server, path, body):
    answer = server.http.post(path, json=body, headers=HEADERS)
    assert answer.is_success, answer.text
    return answer.json()


def get(server, path):
    answer = server.http.get(path, headers=HEADERS)
    assert answer.is_success, answer.text
    return answer.json()


def fill(server):
    """Have something of everything there is."""
    calls = [{**CALL, "cost": number / 7, "alias": f"a{number % 3}"} for number in range(40)]
    old = {**CALL, "timestamp": LAST_YEAR}
    post(server, "/api/v1/log/batch", [*calls, old])
    for number in range(3):
        post(server, f"{RECEIPTS}/issue", a_receipt(alias=f"é{number}"))
        post(server, f"{RECEIPTS}/generate", {"since_last_receipt": True})
        server.logs()
    said = {"messages": [{"role": "user", "content": "is it restored?"}]}
    call = {"response": {"content": "yes", "finish_reason": "stop"}, "metadata": CALL}
    post(server, "/conversations/log", {**said, **call})
    post(server, "/api/v1/templates", {"name": "t", "system_prompt": "Be {{how}}."})
    mcp = {"name": "demo", "url": "http://127.0.0.1:9/"}
    sealed = {"auth_config": {"type": "bearer", "token": "hunter2"}}
    post(server, "/api/v1/mcp/servers", {**mcp, **sealed})


def everything(server):
    """All that a project can read, and whether its receipts are still true of its rows."""
    answers = {path: get(server, path) for path in READ}
    for receipt in answers["/api/v1/receipts?limit=1000"]:
        if "certified" in receipt:
            path = f"{RECEIPTS}/{receipt['id']}/verify"
            answers[path] = get(server, path)
    (conversation,) = answers["/conversations"]
    path = f"/conversations/{conversation['id']}/messages"
    return answers | {path: get(server, path)}


def save_receipts(server, folder):
    """The receipts of a server and its public keys, as files; how many receipts."""
    receipts = get(server, "/api/v1/receipts?limit=1000")
    (folder / "receipts.json").write_text(json.dumps(receipts))
    (folder / "public-keys.json").write_text(json.dumps(get(server, "/receipts/public-keys.json")))
    return len(receipts)
