"""Filling in the blanks of a system prompt: `{{name}}` becomes the value of `name`."""

import re
from collections.abc import Mapping

from llmring_core.errors import Unprocessable

# A value may stand in many blanks.
MAX_CHARACTERS = 10_000_000
_BLANK = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def blanks(text: str | None) -> list[str]:
    """The names of the blanks in a text, each once, in their order."""
    return list(dict.fromkeys(_BLANK.findall(text or "")))


def rendered(text: str | None, variables: Mapping[str, str]) -> str | None:
    """A text with its blanks filled in; what a value holds is not looked at again.

    Raises:
        Unprocessable: a blank has no value, which the message names, or the whole gets too long.
    """
    if text is None:
        return None
    if missing := [name for name in blanks(text) if name not in variables]:
        raise Unprocessable(f"The template has blanks without a value: {', '.join(missing)}.")
    if len(text) + sum(len(variables[name]) for name in _BLANK.findall(text)) > MAX_CHARACTERS:
        raise Unprocessable(f"Filled in, the prompt is longer than {MAX_CHARACTERS} characters.")
    return _BLANK.sub(lambda blank: variables[blank[1]], text)
