"""A host is resolved once; what it resolved to is checked, and that is connected to."""

import socket
from ipaddress import ip_network

import httpcore2
import httpx2
import pytest

from llmring_core.errors import Forbidden
from llmring_core.settings import Settings
from llmring_server.mcp import network
from llmring_server.mcp.http_client import client_of
from llmring_server.mcp.network import CheckedBackend, Guard

ALLOWED = Settings(_env_file=None, mcp_allowed_networks=(ip_network("127.0.0.0/8"),))
NONE = Settings(_env_file=None)


@pytest.fixture
def connected(monkeypatch):
    """The addresses that were connected to; none answers."""
    addresses = []

    async def connect_tcp(self, host, port, *rest):
        addresses.append(host)
        raise httpcore2.ConnectError("nobody there")

    monkeypatch.setattr(network.AnyIOBackend, "connect_tcp", connect_tcp)
    return addresses


@pytest.fixture
def dns(monkeypatch):
    """Answers each question with the next list of addresses."""
    answers = []

    def getaddrinfo(host, port, **options):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answers.pop(0)
        ]

    monkeypatch.setattr(network.socket, "getaddrinfo", getaddrinfo)
    return answers


async def test_a_second_answer_of_the_dns_is_never_asked_for(connected, dns):
    dns += [["8.8.8.8"], ["127.0.0.1"]]
    with pytest.raises(httpcore2.ConnectError):
        await CheckedBackend(Guard(NONE)).connect_tcp("rebind.example", 80)
    assert (connected, len(dns)) == (["8.8.8.8"], 1)


@pytest.mark.parametrize("answer", [["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"]])
async def test_one_private_address_is_one_too_many(connected, dns, answer):
    dns.append(answer)
    guard = Guard(NONE)
    with pytest.raises(Forbidden):
        await CheckedBackend(guard).connect_tcp("mixed.example", 80)
    assert (connected, "10.0.0.1" in str(guard.refusal)) == ([], True)


async def test_every_address_is_tried_before_it_fails(connected, dns):
    dns.append(["8.8.8.8", "1.1.1.1"])
    with pytest.raises(httpcore2.ConnectError):
        await CheckedBackend(Guard(NONE)).connect_tcp("public.example", 80)
    assert connected == ["8.8.8.8", "1.1.1.1"]


@pytest.mark.parametrize(
    ("allowed", "host", "passes"),
    [
        ("tools.example", "tools.example", True),
        ("tools.example", "TOOLS.example.", True),
        ("tools.example", "a.tools.example", False),
        ("*.tools.example", "a.tools.example", True),
        ("*.tools.example", "tools.example", False),
        ("*.tools.example", "eviltools.example", False),
    ],
)
async def test_a_host_is_allowed_by_its_whole_name(connected, dns, allowed, host, passes):
    dns.append(["10.0.0.1"])
    guard = Guard(Settings(_env_file=None, mcp_allowed_hosts=(allowed,)))
    with pytest.raises(httpcore2.ConnectError if passes else Forbidden):
        await CheckedBackend(guard).connect_tcp(host, 80)


async def test_the_client_connects_over_the_checked_backend(connected, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
    async with client_of(Guard(NONE), {}, 5, is_streamable=False) as client:
        with pytest.raises(Forbidden):
            await client.get("http://127.0.0.1:9/")
    async with client_of(Guard(ALLOWED), {}, 5, is_streamable=False) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get("http://127.0.0.1:1/")
    assert connected == ["127.0.0.1"]


async def test_no_unix_socket_is_connected_to():
    with pytest.raises(Forbidden):
        await CheckedBackend(Guard(ALLOWED)).connect_unix_socket("/run/docker.sock")
