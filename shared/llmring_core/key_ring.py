"""The keys of receipts: the one that signs, and every public key that ever did."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from pydantic import SecretStr

from llmring_core.connection import Row
from llmring_core.database import Database
from llmring_core.errors import NotConfigured, StartRefused
from llmring_core.queries import load
from llmring_core.secret_store import read_secret
from llmring_core.settings import Settings
from llmring_core.signing import NotAKey, PrivateKey, PublicKey

SQL = load("llmring_core", "key_ring.sql")
PRIVATE_KEY = "LLMRING_RECEIPTS_PRIVATE_KEY_B64"
# A key that is remembered may since have been rotated out by another process.
REMEMBERED_SECONDS = 60.0
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A public key and the time during which it signed; `not_after` is None for the current one."""

    public: PublicKey
    not_before: datetime
    not_after: datetime | None

    @property
    def status(self) -> Literal["active", "rotated"]:
        """Whether it still signs."""
        return "active" if self.not_after is None else "rotated"


class KeyRing:
    """The keys of one app.

    The signing key of the settings is entered into the database at the first need; that rotates
    out the key before it, for good: a rotated key verifies what it signed and signs nothing new,
    also in a process that still has it, and under no other name. A public key alone, in a server
    that only verifies, is entered nowhere.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        """Read the keys of the settings; nothing is fetched or entered yet.

        Raises:
            StartRefused: a key is none, or the two are not a pair.
        """
        self._settings = settings
        self._database = database
        self._lock = asyncio.Lock()
        self._own: KnownKey | None = None
        self._remembered: dict[str, tuple[KnownKey, float]] = {}
        if settings.receipts_private_key_b64 and settings.receipts_private_key_secret:
            raise StartRefused(f"{PRIVATE_KEY} and _SECRET are both set: one key can sign.")
        self._public = _public_key(settings)
        self._private: PrivateKey | None = None
        if settings.receipts_private_key_b64:
            self._take(settings.receipts_private_key_b64)

    @property
    def public(self) -> PublicKey | None:
        """The public key of the settings, as far as it is known without fetching a secret."""
        return self._public

    @property
    def is_to_sign(self) -> bool:
        """Whether the settings have a signing key, or say where there is one."""
        return self._private is not None or self._settings.receipts_private_key_secret is not None

    async def prepare(self) -> KnownKey | None:
        """Enter the signing key of the settings, if there is one, into the database; once.

        Raises:
            StartRefused: its name was that of another key before, or its material has another.
            Unavailable: the database, or the secret's keeper, does not answer.
        """
        async with self._lock:
            if self._own is None:
                await self._fetch_secret()
                if self._private is not None:
                    self._own = await self._enter(self._private.public)
            return self._own

    async def own_public(self) -> PublicKey | None:
        """The public half of the key to sign with, if there is one; nothing is entered.

        Raises:
            StartRefused, Unavailable: the secret is no key, or is not handed out.
        """
        async with self._lock:
            await self._fetch_secret()
        return None if self._private is None else self._private.public

    async def signer(self) -> PrivateKey:
        """The key to sign with.

        Raises:
            NotConfigured: there is none, or it was rotated out.
            StartRefused, Unavailable: as `prepare`.
        """
        own = self._own or await self.prepare()
        if own is None or self._private is None:
            raise NotConfigured(
                f"This server cannot sign receipts: set {PRIVATE_KEY} "
                "(llmring-server receipts keygen makes a key)."
            )
        if own.not_after is not None:
            raise self.rotated_out()
        return self._private

    def rotated_out(self) -> NotConfigured:
        """What to raise once the database says that our key signs no more."""
        self._own = None  # look again next time: the reason may have been another
        return NotConfigured(
            f"The signing key of this server was rotated out: set {PRIVATE_KEY} to the current key."
        )

    async def find(self, key_id: str) -> KnownKey | None:
        """The key of a name, if it ever belonged to this server; raises as `prepare`."""
        if "\x00" in key_id:
            return None  # not text that a database could look for
        key, since = self._remembered.get(key_id, (None, 0.0))
        if key is not None and time.monotonic() - since < REMEMBERED_SECONDS:
            return key
        row = await self._database.fetch_row(SQL["find"], key_id)
        if row is None and self._own is None and await self.prepare():
            row = await self._database.fetch_row(SQL["find"], key_id)
        if row is None:
            return self._trusted(key_id)
        self._remembered[key_id] = (found := _known(row)), time.monotonic()
        return found

    def _trusted(self, key_id: str) -> KnownKey | None:
        """The public key that this server was told to verify with, though nobody signed here."""
        if self._public is None or self._public.key_id != key_id:
            return None
        return KnownKey(self._public, _ALWAYS, None)

    async def all(self) -> list[KnownKey]:
        """Every key that ever belonged to this server, the newest first; raises as `prepare`."""
        if self._own is None:
            await self.prepare()
        return [_known(row) for row in await self._database.fetch(SQL["known"])]

    async def _fetch_secret(self) -> None:
        name = self._settings.receipts_private_key_secret
        if name is not None and self._private is None:
            self._take(SecretStr(await asyncio.to_thread(read_secret, name, member=PRIVATE_KEY)))

    def _take(self, text: SecretStr) -> None:
        """Sign with a key, if it is one, and the one that the public key belongs to."""
        try:
            private = PrivateKey.read(text.get_secret_value(), self._settings.receipts_key_id)
        except NotAKey as error:
            raise StartRefused(f"{PRIVATE_KEY} is wrong: {error}.") from None
        if self._public not in (None, private.public):
            raise StartRefused(
                "LLMRING_RECEIPTS_PUBLIC_KEY_B64 is not the public key of the private one."
            )
        self._private, self._public = private, private.public

    async def _enter(self, key: PublicKey) -> KnownKey:
        async with self._database.transaction() as tx:
            await tx.execute(SQL["lock"])
            row = await tx.fetch_row(SQL["find_like"], key.key_id, key.raw)
            if row is None:
                await tx.execute(SQL["rotate_out"])
                row = await tx.fetch_row(SQL["add"], key.key_id, key.raw)
        known = _known(cast("Row", row))
        if known.public.raw != key.raw:
            raise StartRefused(
                "LLMRING_RECEIPTS_KEY_ID names a key that this server had before, with other key "
                "material: give the new key a new name, or none."
            )
        if known.public.key_id != key.key_id:
            raise StartRefused(
                f"The signing key is known here as {known.public.key_id}: set "
                "LLMRING_RECEIPTS_KEY_ID to that, or make a new key."
            )
        return known


def _public_key(settings: Settings) -> PublicKey | None:
    if settings.receipts_public_key_b64 is None:
        return None
    try:
        return PublicKey.read(settings.receipts_public_key_b64, settings.receipts_key_id)
    except NotAKey as error:
        raise StartRefused(f"LLMRING_RECEIPTS_PUBLIC_KEY_B64 is wrong: {error}.") from None


def _known(row: Row) -> KnownKey:
    return KnownKey(
        PublicKey(row["key_id"], row["public_key"]), row["not_before"], row["not_after"]
    )
