"""A group as an AWS Lambda function: Mangum, and what lives as long as the container."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from fastapi import APIRouter, FastAPI
from mangum import Mangum
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES

from llmring_core import clock, deadline, ids, problems, telemetry
from llmring_core.database import Database
from llmring_core.lambda_events import NotHTTP, http_event
from llmring_core.settings import Settings
from llmring_core.web import build_app

Handler = Callable[[Any, Any], Any]
Result = TypeVar("Result")

LONGEST_SECONDS = 900.0  # that any function of Lambda may run

TEXT_MIME_TYPES = [
    *DEFAULT_TEXT_MIME_TYPES,
    problems.MEDIA_TYPE,
    "application/x-ndjson",
    "application/x-pem-file",
]


def lambda_handler(
    *routers: APIRouter,
    prepare: Callable[[FastAPI], None] | None = None,
    settings: Settings | None = None,
    database: Database | None = None,
) -> Handler:
    """Make the handler of a function that serves some routers.

    Called once, when the container starts; the app, its pool and its registry live until it
    ends. Nothing connects before the first request. `prepare` may add to the app.
    """
    settings = settings or Settings.from_env()
    # Mangum runs every request in the current loop; the pool stays bound to it.
    asyncio.set_event_loop(asyncio.new_event_loop())
    app = build_app(*routers, settings=settings, database=database)
    if prepare is not None:
        prepare(app)
    mangum = Mangum(app, lifespan="off", text_mime_types=TEXT_MIME_TYPES)
    logger = _structured_logs(settings)

    def handler(event: Any, context: Any) -> Any:
        left = deadline.ends_in(_seconds_left(context))
        try:
            return mangum(http_event(event), context)
        except NotHTTP as error:
            return _refusal(str(error))
        finally:
            deadline.forget(left)

    return logger.inject_lambda_context(handler)


def run_job(job: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run a job of a function to its end, on a database of its own."""
    settings = Settings.from_env()
    _structured_logs(settings)

    async def run() -> Result:
        database = Database(settings)
        try:
            return await job(database)
        finally:
            await database.close()

    return asyncio.new_event_loop().run_until_complete(run())


def _structured_logs(settings: Settings) -> Logger:
    """Have our log lines written as JSON, each with the ids of its request and its invocation."""
    logger = Logger(service="llmring-server", level=settings.log_level.upper())
    copy_config_to_registered_loggers(logger, include={telemetry.LOGGER.name})
    telemetry.LOGGER.propagate = False
    for each in telemetry.LOGGER.handlers:
        each.addFilter(telemetry.AddRequestId())
    return logger


def _seconds_left(context: Any) -> float:
    """How long the invocation may last; an emulator's context may not say."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return left() / 1000 if left else LONGEST_SECONDS


def _refusal(detail: str) -> dict[str, Any]:
    """A problem (RFC 9457) for an event that never became a request."""
    token = telemetry.request_id.set(str(ids.new_id(clock.now())))
    problem = problems.problem(400, "bad-request", detail)
    headers = {"content-type": problems.MEDIA_TYPE, "x-request-id": telemetry.request_id.get()}
    telemetry.request_id.reset(token)
    return {"statusCode": 400, "headers": headers, "body": bytes(problem.body).decode()}
