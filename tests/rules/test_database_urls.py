"""Which URLs of a database are taken, and what is shown of them."""

import pytest

from llmring_core.database_urls import check_database_url, shown_url
from llmring_core.errors import StartRefused
from llmring_core.settings import Settings

TAKEN = [
    "postgresql://host/name",
    "postgres://user:secret@host:5432/name",
    "postgresql://user:secret%2F%40@host/name?sslmode=require&connect_timeout=5",
    "postgresql://user:secret@[::1]:5432/name",
    "postgresql://user:secret@one:5432,two:5433/name?target_session_attrs=read-write",
    "postgresql://user:secret@/name?host=/run/postgresql&port=5433",
    "postgresql://",
]
REFUSED = [
    "mysql://user:secret@host/name",
    "postgresql:user:secret@host/name",
    "postgresql://user:secret/x@host/name",
    "postgresql://user:1234/secret@host/name",
    "postgresql://user:secret?x@host/name",
    "postgresql://user:1234?secret@host/name",
    "postgresql://user:secret#x@host/name",
    "postgresql://user:1234#secret@host/name",
    "postgresql://user:secret@x@host/name",
    "postgresql://user:[secret@host/name",
    "postgresql://user:secret@host:65536/name",
    "postgresql://user:secret@host:port/name",
    "postgresql://user:secret@host/name?sslmode",
]


@pytest.mark.parametrize("url", TAKEN)
def test_a_url_is_taken(url):
    assert check_database_url(url) == url


@pytest.mark.parametrize("url", TAKEN)
def test_no_password_is_shown(url):
    assert "secret" not in shown_url(url)
    assert "user" not in shown_url(url)


def test_host_and_name_are_shown():
    assert shown_url(TAKEN[1]) == "postgres://host:5432/name"


@pytest.mark.parametrize("url", REFUSED)
def test_what_would_be_read_in_another_way_than_it_was_meant_is_refused_without_a_word_of_it(url):
    with pytest.raises(ValueError, match=r"\S") as refused:
        check_database_url(url)
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_the_start_is_refused_in_one_line(monkeypatch):
    monkeypatch.setenv("LLMRING_DATABASE_URL", REFUSED[2])
    with pytest.raises(StartRefused) as refused:
        Settings.from_env(_env_file=None)
    assert str(refused.value).startswith("LLMRING_DATABASE_URL is wrong: it takes")
    assert "secret" not in str(refused.value)
