"""The Lambda functions behind an HTTP API, as far as a test client can tell."""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from llmring_core.database import Database
from llmring_core.dependencies import hold_keys
from llmring_core.lambda_adapter import Handler, lambda_handler
from llmring_core.settings import Settings
from llmring_server.admin.routes import router as admin
from llmring_server.conversations.container import prepare as prepare_conversations
from llmring_server.conversations.routes import router as conversations
from llmring_server.mcp.connections import hold_connections
from llmring_server.mcp.routes import router as mcp
from llmring_server.meta.routes import router as meta
from llmring_server.receipts.routes import router as receipts
from llmring_server.registry.routes import router as registry
from llmring_server.templates.routes import router as templates
from llmring_server.usage.container import prepare as prepare_usage
from llmring_server.usage.routes import router as usage


@dataclass
class Context:
    """What a function knows of its invocation."""

    function_name: str = "llmring"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:llmring"
    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


class FunctionsTransport(httpx.AsyncBaseTransport):
    """Turns requests into API Gateway v2 events and hands them to the function of their group.

    A function runs in a thread of its own, like a container: one event at a time, on its loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._containers: dict[str, tuple[ThreadPoolExecutor, Handler, Database]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        event = await v2_event(request)
        thread, handler, _ = await self._container(group_of(request.url.path))
        answer = await asyncio.get_running_loop().run_in_executor(thread, handler, event, Context())
        return response_of(answer)

    async def aclose(self) -> None:
        for thread, _, database in self._containers.values():
            thread.submit(_end, database).result()
            thread.shutdown()

    async def _container(self, group: str) -> tuple[ThreadPoolExecutor, Handler, Database]:
        if group not in self._containers:
            thread, database = ThreadPoolExecutor(max_workers=1), Database(self._settings)
            handler = thread.submit(_start, group, self._settings, database).result()
            self._containers[group] = (thread, handler, database)
        return self._containers[group]


def group_of(path: str) -> str:
    """Which function the template routes a path to."""
    if path in ("/", "/health", "/health/"):
        return "meta"
    first = path.removeprefix("/api/v1").split("/")[1]
    group = first.removesuffix(".json")
    if group in ("log", "logs", "stats"):
        return "usage"
    others = ("admin", "conversations", "mcp", "receipts", "registry", "templates")
    return group if group in others else "meta"


async def v2_event(request: httpx.Request) -> dict[str, Any]:
    """A request as API Gateway writes it for an HTTP API, payload format 2.0."""
    body = await request.aread()
    is_text = _is_text(body)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.url.path,
        "rawQueryString": request.url.query.decode(),
        "headers": dict(request.headers.items()),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "id.execute-api.eu-west-1.amazonaws.com",
            "http": {
                "method": request.method,
                "path": request.url.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "body": body.decode() if is_text else base64.b64encode(body).decode(),
        "isBase64Encoded": not is_text,
    }


def response_of(answer: dict[str, Any]) -> httpx.Response:
    """A function's answer as API Gateway passes it on."""
    body = answer.get("body") or ""
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return httpx.Response(answer["statusCode"], headers=answer.get("headers"), content=content)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _start(group: str, settings: Settings, database: Database) -> Handler:
    routers = {
        "admin": admin,
        "conversations": conversations,
        "mcp": mcp,
        "meta": meta,
        "receipts": receipts,
        "registry": registry,
        "templates": templates,
        "usage": usage,
    }
    prepare = {
        "conversations": prepare_conversations,
        "usage": prepare_usage,
        "receipts": hold_keys,
        "mcp": partial(hold_connections, keep=False),
    }.get(group)
    return lambda_handler(routers[group], prepare=prepare, settings=settings, database=database)


def _end(database: Database) -> None:
    """End a container more tidily than AWS does: it leaves no task and no connection."""
    loop = asyncio.get_event_loop()
    loop.run_until_complete(_let_finish())
    loop.run_until_complete(database.close())
    loop.close()


async def _let_finish() -> None:
    """Wait for what runs in the background, which may start more; cancel what takes long."""
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        _, unfinished = await asyncio.wait(tasks, timeout=1)
        for task in unfinished:
            task.cancel()
