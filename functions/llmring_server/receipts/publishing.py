"""The public keys, for whoever wants to verify receipts."""

from llmring_core.base64_text import to_base64url
from llmring_core.errors import NotFound
from llmring_core.key_ring import PRIVATE_KEY, KeyRing, KnownKey
from llmring_server.receipts.models import KeyList, PublishedKey


async def current_pem(keys: KeyRing) -> str:
    """The public key of the key that signs, in PEM.

    Raises:
        NotFound: this server never had one.
    """
    for key in await keys.all():
        if key.not_after is None:
            return key.public.pem()
    raise NotFound(f"This server never had a signing key: {PRIVATE_KEY} sets one.")


async def key_list(keys: KeyRing) -> KeyList:
    """Every public key, the newest first."""
    known = await keys.all()
    current = next((key.public.key_id for key in known if key.not_after is None), None)
    return KeyList(keys=[_published(key) for key in known], current_key_id=current)


def _published(key: KnownKey) -> PublishedKey:
    return PublishedKey(
        key_id=key.public.key_id,
        public_key=to_base64url(key.public.raw),
        status=key.status,
        not_before=key.not_before,
        not_after=key.not_after,
        jwk=key.public.jwk(),
    )
