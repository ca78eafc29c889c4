"""Between rows of definitions and what goes over the wire."""

import json
from typing import Any

from llmring_core.connection import Row
from llmring_server.mcp.listings import Prompt, Resource, Tool


def tool(row: Row) -> Tool:
    """Read the row of a tool."""
    definition = json.loads(row["definition"])
    return Tool(
        **_common(row, definition),
        name=row["name"],
        input_schema=_object(definition.get("inputSchema")) or {},
        output_schema=_object(definition.get("outputSchema")),
        annotations=_object(definition.get("annotations")),
        is_approved=row["digest"] == row["approved_digest"],
    )


def resource(row: Row) -> Resource:
    """Read the row of a resource or a template."""
    definition = json.loads(row["definition"])
    return Resource(
        **_common(row, definition),
        uri=row["name"],
        name=_string(definition.get("name")),
        mime_type=_string(definition.get("mimeType")),
        is_template=row["kind"] == "resource_template",
    )


def prompt(row: Row) -> Prompt:
    """Read the row of a prompt."""
    definition = json.loads(row["definition"])
    arguments = definition.get("arguments")
    return Prompt(
        **_common(row, definition),
        name=row["name"],
        arguments=arguments if isinstance(arguments, list | dict) else [],
    )


def _common(row: Row, definition: dict[str, Any]) -> dict[str, Any]:
    server = {
        "id": row["server_id"],
        "name": row["server_name"],
        "is_active": row["server_is_active"],
    }
    return {
        "id": row["id"],
        "server_id": row["server_id"],
        "server": server,
        "is_active": row["is_active"] and row["server_is_active"],
        "version": row["version"],
        "digest": row["digest"],
        "first_seen_at": row["first_seen_at"],
        "last_seen_at": row["last_seen_at"],
        "description": _string(definition.get("description")),
        "definition": definition,
    }


def _object(value: Any) -> dict[str, Any] | None:
    """What a stranger told, if it is what it should be."""
    return value if isinstance(value, dict) else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None
