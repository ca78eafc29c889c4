"""What a registered key looks like, and what is kept of it."""

import re

import pytest

from llmring_core.api_keys import hash_of, hint_of, is_well_formed, new_key

PEPPER = b"p" * 32


def test_a_key_has_the_form_that_scanners_look_for():
    assert re.fullmatch(r"lr_[0-9A-Za-z]{27}_[0-9A-Za-z]{6}", new_key())


def test_a_new_key_is_well_formed():
    assert all(is_well_formed(new_key()) for _ in range(100))


def test_no_two_keys_are_the_same():
    assert len({new_key() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("place", range(36))
def test_a_key_with_one_wrong_character_is_not_well_formed(place):
    key = new_key()
    other = "b" if key[place + 1] == "a" else "a"
    assert not is_well_formed(key[: place + 1] + other + key[place + 2 :])


@pytest.mark.parametrize("key", ["", "_", "lr_", "alice", "lr__000000", "é" * 37])
def test_what_is_no_key_is_not_well_formed(key):
    assert not is_well_formed(key)


def test_the_hash_depends_on_the_pepper():
    key = new_key()
    assert hash_of(key, PEPPER) != hash_of(key, b"q" * 32)
    assert len(hash_of(key, PEPPER)) == 32


def test_the_hint_is_too_short_to_help_anybody():
    key = new_key()
    assert hint_of(key) == key[:8]
