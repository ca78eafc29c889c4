"""Servers are spoken to: the Model Context Protocol, with the official SDK, as a client.

The SDK is imported only when a call goes out: it costs a cold start 0.8 s.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmring_core.errors import BadGateway
from llmring_server.mcp.definitions import Found, Kind
from llmring_server.mcp.transports import first_cause
from llmring_server.mcp.values import MAX_VALUES, values_in

if TYPE_CHECKING:
    from mcp import Client

log = logging.getLogger("llmring.mcp")

# What a tool itself said; the rest is of the protocol.
RESULT = ("content", "structuredContent", "isError")
MAX_PAGES = 200
MAX_FOUND = 5000
MAX_NAME = 2048
MAX_FOUND_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server says of itself and offers."""

    protocol_version: str
    capabilities: dict[str, Any]
    server_info: dict[str, Any] | None
    found: list[Found]


async def lives(client: "Client", *, is_process: bool) -> bool:
    """Whether a client that was not used for a while can be used.

    Only one with a session, or with a process, has to ask; a stateless one over HTTP has nothing
    to lose. The stateless revision has no ping, so a process is asked for its tools.
    """
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

    is_stateless = client.protocol_version in MODERN_PROTOCOL_VERSIONS
    if is_stateless and not is_process:
        return True
    try:
        await (client.list_tools() if is_stateless else client.session.send_ping())
    except Exception as error:  # noqa: BLE001 - whatever the reason, the answer is no
        log.info("an idle connection to a server was lost: %s", type(first_cause(error)).__name__)
        return False
    return True


async def discover(client: "Client") -> Offer:
    """Ask a server for all that it offers, over all pages."""
    capabilities = client.server_capabilities
    found: list[Found] = []
    if capabilities.tools is not None:
        found += await _all(client.list_tools, "tools", "tool")
    if capabilities.resources is not None:
        found += await _all(client.list_resources, "resources", "resource")
        templates = client.list_resource_templates
        found += await _all(templates, "resource_templates", "resource_template")
    if capabilities.prompts is not None:
        found += await _all(client.list_prompts, "prompts", "prompt")
    info = client.server_info
    return Offer(
        protocol_version=client.protocol_version,
        capabilities=_plain(capabilities),
        server_info=None if info is None else _plain(info),
        found=found,
    )


async def call_tool(client: "Client", name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run a tool and return what it said, as the protocol writes it."""
    result = _plain(await client.call_tool(name, arguments))
    return {name: result[name] for name in RESULT if name in result}


async def tool_digest(client: "Client", name: str) -> str | None:
    """The digest of a tool as its server describes it now; None if it does not offer it."""
    for each in await _all(client.list_tools, "tools", "tool"):
        if each.name == name:
            return each.digest
    return None


async def read_resource(client: "Client", uri: str) -> dict[str, Any]:
    """Read a resource: its contents, as the protocol writes them."""
    return _plain(await client.read_resource(uri))


def is_of_template(uri: str, template: str) -> bool:
    """Whether a URI can be had from a template (RFC 6570) by filling it in."""
    from mcp.shared.uri_template import InvalidUriTemplate, UriTemplate

    try:
        return UriTemplate.parse(template).match(uri) is not None
    except InvalidUriTemplate:
        return True  # the server may know what it means


async def get_prompt(client: "Client", name: str, arguments: dict[str, str]) -> dict[str, Any]:
    """Have a prompt rendered: its messages, as the protocol writes them."""
    return _plain(await client.get_prompt(name, arguments))


async def _all(fetch: Callable[..., Awaitable[Any]], member: str, kind: Kind) -> list[Found]:
    """All definitions of a kind, over all pages.

    Raises:
        BadGateway: there are more than we keep, or the pages have no end.
    """
    found: list[Found] = []
    size = values = 0
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await fetch(cursor=cursor)
        for each in getattr(page, member):
            definition = _plain(each)
            found.append(Found(kind, definition))
            text = json.dumps(definition).encode()
            size, values = size + len(text), values + values_in(text)
            if len(found[-1].name) > MAX_NAME:
                raise BadGateway(f"The server has a {kind} with a name that no list can hold.")
        cursor = page.next_cursor
        if len(found) > MAX_FOUND or size > MAX_FOUND_BYTES or values > MAX_VALUES:
            break
        if cursor is None:
            return found
    raise BadGateway(
        f"The server has more than {MAX_FOUND} {member}, or more than {MAX_FOUND_BYTES} bytes or "
        f"{MAX_VALUES} values of them, or its pages have no end."
    )


def _plain(model: Any) -> dict[str, Any]:
    """What the SDK read, as the protocol writes it."""
    written: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return written
