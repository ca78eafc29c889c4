"""What routes depend on to know who is calling, and that the caller may."""

from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from llmring_core import telemetry
from llmring_core.api_keys import Scope
from llmring_core.callers import Caller, Door, check_key
from llmring_core.errors import (
    BadRequest,
    MissingScope,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    raises,
)
from llmring_core.rate_limits import RateLimits

_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="The key of a project.")
_bearer = HTTPBearer(auto_error=False, description="The same key, as a bearer token.")


@raises(Unauthorized, BadRequest, TooManyRequests, Unavailable)
async def _caller(
    request: Request,
    _key: Annotated[str | None, Security(_header)],
    _token: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """Who is calling, as `identify` has found out; the other two are for the documentation."""
    return cast("Caller", request.state.llmring_caller)


async def identify(request: Request) -> None:
    """Find out who is calling and count the request, before anybody reads what a stranger sent.

    Raises:
        Unauthorized, UnknownKey, BadRequest: nobody whom we know.
        TooManyRequests: somebody whom we know too well.
        Unavailable: the database does not answer, so nobody can tell.
    """
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    bearer = token if scheme.lower() == "bearer" else ""
    key = check_key(request.headers.get("x-api-key") or bearer)
    door: Door = request.app.state.door
    limits: RateLimits = request.app.state.rate_limits
    caller = await door.caller(key)
    telemetry.project_id.set(caller.logged_as)
    request.state.llmring_headers = await limits.count(caller)
    request.state.llmring_caller = caller


# A dependency says so of what is to be awaited before the body of a request is read.
_caller.before_body = identify  # type: ignore[attr-defined]

# Whoever calls; what a route does with it is to be allowed by one of the scopes below.
CallerDep = Annotated[Caller, Depends(_caller)]


class Needs:
    """A dependency: the caller, whose key must have a scope."""

    raises = (MissingScope,)

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, caller: CallerDep) -> Caller:
        """The caller; raises MissingScope."""
        if not caller.may(self.scope):
            raise MissingScope(self.scope)
        return caller


LogWriterDep = Annotated[Caller, Depends(Needs("log:write"))]
StatsReaderDep = Annotated[Caller, Depends(Needs("stats:read"))]
ReceiptsReaderDep = Annotated[Caller, Depends(Needs("receipts:read"))]
ReceiptsWriterDep = Annotated[Caller, Depends(Needs("receipts:write"))]
ConversationsReaderDep = Annotated[Caller, Depends(Needs("conversations:read"))]
ConversationsWriterDep = Annotated[Caller, Depends(Needs("conversations:write"))]
McpReaderDep = Annotated[Caller, Depends(Needs("mcp:read"))]
McpExecutorDep = Annotated[Caller, Depends(Needs("mcp:execute"))]
