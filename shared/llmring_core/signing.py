"""Ed25519 keys (RFC 8032): how they are read, named and written, and what they sign and verify."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from llmring_core import canonical
from llmring_core.base64_text import from_base64, to_base64url

if TYPE_CHECKING:  # imported where something is signed or verified: it slows down cold starts
    import nacl.signing

SIGNATURE_PREFIX = "ed25519:"
SEED_BYTES = 32
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
# SubjectPublicKeyInfo up to the key itself: the algorithm id-Ed25519 (RFC 8410, section 4).
_SPKI_HEADER = bytes.fromhex("302a300506032b6570032100")


class NotAKey(ValueError):
    """The text is not a key of the kind that is needed; the message never quotes it."""


class NotASignature(ValueError):
    """The text is not a signature."""


class WrongSignature(ValueError):
    """The signature was not made by this key over this message."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a signing key."""

    key_id: str
    raw: bytes

    @classmethod
    def read(cls, text: str, key_id: str | None = None) -> Self:
        """Read a key from base64 or base64url; unnamed, its thumbprint is its name.

        Raises:
            NotAKey: it is not 32 bytes, or not a point that a private key can belong to.
        """
        raw = _key_bytes(text)
        if len(raw) != PUBLIC_KEY_BYTES:
            raise NotAKey("an Ed25519 public key has 32 bytes")
        import nacl.bindings

        if not nacl.bindings.crypto_core_ed25519_is_valid_point(raw):
            raise NotAKey("these 32 bytes are not an Ed25519 public key")
        return cls(key_id or thumbprint(raw), raw)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check a signature.

        Raises:
            WrongSignature: it was not made by this key over this message.
        """
        import nacl.bindings
        from nacl.exceptions import BadSignatureError

        try:
            nacl.bindings.crypto_sign_open(signature + message, self.raw)
        except BadSignatureError as error:
            raise WrongSignature from error

    def jwk(self) -> dict[str, str]:
        """The key as a JSON Web Key (RFC 8037, section 2)."""
        return {
            **_thumbprint_members(self.raw),
            "kid": self.key_id,
            "alg": "EdDSA",
            "use": "sig",
        }

    def pem(self) -> str:
        """The key as SubjectPublicKeyInfo in PEM (RFC 8410, section 10.1)."""
        body = base64.b64encode(_SPKI_HEADER + self.raw).decode()
        return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A signing key; what it shows of itself is its name."""

    public: PublicKey
    _key: "nacl.signing.SigningKey" = field(repr=False)

    @classmethod
    def generate(cls, key_id: str | None = None) -> Self:
        """Make a new key from the system's randomness."""
        import nacl.signing

        return cls._of(nacl.signing.SigningKey.generate(), key_id)

    @classmethod
    def read(cls, text: str, key_id: str | None = None) -> Self:
        """Read a key from base64 or base64url: a seed of 32 bytes, or seed and public key in 64.

        Raises:
            NotAKey: it is neither, or the public key in it is not that of the seed.
        """
        raw = _key_bytes(text)
        if len(raw) not in (SEED_BYTES, SEED_BYTES + PUBLIC_KEY_BYTES):
            raise NotAKey("an Ed25519 private key has 32 bytes (the seed) or 64")
        import nacl.signing

        key = nacl.signing.SigningKey(raw[:SEED_BYTES])
        # Signing with a public key that is not the seed's would give the seed away.
        if raw[SEED_BYTES:] not in (b"", bytes(key.verify_key)):
            raise NotAKey("the second half of the 64 bytes is not the public key of the first")
        return cls._of(key, key_id)

    @classmethod
    def _of(cls, key: "nacl.signing.SigningKey", key_id: str | None) -> Self:
        raw = bytes(key.verify_key)
        return cls(PublicKey(key_id or thumbprint(raw), raw), key)

    @property
    def key_id(self) -> str:
        """The name of the key."""
        return self.public.key_id

    def sign(self, message: bytes) -> bytes:
        """Sign a message; returns the 64 bytes of the signature."""
        return self._key.sign(message).signature

    def seed_text(self) -> str:
        """The secret itself, in base64url, for whoever is to keep it."""
        return to_base64url(bytes(self._key))


def thumbprint(raw: bytes) -> str:
    """The name of a public key that needs no agreement: its JWK thumbprint (RFC 7638)."""
    return to_base64url(hashlib.sha256(canonical.dumps(_thumbprint_members(raw))).digest())


def write_signature(signature: bytes) -> str:
    """Write a signature as receipts carry it: `ed25519:` and base64url without padding."""
    return SIGNATURE_PREFIX + to_base64url(signature)


def read_signature(text: object) -> bytes:
    """Read a signature from base64url or base64, padded or not.

    Raises:
        NotASignature: it is neither, or not 64 bytes.
    """
    if not isinstance(text, str) or not text.startswith(SIGNATURE_PREFIX):
        raise NotASignature(f"a signature is written {SIGNATURE_PREFIX}<base64url>")
    try:
        signature = from_base64(text.removeprefix(SIGNATURE_PREFIX))
    except ValueError as error:
        raise NotASignature(f"after {SIGNATURE_PREFIX} there is no base64url") from error
    if len(signature) != SIGNATURE_BYTES:
        raise NotASignature("an Ed25519 signature has 64 bytes")
    return signature


def _thumbprint_members(raw: bytes) -> dict[str, str]:
    """What RFC 8037, section 2, requires of the JWK of an Ed25519 key."""
    return {"crv": "Ed25519", "kty": "OKP", "x": to_base64url(raw)}


def _key_bytes(text: str) -> bytes:
    try:
        return from_base64("".join(text.split()))
    except ValueError:
        raise NotAKey("not base64 or base64url") from None
