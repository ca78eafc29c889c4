"""The key ring: what is entered, once, and what stops the start."""

import asyncio
import base64

import boto3
import pytest
from moto import mock_aws

from llmring_core import secret_store
from llmring_core.base64_text import from_base64, to_base64url
from llmring_core.database import Database
from llmring_core.errors import NotConfigured, StartRefused, Unavailable
from llmring_core.key_ring import PRIVATE_KEY, KeyRing
from llmring_core.settings import Settings
from llmring_core.signing import PrivateKey

SEED = PrivateKey.generate()


@pytest.fixture
async def ring(database_url):
    """Makes key rings of settings, each on a database pool of its own."""
    databases = []

    def ring(**changes):
        own = Settings(_env_file=None, database_url=database_url, **changes)
        databases.append(Database(own))
        return KeyRing(own, databases[-1])

    yield ring
    for database in databases:
        await database.close()


@pytest.fixture
def secrets(monkeypatch):
    """AWS Secrets Manager."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(secret_store, "_kept", {})
    with mock_aws():
        yield boto3.client("secretsmanager")


async def test_ten_processes_that_start_at_once_enter_their_key_once(ring):
    rings = [ring(receipts_private_key_b64=SEED.seed_text()) for _ in range(10)]
    await asyncio.gather(*(each.signer() for each in rings))
    assert len(await rings[0].all()) == 1


async def test_of_keys_that_start_at_once_one_signs(ring):
    rings = [ring(receipts_private_key_b64=PrivateKey.generate().seed_text()) for _ in range(8)]
    await asyncio.gather(*(each.prepare() for each in rings))
    statuses = [key.status for key in await rings[0].all()]
    assert sorted(statuses) == ["active"] + ["rotated"] * 7


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"receipts_private_key_b64": "AAAA"}, "32 bytes (the seed) or 64"),
        ({"receipts_private_key_b64": "no key"}, "not base64"),
        ({"receipts_public_key_b64": "AAAA"}, "PUBLIC_KEY_B64 is wrong"),
        (
            {
                "receipts_private_key_b64": SEED.seed_text(),
                "receipts_public_key_b64": to_base64url(PrivateKey.generate().public.raw),
            },
            "is not the public key of the private one",
        ),
        (
            {"receipts_private_key_b64": SEED.seed_text(), "receipts_private_key_secret": "name"},
            "both set",
        ),
    ],
)
async def test_keys_that_cannot_be_stop_the_start(ring, changes, reason):
    with pytest.raises(StartRefused) as refused:
        ring(**changes)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert SEED.seed_text() not in str(refused.value)


async def test_a_pair_that_matches_is_taken(ring):
    public = base64.b64encode(SEED.public.raw).decode()
    pair = ring(receipts_private_key_b64=SEED.seed_text(), receipts_public_key_b64=public)
    assert pair.public == SEED.public


async def test_by_default_a_key_is_named_by_its_thumbprint(ring):
    signer = await ring(receipts_private_key_b64=SEED.seed_text()).signer()
    assert signer.key_id == SEED.key_id


async def test_a_key_ring_shows_no_private_key(ring):
    own = ring(receipts_private_key_b64=SEED.seed_text())
    assert SEED.seed_text() not in f"{own!r} {await own.signer()!r} {vars(own)!r}"


@pytest.mark.parametrize(
    "secret",
    [
        {"SecretString": SEED.seed_text()},
        {"SecretString": f'{{"{PRIVATE_KEY}": "{SEED.seed_text()}", "other": 1}}'},
        {"SecretBinary": from_base64(SEED.seed_text())},
    ],
    ids=["text", "JSON", "bytes"],
)
async def test_the_private_key_may_come_from_secrets_manager(ring, secrets, secret):
    arn = secrets.create_secret(Name="receipts", **secret)["ARN"]
    for name in (arn, "receipts"):
        signer = await ring(receipts_private_key_secret=name).signer()
        assert signer.key_id == SEED.key_id


async def test_a_secret_is_fetched_once(ring, secrets):
    secrets.create_secret(Name="receipts", SecretString=SEED.seed_text())
    own = ring(receipts_private_key_secret="receipts")
    await own.signer()
    secrets.delete_secret(SecretId="receipts", ForceDeleteWithoutRecovery=True)
    assert (await own.signer()).key_id == SEED.key_id


async def test_a_secret_that_is_not_there_is_asked_for_again(ring, secrets):
    own = ring(receipts_private_key_secret="receipts")
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        await own.signer()
    secrets.create_secret(Name="receipts", SecretString=SEED.seed_text())
    assert (await own.signer()).key_id == SEED.key_id


@pytest.mark.parametrize("text", ["hunter2", '{"other": "hunter2"}', '{"hunter2'])
async def test_a_secret_that_is_no_key_is_refused_without_being_shown(ring, secrets, text):
    secrets.create_secret(Name="receipts", SecretString=text)
    with pytest.raises(StartRefused) as refused:
        await ring(receipts_private_key_secret="receipts").signer()
    assert "hunter2" not in str(refused.value)


async def test_without_a_key_there_is_no_signer(ring):
    with pytest.raises(NotConfigured, match=PRIVATE_KEY):
        await ring().signer()
