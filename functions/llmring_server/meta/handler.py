"""AWS Lambda entry point of the meta group."""

from llmring_core.lambda_adapter import lambda_handler
from llmring_server.meta.routes import router

handler = lambda_handler(router)
