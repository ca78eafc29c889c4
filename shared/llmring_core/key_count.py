"""How many registered keys there are, and whether they open."""

from typing import NamedTuple

from llmring_core import clock
from llmring_core.connection import Runner
from llmring_core.pepper import NAME, pepper_id
from llmring_core.queries import load

SQL = load("llmring_core", "key_book.sql")


class Count(NamedTuple):
    """How many keys are not over, and how many of them were made under another pepper."""

    keys: int
    others: int

    @property
    def said(self) -> str:
        """The first number in words."""
        return "1 registered key was" if self.keys == 1 else f"{self.keys} registered keys were"

    @property
    def told_of_others(self) -> str:
        """That some do not open, and why; nothing if all do."""
        if not self.others:
            return ""
        return f"{self.others} of {self.keys} keys do not open: they were made under another {NAME}"


async def count(runner: Runner, pepper: bytes | None) -> Count:
    """Count the keys of all projects; without a pepper, none counts as another's."""
    known = pepper and pepper_id(pepper)
    row = await runner.fetch_row(SQL["count"], clock.now(), known)
    return Count(row["keys"], row["others"]) if row else Count(0, 0)
