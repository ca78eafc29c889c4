"""What a check found, in one line: how bad it is, what it is, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from llmring_core.database import Database
from llmring_core.errors import LLMRingError
from llmring_core.settings import Settings

LEVEL_WIDTH, NAME_WIDTH = 7, 13
# Shorter ones are no secrets, and stand in words that say something.
MIN_SECRET = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    level: Literal["ok", "warning", "FAILED"]
    text: str
    remedy: str = ""

    def line(self, name: str) -> str:
        """One line about a check of a name."""
        what = f"{self.text}: {self.remedy}" if self.remedy else self.text
        return f"{self.level:{LEVEL_WIDTH}}  {name:{NAME_WIDTH}}  {' '.join(what.split())}"


def ok(text: str) -> Finding:
    """All is well."""
    return Finding("ok", text)


def warning(text: str, remedy: str) -> Finding:
    """A server works, though not as well as it could, or not for long."""
    return Finding("warning", text, remedy)


def failed(text: str, remedy: str = "") -> Finding:
    """A server cannot do something that it is there for; an error's own text says what to do."""
    return Finding("FAILED", text, remedy)


class NotAsked(LLMRingError):
    """There is no database to ask."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at: settings, the database that they mean, the folder beside it."""

    settings: Settings
    data_dir: Path
    # None if it does not answer, or is not there yet.
    database: Database | None = None
    # Whether the embedded PostgreSQL was started for this, as no server runs.
    was_started: bool = False

    @property
    def asked(self) -> Database:
        """The database, to ask it something.

        Raises:
            NotAsked: it does not answer.
        """
        if self.database is None:
            raise NotAsked
        return self.database


def reason(error: BaseException) -> str:
    """Why something failed; nothing of what a URL that cannot be read has in it."""
    cause = error.__cause__ if isinstance(error, LLMRingError) else None
    if cause is None and isinstance(error, LLMRingError):
        return str(error).rstrip(".")
    cause = cause or error
    name = type(cause).__name__
    said = "" if isinstance(cause, ValueError) else str(cause).partition("\n")[0].rstrip(".")
    return f"{name}: {said}" if said else name


def without_secrets(text: str, settings: Settings) -> str:
    """A text in which no secret of the settings is left, whoever wrote it there."""
    for secret in sorted(_secrets(settings), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


def _secrets(settings: Settings) -> set[str]:
    values = [getattr(settings, name) for name in Settings.model_fields]
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    passwords = [part for url in secrets if "://" in url for part in _passwords(url)]
    return {each for each in (*secrets, *passwords) if len(each) >= MIN_SECRET}


def _passwords(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return
    yield from (password, unquote(password))
