"""Parameters that belong together, as one dependency of a route."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

Members = TypeVar("Members")


def from_query(kind: type[Members]) -> Callable[..., Awaitable[Members]]:
    """Have a class made of the parameters of a query that its members name.

    Given the class itself, FastAPI would make it in another thread, as it does with all that is
    not a coroutine; the two hops between threads take longer than most of our answers.
    """

    async def make(**members: Any) -> Members:
        return kind(**members)

    make.__signature__ = inspect.signature(kind)  # type: ignore[attr-defined]
    return make
