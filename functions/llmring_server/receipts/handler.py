"""AWS Lambda entry point of the receipts group."""

from llmring_core import cold_start
from llmring_core.dependencies import hold_keys
from llmring_core.lambda_adapter import lambda_handler
from llmring_server.receipts.routes import router

handler = cold_start.ends_with(lambda_handler(router, prepare=hold_keys))
