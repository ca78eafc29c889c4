"""Which addresses we refuse to connect to for a user. Pure.

A server that fetches what its users name is a target: through it they would reach what only its
own network may (CWE-918).
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from llmring_core.errors import Forbidden

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Relays of 6to4 (RFC 7526) and addresses of a site (RFC 3879), both given up, but still routed.
_GIVEN_UP = (ip_network("192.88.99.0/24"), ip_network("fec0::/10"))
# For documentation (RFC 9637) and segment routing (RFC 9602), which not every Python knows yet.
_SPECIAL = (ip_network("3fff::/20"), ip_network("5f00::/16"))
# Ranges that lead to an IPv4 address: translated (RFC 6052, RFC 8215) and 6to4 (RFC 3056).
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_SIX_TO_FOUR = ip_network("2002::/16")
_TEREDO = ip_network("2001::/32")
_COMPATIBLE = ip_network("::/96")
_TRANSLATED = ip_network("::ffff:0:0:0/96")
# What clouds answer at, public or not: AWS over IPv6, and Azure's host.
_METADATA = (ip_address("fd00:ec2::254"), ip_address("168.63.129.16"))


def refuse_private(address: Address, allowed: Iterable[Network] = ()) -> None:
    """Let an address pass that is on the public internet, or in a network that is allowed.

    Raises:
        Forbidden: it is neither.
    """
    if any(address.version == network.version and address in network for network in allowed):
        return
    if not is_public(address):
        raise Forbidden(
            f"{address} is not on the public internet; LLMRING_MCP_ALLOWED_NETWORKS can allow it."
        )


def is_public(address: Address) -> bool:
    """Whether an address, and an IPv4 address that hides in it, is one of the public internet."""
    if address in _METADATA or address.is_multicast or not address.is_global:
        return False
    if any(address in each for each in (*_GIVEN_UP, *_SPECIAL)):
        return False
    if isinstance(address, IPv4Address):
        return True
    return not _hides_another(address)


def _hides_another(address: IPv6Address) -> bool:
    """Whether traffic to an IPv6 address may end at an IPv4 address; whichever that is."""
    ranges = (*_NAT64, _SIX_TO_FOUR, _TEREDO, _COMPATIBLE, _TRANSLATED)
    return address.ipv4_mapped is not None or any(address in each for each in ranges)
