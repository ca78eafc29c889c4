"""Resources are read and prompts rendered, by their servers, now."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from llmring_core.callers import Caller
from llmring_core.database import Database
from llmring_core.errors import Unprocessable
from llmring_server.mcp import remote
from llmring_server.mcp.connections import Connections
from llmring_server.mcp.contents import Content, Contents, Rendered
from llmring_server.mcp.definitions import Kind
from llmring_server.mcp.failures import ServerError
from llmring_server.mcp.targets import DEFAULT_SECONDS, offered

# JSON-RPC 2.0, section 5.1, and the protocol's own of the revisions before 2026.
INVALID_PARAMS, RESOURCE_NOT_FOUND = -32602, -32002

RESOURCES: list[Kind] = ["resource", "resource_template"]


async def read(
    database: Database,
    connections: Connections,
    caller: Caller,
    resource_id: UUID,
    uri: str | None,
) -> Contents:
    """Read a resource.

    Raises:
        NotFound, AlreadyExists: as `offered`.
        Unprocessable: it is a template and no URI of it is given, or the other way round.
        BadGateway, GatewayTimeout, Forbidden: its server cannot be used.
    """
    resource = await offered(database, caller, resource_id, RESOURCES, connections.settings)
    if (resource.kind == "resource_template") != (uri is not None):
        raise Unprocessable("A template, and only a template, is read with `uri`, filled in.")
    wanted = uri or resource.name
    if uri is not None and not remote.is_of_template(uri, resource.name):
        raise Unprocessable(f"The uri is none of the template {resource.name}.")
    with _faults_of_the_caller():
        async with connections.use(resource.target, DEFAULT_SECONDS) as client:
            result = await remote.read_resource(client, wanted)
    return Contents(
        resource_id=resource_id,
        uri=wanted,
        contents=[
            Content(
                uri=each["uri"],
                mime_type=each.get("mimeType"),
                text=each.get("text"),
                blob=each.get("blob"),
            )
            for each in result["contents"]
        ],
    )


@contextmanager
def _faults_of_the_caller() -> Iterator[None]:
    """Make what a server says of a URI or of arguments the fault of who gave them."""
    try:
        yield
    except ServerError as error:
        if error.number in (INVALID_PARAMS, RESOURCE_NOT_FOUND):
            raise Unprocessable(error.message) from error
        raise


async def render(
    database: Database,
    connections: Connections,
    caller: Caller,
    prompt_id: UUID,
    arguments: dict[str, Any],
) -> Rendered:
    """Have a prompt rendered.

    Raises:
        NotFound, AlreadyExists: as `offered`.
        Unprocessable: a required argument is missing.
        BadGateway, GatewayTimeout, Forbidden: its server cannot be used.
    """
    prompt = await offered(database, caller, prompt_id, ["prompt"], connections.settings)
    texts = text_arguments(arguments, prompt.definition)
    with _faults_of_the_caller():
        async with connections.use(prompt.target, DEFAULT_SECONDS) as client:
            result = await remote.get_prompt(client, prompt.name, texts)
    return Rendered(
        prompt_id=prompt_id,
        name=prompt.name,
        description=result.get("description"),
        messages=result["messages"],
    )


def text_arguments(given: dict[str, Any], definition: dict[str, Any]) -> dict[str, str]:
    """The arguments of a prompt, which are texts.

    Raises:
        Unprocessable: one that is required is missing; the message names it.
    """
    declared = definition.get("arguments")
    named = (
        [each for each in declared if isinstance(each, dict)] if isinstance(declared, list) else []
    )
    required = [str(each.get("name")) for each in named if each.get("required") is True]
    if missing := [name for name in required if given.get(name) is None]:
        raise Unprocessable(f"The prompt needs arguments that are missing: {', '.join(missing)}.")
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in given.items()
        if value is not None
    }
