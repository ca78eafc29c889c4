"""The keys that secrets are kept and compared with: of the settings, or one of our own making."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from llmring_core.base64_text import from_base64, to_base64url
from llmring_core.errors import StartRefused
from llmring_core.secret_store import read_secret
from llmring_core.settings import Settings

KEY_BYTES = 32
FILE = "secrets.key"


def keys_of(settings: Settings) -> list[bytes]:
    """The keys of the settings, the newest first.

    Raises:
        StartRefused: one is not 32 bytes in base64.
        Unavailable: AWS, which keeps them, does not hand them out.
    """
    if settings.secrets_key is not None:
        keys = settings.secrets_key.get_secret_value()
    elif settings.secrets_key_secret is not None:
        keys = read_secret(settings.secrets_key_secret, member="LLMRING_SECRETS_KEY")
    else:
        return []
    return [_read(text) for text in keys.split(",")]


def newest_key(settings: Settings) -> bytes | None:
    """The key to use for what is new, if there is one; raises as `keys_of`."""
    return next(iter(keys_of(settings)), None)


def own_key(data_dir: Path, name: str = FILE) -> str:
    """A key in the data folder, made when it is first asked for, readable by its owner only.

    Raises:
        StartRefused: it has no text in it.
    """
    file = data_dir / name
    if not file.exists():
        _make(file)
    return kept_key(file)


def kept_key(file: Path) -> str:
    """What is in the file of a key; raises StartRefused if that cannot be a key."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        text = ""
    if not text:
        raise damaged(file)
    return text


def damaged(file: Path) -> StartRefused:
    """The file of a key is there, but not what was in it."""
    return StartRefused(f"{file} is damaged: put back what was in it.")


def _make(file: Path) -> None:
    """Write a new key, all of it or nothing, unless somebody else was faster."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(f"{to_base64url(secrets.token_bytes(KEY_BYTES))}\n")
            opened.flush()
            os.fsync(opened.fileno())
        with suppress(FileExistsError):
            os.link(name, file)
    finally:
        os.unlink(name)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(text: str) -> bytes:
    try:
        key = from_base64(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartRefused("LLMRING_SECRETS_KEY is wrong: it takes 32 bytes in base64.")
    return key
