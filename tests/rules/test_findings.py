"""What `doctor` prints of a finding: one line, with no secret of the settings in it."""

import pytest
from pydantic import SecretStr

from llmring_core.settings import Settings
from llmring_server.operating.findings import without_secrets

SETTINGS = Settings(
    _env_file=None,
    database_url=SecretStr("postgresql://me:hunter%402@h/d"),
    redis_url=SecretStr("redis://:swordfish@h/0"),
    key_pepper=SecretStr("cGVwcGVy" * 6),
    admin_token=SecretStr("an-operators-token-of-enough-length"),
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no postgresql://me:hunter%402@h/d there", "no … there"),
        ("hunter%402 is wrong", "… is wrong"),
        ("hunter@2 is wrong", "… is wrong"),
        ("AUTH swordfish refused", "AUTH … refused"),
        (f"pepper {'cGVwcGVy' * 6}", "pepper …"),
        ("Bearer an-operators-token-of-enough-length", "Bearer …"),
        ("the host h is down", "the host h is down"),
    ],
)
def test_no_secret_is_left_in_what_somebody_else_said(said, shown):
    assert without_secrets(said, SETTINGS) == shown


def test_what_is_too_short_for_a_secret_stays_in_words():
    settings = Settings(_env_file=None, database_url="postgresql://me:the@h/d")
    assert without_secrets("the database", settings) == "the database"
