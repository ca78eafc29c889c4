"""Two versions of a definition compared, within bounds: a page of them takes a second or so."""

import json
import time
from collections import Counter
from difflib import unified_diff

from llmring_core import canonical

MAX_CHARACTERS = 64 * 1024
MAX_LINES = 2000
# Each level is two blanks more in every line below it.
MAX_DEPTH = 32
# Pairs of equal lines, over and over, are what comparing takes its time for.
MAX_PAIRS = 20_000
PAGE_SECONDS = 1.0


class Comparing:
    """Compares the versions on one page, until they took their time."""

    def __init__(self) -> None:
        """Begin a page; made in the thread that compares."""
        self._ends_at = time.thread_time() + PAGE_SECONDS

    def diff(self, before: str, after: str, version: int) -> str:
        """The unified diff of two versions, each written one member a line, or why there is none.

        They come as compact JSON.
        """
        if time.thread_time() > self._ends_at:
            return "Not compared: there is too much on this page. Ask for fewer at a time."
        names = (f"version {version - 1}", f"version {version}")
        lines = _lines(before, after)
        if lines is None:
            return f"Too long to be compared: {len(before)} characters became {len(after)}."
        return "\n".join(unified_diff(*lines, *names, lineterm=""))


def _lines(before: str, after: str) -> tuple[list[str], list[str]] | None:
    """What is to be compared; None if that takes too long."""
    if len(before) + len(after) > MAX_CHARACTERS:
        return None
    values = [json.loads(each) for each in (before, after)]
    if max(map(canonical.depth, values)) > MAX_DEPTH:
        return None
    old, new = (
        json.dumps(each, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
        for each in values
    )
    if len(old) + len(new) > MAX_LINES:
        return None
    counts = Counter(new)
    pairs = sum(times * counts[line] for line, times in Counter(old).items())
    return (old, new) if pairs <= MAX_PAIRS else None
