"""The embedded database: whether it is the one that is meant, where it is, and how it is left."""

from pathlib import Path
from types import FrameType
from typing import NoReturn

from llmring_core.local_postgres import default_data_dir
from llmring_core.settings import Settings


def uses_embedded(settings: Settings) -> bool:
    """Whether the database is the embedded one."""
    return settings.database_url is None and settings.database_secret is None


def data_folder(settings: Settings) -> Path:
    """The folder of the embedded database and of the keys that are made beside it."""
    return settings.data_dir or default_data_dir()


def leave(number: int, _: FrameType | None) -> NoReturn:
    """End by a signal the way `exit` does, so that nothing half-made or running is left."""
    raise SystemExit(128 + number)
