"""Which methods a path takes (RFC 9110, section 15.5.6)."""

from fastapi import Request
from fastapi.routing import iter_route_contexts

NOT_FOUND, NOT_ALLOWED, UNPROCESSABLE = 404, 405, 422


def taken(request: Request) -> tuple[set[str], bool]:
    """The methods that the path of a request takes, and whether it stands for itself.

    Such a path is no id of anything: `/conversations/log` is not the conversation `log`.
    """
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    named: set[str] = set()
    fitting: set[str] = set()
    for context in iter_route_contexts(request.app.routes):
        if context.path == path:
            named |= context.methods or set()
        elif (fits := getattr(context, "path_regex", None)) and fits.match(path):
            fitting |= context.methods or set()
    methods = named or fitting
    return methods | ({"HEAD"} if "GET" in methods else set()), bool(named)


def refused(request: Request, status: int) -> str | None:
    """The Allow header of a request that failed because of its method; None if it did not.

    Without a route for the method, a path that stands for itself fits those that take an id, and
    it is for them that it was refused, or not found.
    """
    if status not in (NOT_FOUND, NOT_ALLOWED, UNPROCESSABLE):
        return None
    methods, is_itself = taken(request)
    if status != NOT_ALLOWED and (not is_itself or request.method in methods):
        return None
    return ", ".join(sorted(methods))
