"""Secrets at rest, sealed: nobody reads or changes them without the key (XSalsa20-Poly1305)."""

from llmring_core.base64_text import from_base64, to_base64url


class WrongKey(ValueError):
    """What was sealed cannot be opened: with another key, or it was changed."""


def seal(text: str, key: bytes) -> str:
    """Seal a text with a key of 32 bytes; no two times the same."""
    from nacl.secret import SecretBox  # imported only when there is something to seal

    return to_base64url(SecretBox(key).encrypt(text.encode()))


def unseal(sealed: str, key: bytes) -> str:
    """Open what `seal` sealed.

    Raises:
        WrongKey: it was sealed with another key, or was changed since.
    """
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    try:
        return SecretBox(key).decrypt(from_base64(sealed)).decode()
    except (CryptoError, ValueError) as error:
        raise WrongKey from error
