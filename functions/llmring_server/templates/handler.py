"""AWS Lambda entry point of the templates group."""

from llmring_core.lambda_adapter import lambda_handler
from llmring_server.templates.routes import router

handler = lambda_handler(router)
