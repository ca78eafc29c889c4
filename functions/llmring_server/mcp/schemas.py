"""Inputs are checked against the JSON Schema of their tool, which a stranger wrote.

A schema can be made so that checking takes for ever: by a pattern (CWE-1333), by references that
double, by comparing all elements. What could be such a one is checked in a process of its own,
which is ended when it takes too long; our own would stand still meanwhile.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from llmring_core.errors import BadGateway, Unprocessable

MAX_ERRORS = 20
CHECK_SECONDS = 3.0
# A check takes as long as input and schema multiplied. More than this (a tenth of a second), or a
# member of these names, and it goes to a process of its own.
QUICK_COST = 5_000_000
SLOW = ("pattern", "patternProperties", "$ref", "$dynamicRef", "$recursiveRef", "uniqueItems")

Errors = list[dict[str, Any]]


async def check_input(arguments: Mapping[str, Any], schema: Any) -> None:
    """Let arguments pass that the schema of a tool allows; nothing is fetched for it.

    Raises:
        Unprocessable: they are not, with the places in `errors`; or it takes too long to tell.
        BadGateway: the schema is none, or refers to one elsewhere.
    """
    if not isinstance(schema, dict) or not isinstance(schema.get("$schema", ""), str):
        raise BadGateway("The tool's own schema is not one.")
    question = json.dumps([arguments, schema])
    schema_length = len(json.dumps(schema))
    cost = schema_length * (len(question) - schema_length)
    is_quick = cost <= QUICK_COST and not any(f'"{name}"' in question for name in SLOW)
    errors = found(arguments, schema) if is_quick else await _found_elsewhere(question)
    if errors is None:
        raise BadGateway("The tool's own schema is not valid, or refers to one elsewhere.")
    if errors:
        raise Unprocessable("The input is not what the tool takes.", errors=errors)


def found(arguments: Mapping[str, Any], schema: dict[str, Any]) -> Errors | None:
    """What is wrong with arguments, by place; None if it is the schema that is wrong."""
    import jsonschema  # imported only where a tool is run
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        # A registry of nothing: references lead nowhere but into the schema itself.
        errors = list(kind(schema, registry=Registry()).iter_errors(arguments))
    except (jsonschema.SchemaError, Unresolvable, RecursionError):
        return None
    return [_told(each) for each in sorted(errors, key=_place)[:MAX_ERRORS]]


async def _found_elsewhere(question: str) -> Errors | None:
    """The same, found by a process of its own.

    Raises:
        Unprocessable: it took too long.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"from {__name__} import answer; answer()",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={
            "PYTHONPATH": os.pathsep.join(sys.path),
            # Without it the Python of Lambda does not start.
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
        },
    )
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            told, _ = await process.communicate(question.encode())
    except TimeoutError:
        raise Unprocessable(
            "The input could not be checked against the tool's schema: that takes too long."
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    answered: Errors | None = json.loads(told) if told else None
    return answered


def answer() -> None:
    """What the other process does: read arguments and schema, write what is wrong."""
    sys.stdout.write(json.dumps(found(*json.load(sys.stdin))))


def _place(error: Any) -> list[str]:
    return [str(each) for each in error.absolute_path]


def _told(error: Any) -> dict[str, Any]:
    return {"loc": ["body", "input", *error.absolute_path], "msg": error.message[:500]}
