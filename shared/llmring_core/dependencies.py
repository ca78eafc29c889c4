"""What routes depend on: what their app holds, and parameters that belong together."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, FastAPI, Request

from llmring_core.database import Database
from llmring_core.errors import Unavailable, Unprocessable, raises
from llmring_core.key_ring import KeyRing
from llmring_core.registry import Registry

Members = TypeVar("Members")


@raises(Unavailable, Unprocessable)
async def _database(request: Request) -> Database:
    return cast("Database", request.app.state.database)


async def _registry(request: Request) -> Registry:
    return cast("Registry", request.app.state.registry)


@raises(Unavailable)
async def _key_ring(request: Request) -> KeyRing:
    return cast("KeyRing", request.app.state.key_ring)


Db = Annotated[Database, Depends(_database)]
RegistryDep = Annotated[Registry, Depends(_registry)]
KeysDep = Annotated[KeyRing, Depends(_key_ring)]


def hold_keys(app: FastAPI) -> None:
    """Give an app its key ring; raises StartRefused as `KeyRing` does."""
    app.state.key_ring = KeyRing(app.state.settings, app.state.database)


def from_query(kind: type[Members]) -> Callable[..., Awaitable[Members]]:
    """Have a class made of the parameters of a query that its members name.

    Given the class itself, FastAPI would make it in another thread, as it does with all that is
    not a coroutine; the two hops between threads take longer than most of our answers.
    """

    async def make(**members: Any) -> Members:
        return kind(**members)

    make.__signature__ = inspect.signature(kind)  # type: ignore[attr-defined]
    return make
