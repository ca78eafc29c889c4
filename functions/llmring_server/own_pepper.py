"""The pepper of a process of its own: that of the settings, or one kept beside its database."""

import os
from pathlib import Path

from pydantic import SecretStr

from llmring_core.database import Database
from llmring_core.errors import StartRefused
from llmring_core.key_count import count
from llmring_core.pepper import NAME, pepper_of, read_pepper
from llmring_core.secret_store import read_secret
from llmring_core.secrets_key import damaged, kept_key, own_key
from llmring_core.settings import Settings
from llmring_server.embedded import data_folder, uses_embedded

PEPPER_FILE = "key.pepper"


def pepper_file(settings: Settings) -> Path:
    """Where a pepper of our own making is kept."""
    return data_folder(settings) / PEPPER_FILE


def keeps_its_own(settings: Settings) -> bool:
    """Whether the pepper is kept in a file: none is given, and the database is the embedded one.

    One of our own beside a database of others would be one per machine: their keys would not open
    here, nor ours there.
    """
    is_given = settings.key_pepper is not None or settings.key_pepper_secret is not None
    return uses_embedded(settings) and not is_given


def with_given_pepper(settings: Settings) -> Settings:
    """The settings with the pepper that AWS keeps, which goes into the environment.

    From there the processes of a server read it.

    Raises:
        StartRefused: there is none, and the database is one that other machines may use.
    """
    if settings.key_pepper is None and settings.key_pepper_secret is not None:
        os.environ[NAME] = pepper = read_secret(settings.key_pepper_secret, member=NAME)
        settings = settings.model_copy(update={"key_pepper": SecretStr(pepper)})
    if not keeps_its_own(settings):
        pepper_of(settings)
    return settings


async def own_pepper(settings: Settings, database: Database) -> bytes:
    """The pepper, which is in the environment then; one that we keep is made if there are no keys.

    Raises:
        StartRefused: as `with_given_pepper`; the one that the keys were made under is gone.
    """
    settings = with_given_pepper(settings)
    if not keeps_its_own(settings):
        return pepper_of(settings)
    file = pepper_file(settings)
    if not file.exists():
        if (keys := await count(database, None)).keys:
            raise StartRefused(
                f"{file} is gone, under which {keys.said} made. Put it back, set {NAME} to what "
                "was in it, or revoke all of them."
            )
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        own_key(file.parent, file.name)
    pepper = kept_pepper(settings)
    os.environ[NAME] = kept_key(file)
    return pepper


def kept_pepper(settings: Settings) -> bytes:
    """The pepper in the file; raises StartRefused if what is in it cannot be one."""
    file = pepper_file(settings)
    try:
        return read_pepper(kept_key(file))
    except StartRefused:
        raise damaged(file) from None


def needs_pepper(settings: Settings) -> bool:
    """Whether a server lets registered keys in, or an operator make them."""
    has_operator = settings.admin_token is not None or settings.admin_token_secret is not None
    return settings.auth_mode == "registered" or (has_operator and keeps_its_own(settings))
