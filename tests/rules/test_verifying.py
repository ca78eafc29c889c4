"""Whether a receipt is what it claims to be."""

import copy
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from llmring_core import canonical
from llmring_core.key_ring import KnownKey
from llmring_core.signing import PrivateKey
from llmring_server.receipts.issuing import sign
from llmring_server.receipts.verifying import Invalid, check, claim_of
from support.json_values import json_objects

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = PrivateKey.generate()
ACTIVE = KnownKey(KEY.public, NOW, None)
MEMBERS = {
    "id": "r-1",
    "timestamp": "2026-11-24T12:00:00Z",
    "model": "openai:gpt-4.1",
    "alias": None,
    "profile": "default",
    "lock_digest": "sha256:00",
    "tokens": {"input": 1200, "output": 350, "cached_input": 0},
    "cost": {"amount": 0.0052, "calculation": "given"},
    "tags": ["a", {"b": [1, 2.5, True, "x"]}],
}


def verify(receipt, key=ACTIVE):
    check(claim_of(receipt), key)


def places(value, path=()):
    """Where every value of a JSON value stands."""
    yield path
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[name], (*path, name))


def changed(receipt, path, change):
    """A copy of a receipt in which something was done to the value of a place."""
    copied = copy.deepcopy(receipt)
    *way, last = path
    inner = copied
    for name in way:
        inner = inner[name]
    change(inner, last)
    return copied


def removed(container, name):
    del container[name]


def another(container, name):
    container[name] = [container[name]]


def slightly_other(container, name):
    value = container[name]
    if isinstance(value, bool):
        container[name] = not value
    elif isinstance(value, int | float):
        container[name] = value + 1
    elif isinstance(value, str):
        container[name] = value[:-1] + chr(ord(value[-1]) ^ 1)
    else:
        container[name] = "null"


RECEIPT = sign(MEMBERS, KEY).members
PLACES = [path for path in places(RECEIPT) if path]


# What a receipt is signed with is no member of what is signed: `completed` takes it out before.
@given(json_objects.filter(lambda members: "signature" not in members))
def test_whatever_was_signed_verifies_after_any_reader_wrote_it_anew(members):
    receipt = canonical.loads(sign(members, KEY).canonical)
    verify(receipt)


@pytest.mark.parametrize("change", [removed, another, slightly_other])
@pytest.mark.parametrize("path", PLACES, ids=[".".join(map(str, path)) for path in PLACES])
def test_no_single_change_goes_unseen(path, change):
    tampered = changed(RECEIPT, path, change)
    with pytest.raises(Invalid):
        verify(tampered)


@pytest.mark.parametrize("path", PLACES, ids=[".".join(map(str, path)) for path in PLACES])
def test_no_added_member_goes_unseen(path):
    def add(container, name):
        if isinstance(container[name], dict):
            container[name]["added"] = None
        elif isinstance(container[name], list):
            container[name].append(None)
        else:
            container[f"{name}2" if isinstance(name, str) else 0] = None

    with pytest.raises(Invalid, match=r"^signature: it is not this key's"):
        verify(changed(RECEIPT, path, add))


@pytest.mark.parametrize("position", range(len("ed25519:"), len(RECEIPT["signature"])))
def test_no_changed_character_of_the_signature_goes_unseen(position):
    text = RECEIPT["signature"]
    for character in "AQgw_":
        if text[position] != character:
            tampered = text[:position] + character + text[position + 1 :]
            with pytest.raises(Invalid):
                verify({**RECEIPT, "signature": tampered})


@pytest.mark.parametrize(
    ("receipt", "reason"),
    [
        ({}, "key_id: the receipt names no key"),
        ({**RECEIPT, "key_id": 5}, "key_id: the receipt names no key"),
        ({"key_id": "k"}, "signature: the receipt has none"),
        ({**RECEIPT, "signature": None}, "signature: a signature is written ed25519:<base64url>"),
        ({**RECEIPT, "signature": "ed25519:AAAA"}, "signature: an Ed25519 signature has 64 bytes"),
        ({**RECEIPT, "model": "x"}, "signature: it is not this key's over this receipt"),
    ],
)
def test_the_reason_says_which_check_failed(receipt, reason):
    with pytest.raises(Invalid) as invalid:
        verify(receipt)
    assert str(invalid.value).startswith(reason)


def test_a_key_that_nobody_knows_is_named():
    with pytest.raises(Invalid, match="no public key of the name 'other'"):
        verify({**RECEIPT, "key_id": "other"}, None)


def test_the_signature_of_another_key_is_refused():
    other = KnownKey(PrivateKey.generate(KEY.key_id).public, NOW, None)
    with pytest.raises(Invalid, match=r"^signature: it is not this key's"):
        verify(RECEIPT, other)


def dated(timestamp):
    return sign({**MEMBERS, "timestamp": timestamp}, KEY).members


@pytest.mark.parametrize("timestamp", ["2001-01-01T00:00:00Z", "2026-11-25T11:00:00+00:00"])
def test_what_a_rotated_key_signed_still_verifies(timestamp):
    verify(dated(timestamp), KnownKey(KEY.public, NOW - timedelta(days=9), NOW))


@pytest.mark.parametrize("timestamp", ["2026-11-25T13:00:00Z", "9999-12-31T23:59:59Z", "soon", 5])
def test_a_rotated_key_has_signed_nothing_since(timestamp):
    with pytest.raises(Invalid, match="the key had been rotated out by then"):
        verify(dated(timestamp), KnownKey(KEY.public, NOW - timedelta(days=9), NOW))
