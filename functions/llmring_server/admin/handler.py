"""AWS Lambda entry point of the admin group."""

from llmring_core import cold_start
from llmring_core.lambda_adapter import lambda_handler
from llmring_server.admin.routes import router

handler = cold_start.ends_with(lambda_handler(router))
