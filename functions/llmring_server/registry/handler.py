"""AWS Lambda entry point of the registry group."""

from llmring_core.lambda_adapter import lambda_handler
from llmring_server.registry.routes import router

handler = lambda_handler(router)
