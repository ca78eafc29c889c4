"""The OpenAPI document: what FastAPI finds out by itself, and what only we know of an operation.

What a route may raise is noted where that is raised (`errors.raises`). Nothing of this is done, and
no module of it loaded, before somebody asks for the document.
"""

from collections.abc import Iterator, Sequence

from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute

from llmring_core.auth import Needs
from llmring_core.openapi_errors import calls_of, cases_of, headers, responses_of
from llmring_core.openapi_notes import Known, Members, add_note, add_parameters, notes_of
from llmring_core.web import StrictRoute


def completed(document: Members, routes: Sequence[BaseRoute]) -> Members:
    """Add to a document of FastAPI, in place, what it does not know of our routes."""
    ours = notes_of("llmring_core")
    operations = dict(_operations(document, routes))
    components = document.setdefault("components", {})
    for notes in (ours, *(notes for _, _, notes in operations.values())):
        for kind, known in notes.get("components", {}).items():
            components.setdefault(kind, {}).update(known)
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which we never answer
        components["schemas"].pop(name, None)
    for name, (operation, context, notes) in operations.items():
        _add_errors(operation, context, components)
        _add_scopes(operation, context)
        _add_headers(operation)
        add_parameters(operation, {**ours["parameters"], **notes.get("parameters", {})})
        add_note(operation, notes.get(name, {}), operations)
    return document


def _operations(document: Members, routes: Sequence[BaseRoute]) -> Iterator[tuple[str, Known]]:
    """The operations of our routes, by their ids; a host may have added some of its own."""
    groups: dict[str, Members] = {}
    for context in iter_route_contexts(routes):
        if not isinstance(context.original_route, StrictRoute):
            continue
        group = context.original_route.endpoint.__module__.rpartition(".")[0]
        if group not in groups:
            groups[group] = notes_of(group)
        for method in context.methods or ():
            operation = document["paths"].get(context.path_format, {}).get(method.lower())
            if operation is not None:
                yield operation["operationId"], (operation, context, groups[group])


def _add_errors(operation: Members, context: RouteContext, components: Members) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    cases = cases_of(context.dependant, has_body="requestBody" in operation)
    for status, name, answer in responses_of(cases):
        if str(status) not in answers:
            components.setdefault("responses", {})[name] = answer
            answers[str(status)] = {"$ref": f"#/components/responses/{name}"}


def _add_scopes(operation: Members, context: RouteContext) -> None:
    """Say which scopes a key needs where keys are registered."""
    scopes = {each.scope for each in calls_of(context.dependant) if isinstance(each, Needs)}
    for requirement in operation.get("security", ()):
        for name in requirement:
            requirement[name] = sorted(scopes)


def _add_headers(operation: Members) -> None:
    taken = {each["name"].lower() for each in operation.get("parameters", ())}
    names = ["X-Request-Id"]
    names += ["Link", "X-Next-Cursor"] if "cursor" in taken else []
    names += ["Idempotency-Replayed"] if "idempotency-key" in taken else []
    if any("APIKeyHeader" in each for each in operation.get("security", ())):
        names += ["RateLimit", "RateLimit-Policy"]
    for answer in operation["responses"].values():
        if "$ref" not in answer:
            answer["headers"] = headers(*names)
