"""What the `openapi.json` of each group says of its operations, by their ids.

`request` and `answer` are examples; `parameters` are such of parameters by name; `content` is that
of an answer, where FastAPI does not find it out; `leads_to` are the values that an answer has for
the paths of other operations.
"""

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from fastapi.routing import RouteContext

JSON = "application/json"

Members = dict[str, Any]
# An operation of the document, its route, and the notes of its group.
Known = tuple[Members, RouteContext, Members]


def add_parameters(operation: Members, examples: Mapping[str, Any]) -> None:
    """Give parameters their examples."""
    for each in operation.get("parameters", ()):
        if each["in"] == "query" and not each.get("required"):
            each["allowEmptyValue"] = True  # and counts as absent
        if each["name"] in examples:
            each["example"] = examples[each["name"]]


def add_note(operation: Members, note: Members, operations: Mapping[str, Known]) -> None:
    """Give an operation its examples, the content of its answers, and what these lead to."""
    if "request" in note:
        operation["requestBody"]["content"][JSON]["example"] = note["request"]
    successes = [
        answer
        for status, answer in operation["responses"].items()
        if status.startswith("2") and status != "204"
    ]
    if not successes:
        return
    content = note.get("content") or successes[0]["content"]
    if "answer" in note:
        content[JSON]["example"] = note["answer"]
    for answer in successes:  # one that was queued is answered as one that is stored
        answer["content"] = content
    if links := dict(_links(note, operation["operationId"], operations)):
        successes[0]["links"] = links


def _links(
    note: Members, own_name: str, operations: Mapping[str, Known]
) -> Iterator[tuple[str, Members]]:
    """From an answer to every operation whose path takes just what stands in the answer."""
    for values in note.get("leads_to", ()):
        for name, (_, context, _) in operations.items():
            wanted = {each.alias for each in context.dependant.path_params}
            if wanted == values.keys() and name != own_name:
                yield name, {"operationId": name, "parameters": values}


def notes_of(package: str) -> Members:
    """What a package says of its operations."""
    notes: Members = json.loads(
        resources.files(package).joinpath("openapi.json").read_text("utf-8")
    )
    return notes
