"""Ed25519 keys: how they are read, named and written, and that others agree."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from llmring_core.base64_text import from_base64, to_base64url
from llmring_core.signing import (
    NotAKey,
    NotASignature,
    PrivateKey,
    PublicKey,
    WrongSignature,
    read_signature,
    thumbprint,
    write_signature,
)

# RFC 8032, section 7.1: secret key, public key, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
        "f9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
        "f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]
SEED = bytes(range(32))


@pytest.fixture
def key():
    return PrivateKey.generate()


def b64(raw):
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(("seed", "public", "message", "signature"), VECTORS)
def test_the_vectors_of_rfc_8032_hold(seed, public, message, signature):
    key = PrivateKey.read(b64(bytes.fromhex(seed)))
    assert key.public.raw.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature


def test_the_thumbprint_is_that_of_rfc_8037():
    """Appendix A.3."""
    raw = from_base64("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert thumbprint(raw) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_jwk_has_the_members_of_rfc_8037(key):
    assert key.public.jwk() == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": to_base64url(key.public.raw),
        "kid": key.key_id,
        "alg": "EdDSA",
        "use": "sig",
    }


def test_another_library_reads_the_pem(key):
    read = load_pem_public_key(key.public.pem().encode())
    assert isinstance(read, Ed25519PublicKey)
    assert read.public_bytes_raw() == key.public.raw


def test_another_library_verifies_a_signature(key):
    Ed25519PublicKey.from_public_bytes(key.public.raw).verify(key.sign(b"message"), b"message")


@pytest.mark.parametrize(
    "text",
    [
        b64(SEED),
        b64(SEED).rstrip("="),
        base64.urlsafe_b64encode(SEED).decode(),
        f" {b64(SEED)}\n",
    ],
    ids=["base64", "unpadded", "base64url", "with white space"],
)
def test_a_seed_is_read_however_it_is_written(text):
    assert PrivateKey.read(text).seed_text() == to_base64url(SEED)


def test_a_key_of_64_bytes_is_read(key):
    both = from_base64(key.seed_text()) + key.public.raw
    assert PrivateKey.read(b64(both)).public == key.public


def test_a_key_of_64_bytes_whose_halves_are_no_pair_is_refused(key):
    mixed = SEED + key.public.raw
    with pytest.raises(NotAKey, match="not the public key of the first"):
        PrivateKey.read(b64(mixed))


@pytest.mark.parametrize("text", ["", "AAAA", b64(bytes(33)), "not base64 at all!", "é" * 43])
def test_what_is_no_private_key_is_refused_without_being_quoted(text):
    with pytest.raises(NotAKey) as refused:
        PrivateKey.read(text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("raw", [bytes(31), bytes(32), b"\x01" + bytes(31), b"\xff" * 32])
def test_what_is_no_public_key_is_refused(raw):
    with pytest.raises(NotAKey):
        PublicKey.read(b64(raw))


def test_a_private_key_shows_nothing_of_itself(key):
    shown = f"{key} {key!r}"
    secret = from_base64(key.seed_text())
    assert key.seed_text() not in shown
    assert secret.hex() not in shown
    assert repr(secret) not in shown


def test_a_signature_is_written_in_base64url_without_padding():
    assert write_signature(b"\xff" * 64) == "ed25519:" + "_" * 85 + "w"


@pytest.mark.parametrize("rewrite", ["{}", "{}==", "{std}", "{std}=="])
def test_a_signature_is_read_padded_or_not_in_either_alphabet(rewrite):
    url_safe = to_base64url(b"\xfb\xef" * 32)
    text = rewrite.format(url_safe, std=url_safe.replace("-", "+").replace("_", "/"))
    assert read_signature(f"ed25519:{text}") == b"\xfb\xef" * 32


@pytest.mark.parametrize(
    "text",
    [
        None,
        5,
        "",
        "A" * 86,
        "ed25519:",
        "ed25519:" + "A" * 43,
        "ed25519:" + "A" * 85 + "=",
        "ed25519:" + "A" * 86 + "=",
        "ed25519: " + "A" * 86,
        "ed25519:" + "A" * 86 + "\n",
        "ed25519:" + "!" * 86,
        "ED25519:" + "A" * 86,
    ],
)
def test_what_is_no_signature_is_refused(text):
    with pytest.raises(NotASignature):
        read_signature(text)


def test_bits_of_base64_that_say_nothing_must_be_zero():
    """Else a changed text would pass for the signed one (RFC 4648, section 3.5)."""
    with pytest.raises(NotASignature):
        read_signature("ed25519:" + "A" * 85 + "B")


def test_a_signature_holds_for_its_own_message_and_key_only(key):
    signature = key.sign(b"message")
    key.public.verify(b"message", signature)
    for message, public in ((b"massage", key.public), (b"message", PrivateKey.generate().public)):
        with pytest.raises(WrongSignature):
            public.verify(message, signature)
