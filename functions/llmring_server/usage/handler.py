"""AWS Lambda entry point of the usage group."""

from llmring_core.lambda_adapter import lambda_handler
from llmring_server.usage.container import prepare
from llmring_server.usage.routes import router

handler = lambda_handler(router, prepare=prepare)
