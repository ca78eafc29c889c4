"""What HTTP sees of the MCP group."""

from fastapi import APIRouter

from llmring_server.mcp.content_routes import prompts, resources
from llmring_server.mcp.server_routes import servers
from llmring_server.mcp.tool_routes import tools

router = APIRouter()
for part in (servers, tools, resources, prompts):
    router.include_router(part)
