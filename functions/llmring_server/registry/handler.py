"""AWS Lambda entry point of the registry group."""

from llmring_core import cold_start
from llmring_core.lambda_adapter import lambda_handler
from llmring_server.registry.routes import router
from llmring_server.registry.short_paths import add_short_paths

handler = cold_start.ends_with(lambda_handler(router, prepare=add_short_paths))
