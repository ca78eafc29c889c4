"""For whom a server answers: Host gives away a web page that points its name to this machine."""

import pytest

from support.processes import CALL, HEADERS, until

HERE = (
    *("127.0.0.1", "127.0.0.1:8000", "127.0.0.2", "localhost", "LOCALHOST:1"),
    *("[::1]:8000", "[0:0:0:0:0:0:0:1]"),
)
ELSEWHERE = (
    *("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", ""),
    *("localhost@evil", "localhost:x@evil", "127.0.0.1:80:evil"),
)
LOOPBACK_LINE = "MCP servers    on this machine may be called"


def status(server, host, method="GET", path="/api/v1/logs", **options):
    headers = {**HEADERS, "Host": host}
    return server.http.request(method, path, headers=headers, **options).status_code


def test_a_server_on_loopback_answers_who_names_this_machine(start):
    server = start()
    assert {host: status(server, host) for host in HERE} == dict.fromkeys(HERE, 200)
    assert {host: status(server, host) for host in ELSEWHERE} == dict.fromkeys(ELSEWHERE, 421)


def test_who_names_another_host_changes_nothing(start):
    server = start()
    assert status(server, "evil.example", "POST", "/api/v1/log", json=CALL) == 421
    assert server.rows() == []


def test_a_request_that_is_misdirected_is_told_so(start):
    answer = start().http.get("/", headers={"Host": "evil.example", "X-Request-Id": "mine"})
    assert answer.json()["detail"].endswith("LLMRING_ALLOWED_HOSTS names others.")
    assert (answer.json()["request_id"], answer.headers["X-Request-Id"]) == ("mine", "mine")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_request_that_is_misdirected_is_logged_and_counted(start):
    server = start(LLMRING_METRICS="true")
    server.http.get("/", headers={"Host": "evil.example", "X-Request-Id": "mine"})
    until(lambda: "[mine] llmring.access: GET / 421" in server.output.read_text())
    assert 'route="unmatched",status="421"' in server.http.get("/metrics").text


@pytest.mark.parametrize("host", ["LOCALHOST", "127.1"])
def test_loopback_is_loopback_however_it_is_written(start, host):
    server = start("--host", host)
    assert [status(server, each) for each in ("localhost", "evil.example")] == [200, 421]


def test_a_server_behind_a_proxy_answers_for_the_hosts_that_it_is_given(start):
    server = start(LLMRING_ALLOWED_HOSTS="llmring.example.org,*.internal.example.org")
    hosts = ("llmring.example.org", "a.internal.example.org:443", "127.0.0.1")
    assert {host: status(server, host) for host in hosts} == dict.fromkeys(hosts, 200)
    assert status(server, "example.org") == 421
    assert LOOPBACK_LINE not in server.first_lines()


@pytest.mark.parametrize(
    ("options", "variables"),
    [(("--host", "0.0.0.0"), {}), ((), {"LLMRING_ALLOWED_HOSTS": "*"})],
    ids=["other machines", "any"],
)
def test_elsewhere_a_server_is_whatever_it_is_called(start, options, variables):
    assert status(start(*options, **variables), "evil.example") == 200


def test_every_worker_knows_who_it_is(start):
    server = start("--workers", "2")
    assert {status(server, "evil.example") for _ in range(20)} == {421}
