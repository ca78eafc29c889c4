"""AWS Lambda entry point of the receipts group."""

from llmring_core.key_ring import hold_keys
from llmring_core.lambda_adapter import lambda_handler
from llmring_server.receipts.routes import router

handler = lambda_handler(router, prepare=hold_keys)
