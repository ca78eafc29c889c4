"""AWS Lambda entry point of the MCP group."""

from functools import partial

from llmring_core import cold_start
from llmring_core.lambda_adapter import lambda_handler
from llmring_server.mcp.connections import hold_connections
from llmring_server.mcp.routes import router

# A container sleeps between requests: a connection would not outlive that.
handler = cold_start.ends_with(
    lambda_handler(router, prepare=partial(hold_connections, keep=False))
)
