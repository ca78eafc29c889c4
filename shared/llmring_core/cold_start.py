"""Imported first by each Lambda entry: while a container starts, no garbage is looked for.

It is the one module that does something when it is imported. What is imported after it stays as
long as the container, and looking through it again and again takes a tenth of a cold start.
"""

import gc
from typing import TypeVar

Entry = TypeVar("Entry")

gc.disable()


def ends_with(entry: Entry) -> Entry:
    """Collect garbage from now on, but never look at what is there already."""
    gc.freeze()
    gc.enable()
    return entry
