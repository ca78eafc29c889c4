"""Named SQL statements, read from the .sql file beside a store."""

import re
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


class Statement(str):
    """One SQL statement with `{schema}` still in it, which the database fills in."""

    __slots__ = ()


@cache
def load(package: str, file: str = "queries.sql") -> dict[str, Statement]:
    """Read the statements of a package's .sql file, by name.

    A statement begins with a line `-- name: its_name` and runs to the next such line.
    """
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {
        name: Statement(body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)
    }
