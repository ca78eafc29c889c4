"""Names in the environment that were meant for a setting."""

import os
from collections.abc import Iterator
from difflib import get_close_matches

from dotenv import dotenv_values

from llmring_core.settings import Settings
from llmring_core.terminal import printable

PREFIX = "LLMRING_"
# Of 1: a letter or two are wrong. Others may be a client's, which has names of its own.
_LIKENESS = 0.85


def misspelt() -> Iterator[str]:
    """A line for each variable, of the environment or of `.env`, that is nearly a setting's name.

    It names them and never says what they are set to.
    """
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = {name.upper() for name in (*os.environ, *dotenv_values(".env"))}
    for name in sorted(each for each in given - known if each.startswith(PREFIX)):
        for meant in get_close_matches(name, known, n=1, cutoff=_LIKENESS):
            yield f"{printable(name)} is no setting; {meant} is"
