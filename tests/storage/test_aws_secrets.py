"""Secrets that AWS keeps: read once, kept for minutes, read anew when they do not open any more."""

import json

import boto3
import pytest
from moto import mock_aws

from llmring_core import secret_store
from llmring_core.database import Database
from llmring_core.database_login import login_of
from llmring_core.errors import StartRefused, Unavailable
from llmring_core.queries import Statement
from llmring_core.secrets_key import keys_of
from llmring_core.settings import Settings

KEY = bytes(range(32))
ONE = Statement("select 1")


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(secret_store, "_kept", {})
    with mock_aws():
        yield


def keep(name, text):
    client = boto3.client("secretsmanager")
    try:
        return client.create_secret(Name=name, SecretString=text)["ARN"]
    except client.exceptions.ResourceExistsException:
        return client.put_secret_value(SecretId=name, SecretString=text)["ARN"]


@pytest.fixture
def asked(monkeypatch):
    """The names that AWS was asked for."""
    names, ask = [], secret_store._asked

    def counted(name):
        names.append(name)
        return ask(name)

    monkeypatch.setattr(secret_store, "_asked", counted)
    return names


def test_a_secret_is_read_once(asked):
    arn = keep("one", "value")
    assert [secret_store.read_secret(arn, member="x") for _ in range(3)] == ["value"] * 3
    assert asked == [arn]


def test_after_some_minutes_a_secret_is_read_anew(asked, monkeypatch):
    keep("one", "old")
    secret_store.read_text("one")
    keep("one", "new")
    now = secret_store.time.monotonic() + secret_store.KEPT_SECONDS
    monkeypatch.setattr(secret_store.time, "monotonic", lambda: now)
    assert secret_store.read_text("one") == "new"


def test_no_more_than_a_few_secrets_are_kept():
    for number in range(3 * secret_store.MAX_KEPT):
        keep(f"s{number}", "x")
        secret_store.read_text(f"s{number}")
    assert len(secret_store._kept) <= secret_store.MAX_KEPT


@pytest.mark.parametrize("by", ["name", "arn"])
def test_a_parameter_of_systems_manager_is_read(by):
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/llmring/key", Value="value", Type="SecureString")
    arn = ssm.get_parameter(Name="/llmring/key")["Parameter"]["ARN"]
    assert secret_store.read_text(arn if by == "arn" else "ssm:/llmring/key") == "value"


@pytest.mark.parametrize("name", ["nothing", "ssm:/nothing"])
def test_what_aws_does_not_have_is_unavailable(name):
    with pytest.raises(Unavailable, match="NotFound"):
        secret_store.read_text(name)


def test_the_key_that_seals_may_be_a_secret():
    import base64

    arn = keep("key", json.dumps({"LLMRING_SECRETS_KEY": base64.b64encode(KEY).decode()}))
    assert keys_of(Settings(_env_file=None, secrets_key_secret=arn)) == [KEY]


@pytest.mark.parametrize(
    "text", ['{"user": "x"}', "{", '{"username": "x"}', "mysql://canary@host/db"]
)
def test_a_secret_that_is_no_login_is_refused(text):
    with pytest.raises(StartRefused, match="LLMRING_DATABASE_SECRET") as refused:
        login_of(keep("login", text))
    assert text not in str(refused.value)


def test_a_login_is_not_shown():
    login = login_of(keep("login", '{"username": "ann", "password": "canary"}'))
    assert "canary" not in repr(login)


@pytest.fixture
async def reader(database, database_url):
    """A role with a password, on a server that trusts everybody at its socket."""
    user = database_url.split("//")[1].split("@")[0]
    return {"username": user, "password": "secret"}


async def test_the_login_of_a_secret_opens_the_database(database_url, reader):
    address = database_url.replace(f"{reader['username']}@", "", 1)
    arn = keep("login", json.dumps(reader))
    database = Database(Settings(_env_file=None, database_url=address, database_secret=arn))
    assert await database.fetch_value(ONE) == 1
    await database.close()


async def test_a_secret_may_be_the_whole_url(database_url):
    database = Database(Settings(_env_file=None, database_secret=keep("url", database_url)))
    assert await database.fetch_value(ONE) == 1
    await database.close()


async def test_a_login_that_was_rotated_is_read_anew(database_url, reader):
    address = database_url.replace(f"{reader['username']}@", "", 1)
    arn = keep("login", json.dumps({"username": "gone", "password": "x"}))
    database = Database(Settings(_env_file=None, database_url=address, database_secret=arn))
    with pytest.raises(Unavailable):
        await database.fetch_value(ONE)
    await database.close()
    secret_store.read_text(arn)
    keep("login", json.dumps(reader))
    database = Database(Settings(_env_file=None, database_url=address, database_secret=arn))
    assert await database.fetch_value(ONE) == 1  # the one that was kept does not open any more
    await database.close()


def test_while_aws_is_away_a_secret_stays_what_it_was(monkeypatch):
    keep("one", "value")
    secret_store.read_text("one")
    now = secret_store.time.monotonic() + secret_store.KEPT_SECONDS
    monkeypatch.setattr(secret_store.time, "monotonic", lambda: now)
    boto3.client("secretsmanager").delete_secret(SecretId="one", ForceDeleteWithoutRecovery=True)
    assert secret_store.read_text("one") == "value"


@pytest.mark.parametrize("value", [None, 12345678901234567890, ["x"]])
def test_a_member_that_is_no_text_is_no_secret(asked, monkeypatch, value):
    monkeypatch.setattr(
        secret_store, "_asked", lambda _: json.dumps({"LLMRING_ADMIN_TOKEN": value})
    )
    with pytest.raises(StartRefused, match="is no text"):
        secret_store.read_secret("another", member="LLMRING_ADMIN_TOKEN")
