"""The error answers of an operation, as OpenAPI documents them."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from fastapi.dependencies.models import Dependant

from llmring_core import problems
from llmring_core.errors import BadRequest, LLMRingError, NotFound

REQUEST_ID = "01a20a03-c47a-79f3-95c4-9062e62da541"
PLACES = [{"type": "missing", "loc": ["body", "model"], "msg": "Field required"}]
# What a client gets to know of a problem beside its body.
_HEADERS = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    409: ("Retry-After",),
    415: ("Accept-Encoding",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}


class Case(NamedTuple):
    """One way in which a request can fail; `detail` is an example, if not the meaning itself."""

    status: int
    code: str
    meaning: str
    detail: object = None


# What is answered before a route, or a dependency that notes what it raises, is reached.
OF_EVERY_REQUEST = (
    Case(408, "request-timeout", "The rest of the request did not come in time."),
    Case(421, "misdirected-request", "The server is not the host that was asked for."),
    Case(431, "headers-too-large", "Headers may have 65536 bytes."),
    Case(422, "invalid-request", "The request is not what the operation takes.", PLACES),
)
OF_BODIES = (
    Case(413, "content-too-large", "The body is larger than 10485760 bytes."),
    Case(415, "unsupported-media-type", "Bodies may come compressed with gzip only."),
)


def calls_of(dependant: Dependant) -> Iterator[Any]:
    """The function of a route, and all that it depends on."""
    yield dependant.call
    for each in dependant.dependencies:
        yield from calls_of(each)


def cases_of(dependant: Dependant, *, has_body: bool) -> list[Case]:
    """How requests to a route can fail."""
    kinds = {kind for call in calls_of(dependant) for kind in getattr(call, "raises", ())}
    kinds |= {NotFound} if dependant.path_params else set()
    kinds |= {BadRequest} if has_body else set()  # compressed, but not as it says
    return [*OF_EVERY_REQUEST, *(OF_BODIES if has_body else ()), *map(_case, kinds)]


def responses_of(cases: Iterable[Case]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The answers to such failures: the status, a name for the answer, and the answer."""
    by_status: dict[int, list[Case]] = {}
    for case in sorted(cases, key=lambda each: each[:3]):
        by_status.setdefault(case.status, []).append(case)
    for status, same in by_status.items():
        codes = dict.fromkeys(case.code for case in same)
        yield status, "_".join([str(status), *codes]), _response(status, same)


def _case(kind: type[LLMRingError]) -> Case:
    meaning = (kind.__doc__ or "").split("\n")[0]
    return Case(kind.status, kind.code, meaning)


def _response(status: int, cases: list[Case]) -> dict[str, Any]:
    examples = {
        case.code: {
            "summary": case.meaning,
            "value": problems.members(status, case.code, case.detail or case.meaning, REQUEST_ID),
        }
        for case in cases
    }
    return {
        "description": " ".join(dict.fromkeys(case.meaning for case in cases)),
        "headers": headers("X-Request-Id", *_HEADERS.get(status, ())),
        "content": {
            problems.MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": examples,
            }
        },
    }


def headers(*names: str) -> dict[str, Any]:
    """References to headers that are described once."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
