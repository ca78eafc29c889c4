"""AWS Lambda entry point of the conversations group."""

from llmring_core.lambda_adapter import lambda_handler
from llmring_server.conversations.routes import router

handler = lambda_handler(router)
