"""A group as an AWS Lambda function: Mangum, and what lives as long as the container."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

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

# How long an answer waits for what runs in the background, such as the renewal of the registry.
BACKGROUND_SECONDS = 2.0
LONGEST_SECONDS = 900.0  # that any function of Lambda may run
# Lambda takes 6 MB, written as JSON; what is escaped there is longer.
MAX_ANSWER_CHARACTERS = 5 * 1024 * 1024
TOO_LARGE = (
    "The answer is larger than a Lambda function may give. It was done if it was a write; ask for "
    "less of it, by a limit or a shorter period."
)

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
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = build_app(*routers, settings=settings, database=database)
    if prepare is not None:
        prepare(app)
    mangum = Mangum(app, lifespan="off", text_mime_types=TEXT_MIME_TYPES)
    log_as_the_runtime_does(settings)

    def handler(event: Any, context: Any) -> Any:
        left = deadline.ends_in(_seconds_left(context))
        try:
            answer = mangum(http_event(event), context)
        except NotHTTP as error:
            return _refusal(400, "bad-request", str(error))
        finally:
            _leave_nothing_under_way(loop)
            deadline.forget(left)
        if len(answer.get("body") or "") > MAX_ANSWER_CHARACTERS:
            return _refusal(422, "answer-too-large", TOO_LARGE)
        return answer

    return handler


def _leave_nothing_under_way(loop: asyncio.AbstractEventLoop) -> None:
    """Let what runs in the background end, or end it, before the container is frozen.

    Frozen in the middle it would go on in another request, with a connection that may have died
    meanwhile, and that is the only one.
    """
    if asyncio.all_tasks(loop):
        loop.run_until_complete(_ended())


async def _ended() -> None:
    await _wait_for_others(deadline.at_most(BACKGROUND_SECONDS))
    for task in _others():
        task.cancel()
    # One that does not even end when it is cancelled, as its connection is dead, is left behind.
    await _wait_for_others(BACKGROUND_SECONDS)


async def _wait_for_others(seconds: float) -> None:
    """Wait until no task is left, nor one that such a task began: a registry has rows priced."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (tasks := _others()) and (left := end - loop.time()) > 0:
        done, _ = await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*done, return_exceptions=True)


def _others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def run_job(job: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run a job of a function to its end, on a database of its own."""
    settings = Settings.from_env()
    log_as_the_runtime_does(settings)

    async def run() -> Result:
        database = Database(settings)
        try:
            return await job(database)
        finally:
            await database.close()

    return asyncio.new_event_loop().run_until_complete(run())


def log_as_the_runtime_does(settings: Settings) -> None:
    """Add the id of the request to the runtime's own log lines, which the template has as JSON.

    Where the function's configuration names a level (AWS_LAMBDA_LOG_LEVEL), that is the level.
    """
    has_level = "AWS_LAMBDA_LOG_LEVEL" in os.environ
    telemetry.LOGGER.setLevel(logging.NOTSET if has_level else settings.log_level.upper())
    for each in logging.getLogger().handlers:
        if not any(isinstance(known, telemetry.AddRequestId) for known in each.filters):
            each.addFilter(telemetry.AddRequestId())


def _seconds_left(context: Any) -> float:
    """How long the invocation may last; an emulator's context may not say."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return left() / 1000 if left else LONGEST_SECONDS


def _refusal(status: int, code: str, detail: str) -> dict[str, Any]:
    """A problem (RFC 9457) that no request of the app is answered with."""
    token = telemetry.request_id.set(str(ids.new_id(clock.now())))
    problem = problems.problem(status, code, detail)
    headers = {"content-type": problems.MEDIA_TYPE, "x-request-id": telemetry.request_id.get()}
    telemetry.request_id.reset(token)
    return {"statusCode": status, "headers": headers, "body": bytes(problem.body).decode()}
