"""What can go wrong, in our words; `problems.py` turns these into HTTP answers."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


class LLMRingError(Exception):
    """Something went wrong that we have a name for.

    The docstring of a subclass is the message unless one is given. `status` is the HTTP status
    code it becomes, `code` the last part of its RFC 9457 problem type.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"

    def __init__(
        self,
        message: str | None = None,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`errors` lists the places that are wrong, `headers` go into the answer."""
        self.message = message or (type(self).__doc__ or "").split("\n")[0]
        self.errors = errors
        self.headers = dict(headers or {})
        super().__init__(self.message)


class NotConfigured(LLMRingError):
    """The server was not set up for this."""

    status, code = 503, "not-configured"


class StartRefused(NotConfigured):
    """The server cannot start; the message is the one line that its user sees."""


class MigrationEdited(StartRefused):
    """A migration was changed after it had been applied to this database."""


class DatabaseIsNewer(StartRefused):
    """The database was migrated by a newer version of this server."""


class BadRequest(LLMRingError):
    """The request cannot be understood."""

    status, code = 400, "bad-request"


class Unauthorized(LLMRingError):
    """An API key is needed: send it as X-API-Key or as Authorization: Bearer."""

    status, code = 401, "unauthorized"

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'Bearer realm="llmring-server"'})


class NotTheOperator(Unauthorized):
    """The operator's token is needed: send it as Authorization: Bearer."""


class UnknownKey(Unauthorized):
    """The API key is unknown, was revoked, or is over."""


class Forbidden(LLMRingError):
    """This server does not do that."""

    status, code = 403, "forbidden"


class MissingScope(Forbidden):
    """The API key does not have the scope that this needs."""

    code = "missing-scope"

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"The API key does not have the scope {scope}.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
        )


class NotFound(LLMRingError):
    """There is no such thing, or it is not yours."""

    status, code = 404, "not-found"


class AlreadyExists(LLMRingError):
    """There is already one like it."""

    status, code = 409, "conflict"


class StillInFlight(LLMRingError):
    """A request with this Idempotency-Key is still being worked on; try again shortly."""

    status, code = 409, "idempotency-key-in-flight"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class InProgress(LLMRingError):
    """The same is being done for this project right now; try again shortly."""

    status, code = 409, "in-progress"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class Unprocessable(LLMRingError):
    """The request is well-formed but cannot be accepted."""

    status, code = 422, "unprocessable"


class KeyReused(Unprocessable):
    """This Idempotency-Key was used before with another body."""

    code = "idempotency-key-reused"


class TooManyRequests(LLMRingError):
    """This project asks more often than it may (LLMRING_RATE_LIMIT)."""

    status, code = 429, "too-many-requests"

    def __init__(self, retry_after: int, headers: Mapping[str, str]) -> None:
        """`retry_after` is in seconds."""
        super().__init__(headers={"Retry-After": str(retry_after), **headers})


class BadGateway(LLMRingError):
    """The server that was to answer this did not do so in a way that makes sense."""

    status, code = 502, "bad-gateway"


class GatewayTimeout(LLMRingError):
    """The server that was to answer this did not do so in time."""

    status, code = 504, "gateway-timeout"


class Unavailable(LLMRingError):
    """The database does not answer; try again shortly."""

    status, code = 503, "unavailable"

    def __init__(self, message: str | None = None, *, retry_after: int = 5) -> None:
        """`retry_after` is in seconds."""
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class Collided(Unavailable):
    """Others change the same again and again; try again shortly."""

    def __init__(self) -> None:
        super().__init__(retry_after=1)


def raises(*kinds: type[LLMRingError]) -> Callable[[Function], Function]:
    """Note on a route, or on what it depends on, what it may raise: OpenAPI documents that."""

    def note(function: Function) -> Function:
        function.raises = kinds  # type: ignore[attr-defined]
        return function

    return note
