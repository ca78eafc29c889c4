"""The public keys that `llmring-server receipts verify` goes by."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmring_core import canonical
from llmring_core.database import Database
from llmring_core.errors import StartRefused
from llmring_core.key_ring import KeyRing, KnownKey
from llmring_core.settings import Settings
from llmring_core.signing import NotAKey, PublicKey

PUBLISHED = "/receipts/public-keys.json"
SECONDS = 10.0
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def trusted_keys(file: Path | None, url: str | None) -> Mapping[str, KnownKey]:
    """The keys of a `public-keys.json`, of a server, or else the one of the settings.

    Raises:
        StartRefused: they cannot be had, or there are none.
    """
    if file is not None:
        return _read(_text_of(file), str(file))
    if url is not None:
        return _read(_fetched(url), url)
    settings = Settings.from_env()
    own = KeyRing(settings, Database(settings)).public
    if own is None:
        raise StartRefused("Say whose receipts they are: --keys public-keys.json, or --url ...")
    return {own.key_id: KnownKey(own, ALWAYS, None)}


def _text_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StartRefused(f"Cannot read {file}: {error.strerror}.") from error


def _fetched(url: str) -> bytes:
    import httpx

    address = url if url.endswith(".json") else url.rstrip("/") + PUBLISHED
    try:
        answer = httpx.get(address, timeout=SECONDS, follow_redirects=True).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise StartRefused(f"Cannot get {address}: {error}") from None
    return answer.content


def _read(text: bytes, source: str) -> Mapping[str, KnownKey]:
    try:
        keys = map(_key, canonical.loads(text)["keys"])
        return {key.public.key_id: key for key in keys}
    except (ValueError, KeyError, TypeError, AttributeError, NotAKey) as error:
        raise StartRefused(f"{source} is not what GET {PUBLISHED} answers.") from error


def _key(entry: dict[str, Any]) -> KnownKey:
    return KnownKey(
        PublicKey.read(entry["public_key"], entry["key_id"]),
        _time(entry.get("not_before")) or ALWAYS,
        _time(entry.get("not_after")),
    )


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment
