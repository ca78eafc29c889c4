"""AWS Lambda entry point of the MCP group."""

from llmring_core.lambda_adapter import lambda_handler
from llmring_server.mcp.routes import router

handler = lambda_handler(router)
