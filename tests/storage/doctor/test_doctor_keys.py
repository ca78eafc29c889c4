"""`llmring-server doctor` on keys: of receipts, of callers, and of what is sealed."""

import pytest
from pydantic import SecretStr

from llmring_core.base64_text import to_base64url
from llmring_core.errors import StartRefused
from llmring_core.key_ring import KeyRing
from llmring_core.sealing import seal
from llmring_core.settings import Settings
from llmring_core.signing import PrivateKey
from llmring_server.admin import managing
from llmring_server.admin.models import NewKey
from llmring_server.operating import key_checks
from llmring_server.operating.findings import Patient
from support.examined import REGISTERED, SECRETS_KEY

MINE, OTHER = PrivateKey.generate(), PrivateKey.generate()
PRIVATE_KEY = "LLMRING_RECEIPTS_PRIVATE_KEY_B64"
OTHER_KEY = bytes(range(32))


def ring(settings, database, key):
    key = SecretStr(key.seed_text())
    return KeyRing(settings.model_copy(update={"receipts_private_key_b64": key}), database)


async def test_a_key_that_is_new_is_entered_by_the_next_start(examined):
    found, _ = await examined(**{PRIVATE_KEY: MINE.seed_text()})
    assert found["receipt key"] == (
        "ok",
        f"{MINE.key_id} is set; the next start enters it into the database",
    )


@pytest.mark.parametrize(
    ("signed", "is_set", "level", "says"),
    [
        ([MINE], MINE, "ok", "signs, and the database knows it"),
        ([MINE], None, "warning", "none is set, so no receipts are issued"),
        ([OTHER], MINE, "warning", "the next start ends"),
        (
            [MINE, OTHER],
            MINE,
            "FAILED",
            f"was rotated out, so no receipts are issued: set {PRIVATE_KEY}",
        ),
    ],
)
async def test_a_key_is_compared_with_those_that_signed(
    examined, settings, database, signed, is_set, level, says
):
    for key in signed:
        await ring(settings, database, key).prepare()
    found, _ = await examined(**({PRIVATE_KEY: is_set.seed_text()} if is_set else {}))
    assert found["receipt key"][0] == level
    assert says in found["receipt key"][1]


async def test_a_key_under_another_name_fails(examined, settings, database):
    await ring(settings, database, MINE).prepare()
    key = {PRIVATE_KEY: MINE.seed_text(), "LLMRING_RECEIPTS_KEY_ID": "mine"}
    found, _ = await examined(**key)
    assert found["receipt key"][0] == "FAILED"
    assert "set LLMRING_RECEIPTS_KEY_ID to the name that it has" in found["receipt key"][1]


async def test_what_is_no_key_fails(examined):
    found, status = await examined(**{PRIVATE_KEY: "hunter2"})
    assert (found["receipt key"][0], status) == ("FAILED", 1)
    assert f"{PRIVATE_KEY} is wrong" in found["receipt key"][1]


A_KEY = (
    "insert into llmring.api_keys (key_id, key_hash, api_key_id, project, name, scopes, hint,"
    " created_at) values (gen_random_uuid(), '\\x00', 'p', 'p', '', '{}', '', now())"
)
PEPPERS = [bytes([number]) * 32 for number in (1, 2)]


@pytest.fixture
def beside(database, tmp_path):
    """Has the API keys of an embedded database examined, in whose folder a pepper may be."""
    settings = Settings(_env_file=None, auth_mode="registered", data_dir=tmp_path)
    return lambda: key_checks.api_keys(Patient(settings, tmp_path, database))


async def test_registered_keys_without_a_pepper_fail(examined, sql):
    await sql(A_KEY)
    found, status = await examined(**REGISTERED)
    assert (found["API keys"][0], status) == ("FAILED", 1)
    assert "Registered keys need LLMRING_KEY_PEPPER" in found["API keys"][1]


async def test_registered_keys_beside_which_their_pepper_is_gone_fail(beside, sql, tmp_path):
    await sql(A_KEY)
    found = await beside()
    assert found.level == "FAILED"
    assert found.remedy == f"put {tmp_path / 'key.pepper'} back, or set LLMRING_KEY_PEPPER"


async def test_without_the_pepper_an_operator_of_an_open_server_makes_no_keys(
    database, sql, tmp_path
):
    await sql(A_KEY)
    token = SecretStr("a-token-of-the-operator")
    settings = Settings(_env_file=None, admin_token=token, data_dir=tmp_path)
    found = await key_checks.api_keys(Patient(settings, tmp_path, database))
    assert (found.level, found.remedy[:4]) == ("FAILED", "put ")


@pytest.mark.parametrize("content", [b"", b"\xff", b"hi"])
async def test_a_damaged_pepper_is_told_by_its_file(beside, tmp_path, content):
    file = tmp_path / "key.pepper"
    file.write_bytes(content)
    with pytest.raises(StartRefused, match=f"{file} is damaged: put back what was in it"):
        await beside()


async def test_no_keys_and_no_pepper_is_a_beginning(beside):
    found = await beside()
    assert (found.level, found.text) == ("warning", "there is no key yet")


async def test_a_pepper_beside_the_database_is_found_and_should_be_for_its_owner(
    beside, sql, tmp_path
):
    await sql(A_KEY)
    file = tmp_path / "key.pepper"
    file.write_text(f"{to_base64url(bytes(32))}\n")
    file.chmod(0o644)
    open_to_all = await beside()
    file.chmod(0o600)
    assert (open_to_all.level, open_to_all.remedy) == ("warning", f"chmod 600 {file}")
    assert (await beside()).level == "ok"


async def test_registered_keys_of_a_server_that_lets_any_key_in_are_told(examined, sql):
    await sql(A_KEY)
    found, _ = await examined()
    assert found["API keys"][0] == "warning"
    assert found["API keys"][1].startswith("1 registered key was made, but any other is let in too")


@pytest.mark.parametrize(
    ("pepper", "level", "says"),
    [(PEPPERS[0], "ok", "1 registered"), (PEPPERS[1], "FAILED", "1 of 1 keys do not open: they w")],
)
async def test_keys_open_with_the_pepper_they_were_made_under(
    examined, database, pepper, level, says
):
    await managing.create(database, PEPPERS[0], NewKey(project="p"))
    found, _ = await examined(**REGISTERED, LLMRING_KEY_PEPPER=to_base64url(pepper))
    assert found["API keys"][0] == level
    assert found["API keys"][1].startswith(says)


@pytest.mark.parametrize(("key", "level"), [(SECRETS_KEY, "ok"), (OTHER_KEY, "FAILED")])
async def test_what_was_sealed_has_to_open(examined, sql, key, level):
    await sql(
        "insert into llmring_mcp.servers (api_key_id, server_id, created_at, updated_at, name, url,"
        " transport_type, policy, auth_sealed)"
        " values ('p', gen_random_uuid(), now(), now(), 'n', 'u', 'http', 'warn', $1)",
        seal("x", key),
    )
    assert (await examined())[0]["secrets key"][0] == level
