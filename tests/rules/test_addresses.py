"""Which addresses are not connected to for a user."""

from ipaddress import ip_address, ip_network

import pytest

from llmring_core.errors import Forbidden
from llmring_server.mcp.addresses import refuse_private

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "::ffff:0:7f00:1",
    "3fff::1",
    "5f00::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_on_the_public_internet_is_refused(address):
    with pytest.raises(Forbidden, match="LLMRING_MCP_ALLOWED_NETWORKS"):
        refuse_private(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::1"])
def test_what_is_public_may_be_connected_to(address):
    refuse_private(ip_address(address))


def test_a_network_that_is_allowed_may_be_connected_to_and_no_other():
    allowed = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    refuse_private(ip_address("10.1.2.3"), allowed)
    refuse_private(ip_address("fd00::1"), allowed)
    with pytest.raises(Forbidden):
        refuse_private(ip_address("10.2.0.1"), allowed)


def test_an_address_is_not_allowed_by_hiding_in_another():
    with pytest.raises(Forbidden):
        refuse_private(ip_address("::ffff:10.1.2.3"), [ip_network("10.1.0.0/16")])
