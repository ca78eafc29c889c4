"""How an app is built from routers, the same way everywhere."""

import operator
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from llmring_core import __version__, known_hosts, metrics, problems, strict_json, tracing
from llmring_core.callers import Door, OpenDoor
from llmring_core.database import Database
from llmring_core.edge import Edge, LastNet
from llmring_core.errors import StartRefused
from llmring_core.key_book import KeyBook
from llmring_core.rate_limits import RateLimits
from llmring_core.registry import Registry
from llmring_core.settings import Settings
from llmring_core.short_path import ShortPathMiddleware, ShortPaths

_EXPOSED_HEADERS = (
    *("ETag", "Idempotency-Replayed", "Link", "X-Next-Cursor", "X-Request-Id"),
    *("RateLimit", "RateLimit-Policy", "Retry-After"),
)
_NO_DOCS: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


async def _settings(request: Request) -> Settings:
    return cast("Settings", request.app.state.settings)


SettingsDep = Annotated[Settings, Depends(_settings)]


async def note_usage(request: Request) -> None:
    """Of routes that write usage logs: an app that keeps up their sums counts how often."""
    if noted := getattr(request.app.state, "usage_noted", None):
        noted()


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:
        """Parse the body; raises json.JSONDecodeError, which becomes a 422."""
        return strict_json.loads(await self.body())


class StrictRoute(APIRoute):
    """A route that reads JSON bodies strictly."""

    request_class: type[Request] = StrictRequest

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """`first_path` is the same in copies of the route that answer elsewhere, too."""
        super().__init__(path, endpoint, **options)
        self.first_path = path

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler, which reads and parses a body before it asks who sent it."""
        handle = super().get_route_handler()
        checks = list(dict.fromkeys(_before_body(self.dependant)))  # each once

        async def strictly(request: Request) -> Response:
            strict = self.request_class(request.scope, request.receive)
            for check in checks:
                await check(strict)
            return await handle(strict)

        return strictly


def _before_body(dependant: Dependant) -> Iterator[Callable[[Request], Awaitable[None]]]:
    """What the dependencies of a route want awaited first: functions with a `before_body`."""
    if check := getattr(dependant.call, "before_body", None):
        yield check
    for each in dependant.dependencies:
        yield from _before_body(each)


def group_router(
    tag: str, prefix: str = "", route_class: type[StrictRoute] = StrictRoute
) -> APIRouter:
    """Make the router of a group."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=route_class,
        generate_unique_id_function=operator.attrgetter("name"),  # what generated clients call it
    )


class App(FastAPI):
    """A FastAPI app that has short paths before it, and knows more of its operations."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made when it is first asked for."""
        if self.openapi_schema is None:
            from llmring_core import openapi

            self.openapi_schema = openapi.completed(super().openapi(), self.routes)
        return self.openapi_schema

    def build_middleware_stack(self) -> ASGIApp:
        """Put the short paths outside of our own layers, and what knows our hosts outside of them.

        Where a host added a layer, its authentication perhaps, nothing may pass that by; nor may
        anything pass by a limit, or without a trace. There are no short paths then.
        """
        stack = super().build_middleware_stack()
        settings: Settings = self.state.settings
        is_wrapped = len(self.user_middleware) > self.state.own_layers
        if not (is_wrapped or settings.rate_limit or settings.tracing):
            paths, door = self.state.short_paths, self.state.door
            stack = ShortPathMiddleware(stack, paths, door, varies=self.state.cors)
        hosts = settings.allowed_hosts
        return known_hosts.KnownHosts(stack, hosts) if hosts and hosts != known_hosts.ANY else stack


def build_app(
    *routers: APIRouter,
    settings: Settings | None = None,
    database: Database | None = None,
    keys_are_ids: bool = False,
    cors: bool = True,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Make an app of routers.

    Building opens nothing: the database opens at the first query and the registry at the first
    price, so the app serves a Lambda function, a standalone server and a host alike.

    Args:
        *routers: those of the groups to serve.
        settings: read from the environment when not given.
        database: one on `settings.database_url` when not given.
        keys_are_ids: the API key is the `api_key_id` of the rows, as a host wants it; otherwise
            rows carry an id derived from the key.
        cors: answer cross-origin requests from `settings.cors_origins`.
        lifespan: what a standalone server does before the first and after the last request.
    """
    settings = settings or Settings.from_env()
    app = App(
        title="LLMRing Server",
        version=__version__,
        summary="Usage logs with exact costs, receipts, conversations, MCP and the model registry.",
        lifespan=lifespan,
        redirect_slashes=False,
        **({} if settings.docs else _NO_DOCS),
        telemetry=tracing.start() if settings.tracing else tracing.OFF,
    )
    _hold(app, settings, database or Database(settings), keys_are_ids)
    app.state.cors = cors
    # As they are: `include_router` would work out each one's dependencies once more.
    app.router.routes.extend(route for router in routers for route in router.routes)
    problems.install(app)
    _wrap(app, settings.cors_origins if cors else None)
    return app


def _hold(app: FastAPI, settings: Settings, database: Database, keys_are_ids: bool) -> None:
    """Give an app what it holds for as long as it lives."""
    if settings.auth_mode == "registered" and keys_are_ids:
        raise StartRefused(
            "LLMRING_AUTH_MODE=registered is for a server of its own: a host lets its callers in."
        )
    is_open = settings.auth_mode == "open" or keys_are_ids
    door: Door = OpenDoor(keys_are_ids=keys_are_ids) if is_open else KeyBook(settings, database)
    app.state.settings = settings
    app.state.database = database
    app.state.registry = Registry(settings, database)
    app.state.rate_limits = RateLimits(settings)
    if settings.metrics:
        metrics.start()
    app.state.door = door


def _wrap(app: FastAPI, origins: tuple[str, ...] | None) -> None:
    """Add the layers around the routes; the last one is the outermost, but for the short paths."""
    app.state.short_paths = ShortPaths()
    app.add_middleware(LastNet)
    if origins is not None:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=_EXPOSED_HEADERS,
        )
    app.add_middleware(Edge)
    app.state.own_layers = len(app.user_middleware)
