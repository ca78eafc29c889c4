"""The key that contents are compared with."""

import pytest
from pydantic import SecretStr

from llmring_core.base64_text import from_base64, to_base64url
from llmring_core.errors import StartRefused
from llmring_core.secrets_key import keys_of, newest_key, own_key
from llmring_core.settings import Settings

NEW, OLD = bytes(range(32)), bytes(32)


def settings(text):
    return Settings(_env_file=None, secrets_key=SecretStr(text) if text else None)


def test_keys_are_listed_the_newest_first():
    text = f"{to_base64url(NEW)}, {to_base64url(OLD)}"
    assert keys_of(settings(text)) == [NEW, OLD]
    assert newest_key(settings(text)) == NEW


def test_without_a_setting_there_is_no_key():
    assert newest_key(settings(None)) is None


@pytest.mark.parametrize("text", ["hunter2", "AAAA", f"{to_base64url(NEW)},hunter2", ","])
def test_what_is_no_key_is_refused_without_being_shown(text):
    with pytest.raises(StartRefused, match="LLMRING_SECRETS_KEY is wrong") as refused:
        keys_of(settings(text))
    assert "hunter2" not in str(refused.value)


def test_a_key_of_our_own_is_made_once_and_read_by_its_owner_only(tmp_path):
    first, second = own_key(tmp_path), own_key(tmp_path)
    assert (first, len(from_base64(first))) == (second, 32)
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff"])
def test_a_file_without_a_key_in_it_is_named(tmp_path, content):
    (tmp_path / "secrets.key").write_bytes(content)
    with pytest.raises(StartRefused, match=r"secrets\.key is damaged"):
        own_key(tmp_path)


def test_only_its_owner_can_read_a_key_of_our_own_making(tmp_path):
    own_key(tmp_path)
    assert [(each.name, each.stat().st_mode & 0o777) for each in tmp_path.iterdir()] == [
        ("secrets.key", 0o600)
    ]
