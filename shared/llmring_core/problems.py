"""The one place where an error becomes a response: problem details, RFC 9457."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from llmring_core import methods, telemetry
from llmring_core.errors import LLMRingError

MEDIA_TYPE = "application/problem+json"
NOT_JSON = {
    "type": "content_type",
    "loc": ["header", "content-type"],
    "msg": "Send the body as Content-Type: application/json",
}
# So many places tell what is wrong; more would make the answer larger than what was sent.
MAX_PLACES = 100
# The phrases of RFC 9110, which Python knows from 3.13 on.
_PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}


def install(app: FastAPI) -> None:
    """Have every error of an app answered as a problem."""
    app.exception_handler(LLMRingError)(_ours)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)


def problem(
    status: int,
    code: str,
    detail: object,
    *,
    errors: Sequence[Mapping[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
    found: int = 0,
) -> Response:
    """Write a problem.

    `detail` is a sentence or, for a body that failed validation, FastAPI's list of places (which
    a strict RFC 9457 reader ignores, section 3.1); `found` says how many there were.
    """
    body = members(status, code, detail, telemetry.request_id.get())
    if errors is not None:
        body["errors"] = list(errors[:MAX_PLACES])
        found = len(errors)
    if found > MAX_PLACES:
        body["errors_omitted"] = found - MAX_PLACES
    return Response(json.dumps(body), status, dict(headers or {}), MEDIA_TYPE)


def members(status: int, code: str, detail: object, request_id: str) -> dict[str, Any]:
    """What every problem says."""
    return {
        "type": f"urn:llmring:problem:{code}",
        "title": _phrase(status),
        "status": status,
        "detail": detail,
        "request_id": request_id,
    }


def internal_error() -> Response:
    """The answer to a fault of ours; the log has the reason under the same request id."""
    return problem(500, "internal-error", "The server made a mistake; its log says more.")


def places(errors: Sequence[Any]) -> list[dict[str, Any]]:
    """FastAPI's list of what is wrong where, without the values, which may be confidential."""
    return [
        {"type": each["type"], "loc": list(each["loc"]), "msg": _reason(each)}
        for each in errors[:MAX_PLACES]
    ]


def _reason(error: Mapping[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return f"{error['msg']}: {error['ctx']['error']}"
    if error["type"] == "union_tag_invalid":  # whose message quotes what was sent
        return f"{error['ctx']['discriminator']} should be one of {error['ctx']['expected_tags']}"
    return str(error["msg"])


def answer_to(error: LLMRingError | HTTPException) -> Response:
    """The problem that an error is answered with."""
    if isinstance(error, HTTPException):
        code = _phrase(error.status_code).lower().replace(" ", "-")
        return problem(error.status_code, code, error.detail, headers=error.headers)
    return problem(
        error.status, error.code, error.message, errors=error.errors, headers=error.headers
    )


async def _ours(request: Request, error: LLMRingError) -> Response:
    return _wrong_method(request, error.status) or answer_to(error)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    if refusal := _wrong_method(request, 422):
        return refusal
    if isinstance(error.body, bytes) and error.body:  # FastAPI did not take it for JSON
        return problem(422, "invalid-request", [NOT_JSON])
    found = error.errors()
    return problem(422, "invalid-request", places(found), found=len(found))


async def _http(request: Request, error: HTTPException) -> Response:
    return _wrong_method(request, error.status_code) or answer_to(error)


def _wrong_method(request: Request, status: int) -> Response | None:
    allow = methods.refused(request, status)
    return answer_to(HTTPException(405, headers={"Allow": allow})) if allow else None


def _phrase(status: int) -> str:
    return _PHRASES.get(status) or HTTPStatus(status).phrase
