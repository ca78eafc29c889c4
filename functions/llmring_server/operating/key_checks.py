"""The keys of a server, as `doctor` finds them; none is made, entered or shown."""

import asyncio
from pathlib import Path

from pydantic import SecretStr

from llmring_core.key_count import Count, count
from llmring_core.key_ring import PRIVATE_KEY, KeyRing
from llmring_core.key_ring import SQL as RING
from llmring_core.pepper import NAME as PEPPER
from llmring_core.pepper import pepper_of
from llmring_core.sealing import WrongKey, unseal
from llmring_core.secrets_key import FILE as SECRETS_FILE
from llmring_core.secrets_key import kept_key, keys_of
from llmring_core.settings import Settings
from llmring_server.embedded import uses_embedded
from llmring_server.operating.findings import Finding, Patient, failed, ok, warning
from llmring_server.operating.target import SQL
from llmring_server.own_pepper import (
    keeps_its_own,
    kept_pepper,
    needs_pepper,
    pepper_file,
)


async def receipts(patient: Patient) -> Finding:
    """Whether there is a key to sign with, and the database knows it as the one that signs."""
    ring = KeyRing(patient.settings, patient.asked)
    mine = await ring.own_public()
    known = await patient.asked.fetch(RING["known"])
    current = next((row["key_id"] for row in known if row["not_after"] is None), None)
    if mine is None and current is None:
        return ok("none is set: receipts are verified, not issued (llmring-server receipts keygen)")
    if mine is None:
        return warning(
            f"none is set, so no receipts are issued, though {current} signs here",
            f"set {PRIVATE_KEY} to that key, if this server is to issue receipts",
        )
    row = await patient.asked.fetch_row(RING["find_like"], mine.key_id, mine.raw)
    if row is None:
        return _new(mine.key_id, current)
    if (row["key_id"], row["public_key"]) != (mine.key_id, mine.raw):
        return failed(
            f"{mine.key_id} is known here as {row['key_id']}, or was another key's name",
            "set LLMRING_RECEIPTS_KEY_ID to the name that it has, or make a new key",
        )
    if row["not_after"] is not None:
        return failed(
            f"{mine.key_id} was rotated out, so no receipts are issued",
            f"set {PRIVATE_KEY} to the key {current}",
        )
    return ok(f"{mine.key_id} signs, and the database knows it; {len(known) - 1} signed before")


def _new(mine: str, current: str | None) -> Finding:
    if current is None:
        return ok(f"{mine} is set; the next start enters it into the database")
    return warning(
        f"{mine} is not known to the database: the next start ends {current} for ever",
        f"set {PRIVATE_KEY} to {current}, unless that is meant",
    )


async def api_keys(patient: Patient) -> Finding:
    """Whether the keys that are registered open."""
    settings, file = patient.settings, pepper_file(patient.settings)
    if not needs_pepper(settings):
        return _open(await count(patient.asked, None) if patient.database else Count(0, 0))
    keys = await count(patient.asked, None)
    if keeps_its_own(settings) and not file.exists():
        return _without_pepper(keys, file)
    keys = await count(patient.asked, await _pepper(settings))
    if told := keys.told_of_others:
        back = f", or put {file} back" if keeps_its_own(settings) else ""
        return failed(told, f"set {PEPPER} to that one{back}")
    if settings.auth_mode == "open":
        return _open(keys)
    return _for_owner_only(file, ok(f"{keys.said} made, and there is {PEPPER} to look them up"))


async def _pepper(settings: Settings) -> bytes:
    if keeps_its_own(settings):
        return kept_pepper(settings)
    return await asyncio.to_thread(pepper_of, settings)


def _open(keys: Count) -> Finding:
    if keys.keys:
        return warning(
            f"{keys.said} made, but any other is let in too, as a project of its own",
            "set LLMRING_AUTH_MODE=registered",
        )
    return ok("any key is a project of its own (LLMRING_AUTH_MODE=open)")


def _without_pepper(keys: Count, file: Path) -> Finding:
    if keys.keys:
        return failed(
            f"{keys.said} made, but there is no {PEPPER} to look them up: none opens",
            f"put {file} back, or set {PEPPER}",
        )
    return warning("there is no key yet", "llmring-server keys create --project NAME")


async def credentials(patient: Patient) -> Finding:
    """Whether the key opens what it sealed: the credentials of MCP servers."""
    settings, file = patient.settings, patient.data_dir / SECRETS_FILE
    is_set = settings.secrets_key is not None or settings.secrets_key_secret is not None
    if not is_set and uses_embedded(settings) and file.exists():
        settings = settings.model_copy(update={"secrets_key": SecretStr(kept_key(file))})
    keys = await asyncio.to_thread(keys_of, settings)
    sealed = [row["auth_sealed"] for row in await patient.asked.fetch(SQL["sealed"])]
    closed = sum(not any(_opens(key, each) for key in keys) for each in sealed)
    if closed:
        return failed(
            f"{closed} of {len(sealed)} sealed credentials cannot be opened with the key that is "
            "here",
            f"set LLMRING_SECRETS_KEY to the one they were sealed with, or put {file} back",
        )
    if not keys and not uses_embedded(settings):
        return warning(
            "there is no key to seal with, so MCP servers cannot have credentials",
            "set LLMRING_SECRETS_KEY",
        )
    return _for_owner_only(file, ok(f"{len(sealed)} sealed credentials, all of which open"))


def _opens(key: bytes, sealed: str) -> bool:
    try:
        unseal(sealed, key)
    except WrongKey:
        return False
    return True


def _for_owner_only(file: Path, otherwise: Finding) -> Finding:
    """A finding, unless others may read a file with a key."""
    if file.exists() and file.stat().st_mode & 0o077:
        return warning(f"{file} can be read by others", f"chmod 600 {file}")
    return otherwise
