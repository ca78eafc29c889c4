"""One of everything that a project can have, by the names that paths have for their ids."""

from support.conversations import added, begun, said
from support.mcp import MCP, refreshed, registered
from support.projects import a_call, a_receipt


async def one_of_each(project, url, text):
    """Make them, with a text in each; the MCP server is to be called at the URL."""
    conversation = await begun(project, title=text)
    await added(project, conversation, said(text))
    logged = await project.logs(a_call(origin=text))
    issued = (await project.asks_for_receipt(a_receipt(alias=text))).json()
    body = {"name": text, "system_prompt": "p"}
    template = (await project.ask("POST", "/api/v1/templates", json=body)).json()
    server = await registered(project, url, name=text)
    found = {"tools": [{"name": "t", "inputSchema": {}}], "prompts": [{"name": "p"}]}
    await refreshed(project, server, found | {"resources": [{"uri": "memo://r"}]})
    kinds = {"tool_id": "tools", "resource_id": "resources", "prompt_id": "prompts"}
    definitions = {
        name: (await project.reads(f"{MCP}/{kind}"))[0]["id"] for name, kind in kinds.items()
    }
    return {
        "conversation_id": conversation["id"],
        "log_id": logged["log_id"],
        "receipt_id": issued["id"],
        "template_id": template["id"],
        "server_id": server["id"],
        **definitions,
    }
