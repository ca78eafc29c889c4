"""What a real server says to browsers, which have to be kept from showing and sending things."""

import pytest

from hostile.endpoints import ADMIN, every_endpoint
from hostile.pair import database
from support.processes import CALL, HEADERS, Server, data_folder, until

OURS = "https://app.example.org"
SECURE = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
# Others, and those that only look like ours.
FOREIGN = ["https://evil.example", "null", f"{OURS}.evil.example", f"{OURS}:444", OURS.upper(),
           "http://app.example.org", f"{OURS}/", "https://evil.example#app.example.org",
           "*"]  # fmt: skip
ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}


@pytest.fixture(scope="module")
def server():
    with data_folder() as folder, database() as url:
        server = Server(data_dir=folder, LLMRING_DATABASE_URL=url, LLMRING_CORS_ORIGINS=OURS)
        try:
            until(server.is_healthy)
            yield server
        finally:
            server.close()


def allowed(answer):
    return {name: value for name, value in answer.headers.items() if "allow-" in name}


@pytest.mark.parametrize("origin", FOREIGN)
def test_another_origin_is_allowed_nothing(server, origin):
    headers = {**HEADERS, "Origin": origin}
    for path in ("/api/v1/stats", "/registry", "/", "/nothing"):
        assert allowed(server.http.get(path, headers=headers)) == {}
    posted = server.http.post("/api/v1/log", json=CALL, headers=headers)
    assert allowed(posted) == {}
    before = server.http.options("/api/v1/log", headers={"Origin": origin, **ASKED})
    assert before.status_code == 400
    assert "access-control-allow-origin" not in before.headers


def test_an_origin_of_the_list_is_allowed_by_its_name_and_without_credentials(server):
    answer = server.http.get("/api/v1/stats", headers={**HEADERS, "Origin": OURS})
    assert allowed(answer) == {"access-control-allow-origin": OURS}
    assert "Origin" in answer.headers["vary"]
    before = server.http.options("/api/v1/log", headers={"Origin": OURS, **ASKED})
    assert before.status_code == 200
    assert before.headers["access-control-allow-origin"] == OURS
    assert before.headers["access-control-allow-headers"] == "x-api-key"
    assert "access-control-allow-credentials" not in before.headers


def test_with_every_origin_there_are_no_credentials_either():
    with data_folder() as folder, database() as url:
        server = Server(data_dir=folder, LLMRING_DATABASE_URL=url, LLMRING_CORS_ORIGINS="*")
        try:
            until(server.is_healthy)
            headers = {**HEADERS, "Origin": OURS, "Cookie": "a=b"}
            answer = server.http.get("/api/v1/stats", headers=headers)
            before = server.http.options("/api/v1/log", headers={**headers, **ASKED})
        finally:
            server.close()
    for each in (answer, before):
        assert each.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in each.headers


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", "/health", {}),
        ("POST", "/api/v1/log", {"json": CALL, "headers": HEADERS}),
        ("POST", "/api/v1/log", {"json": CALL, "headers": HEADERS | {"X-More": "long way"}}),
        ("GET", "/api/v1/stats", {}),
        ("GET", "/api/v1/logs/export", {"headers": HEADERS}),
        ("GET", "/nothing", {}),
        ("DELETE", "/health", {}),
        ("HEAD", "/health", {}),
    ],
)
def test_no_answer_names_its_software_and_all_are_secured(server, method, path, options):
    answer = server.http.request(method, path, **options)
    assert not {"server", "x-powered-by", "via"} & set(answer.headers)
    assert {name: answer.headers[name] for name in SECURE} == SECURE


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_no_endpoint_takes_a_body_that_a_page_could_send_without_asking(server, kind):
    for endpoint in every_endpoint():
        if not endpoint.has_body or endpoint.path.startswith(ADMIN):
            continue
        path = endpoint.path.replace("{", "").replace("}", "")
        for name in endpoint.names:
            path = path.replace(name, "01890a5d-ac96-774b-bcce-b302099a8057")
        headers = {**HEADERS, "Content-Type": kind}
        answer = server.http.request(endpoint.method, path, content=b'{"a": 1}', headers=headers)
        (place,) = answer.json()["detail"]
        assert (answer.status_code, place["type"]) == (422, "content_type"), endpoint.name
