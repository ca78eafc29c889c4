"""Signing keys: published, rotated, never mixed up, never shown."""

from datetime import datetime

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import SecretStr

from llmring_core.base64_text import from_base64, to_base64url
from llmring_core.signing import PrivateKey
from llmring_server.receipts.issuing import sign
from support.projects import RECEIPTS, Project, a_receipt


def signs_with(key, **others):
    return {"receipts_private_key_b64": SecretStr(key.seed_text()), **others}


@pytest.fixture
def keys():
    return [PrivateKey.generate() for _ in range(3)]


async def published(http):
    return (await http.get("/receipts/public-keys.json")).json()


async def is_valid(http, receipt):
    return (await http.post(f"{RECEIPTS}/verify", json=receipt)).json()["valid"]


async def test_the_public_keys_are_published_with_what_a_verifier_needs(http):
    answer = await http.get("/receipts/public-keys.json")
    (key,) = answer.json()["keys"]
    assert answer.json()["current_key_id"] == key["key_id"]
    assert (key["algorithm"], key["format"], key["status"]) == ("Ed25519", "base64url", "active")
    assert key["jwk"]["x"] == key["public_key"]
    assert datetime.fromisoformat(key["not_before"]).tzinfo
    assert key["not_after"] is None
    assert answer.headers["cache-control"] == "public, max-age=60"


async def test_the_pem_is_that_of_the_current_key(http):
    answer = await http.get("/receipts/public-key.pem")
    (key,) = (await published(http))["keys"]
    assert answer.headers["content-type"].startswith("application/x-pem-file")
    raw = load_pem_public_key(answer.content).public_bytes_raw()
    assert to_base64url(raw) == key["public_key"]


async def test_over_three_keys_every_receipt_verifies_and_only_the_last_key_signs(serve, keys):
    receipts, servers = [], []
    for key in keys:
        servers.append(await serve(**signs_with(key)))
        receipts.append(await Project(servers[-1], "alice").issues())
    assert [receipt["key_id"] for receipt in receipts] == [key.key_id for key in keys]
    for http in servers:
        assert [await is_valid(http, receipt) for receipt in receipts] == [True] * 3
    newest, *others = (await published(servers[-1]))["keys"]
    assert (newest["key_id"], newest["status"]) == (keys[2].key_id, "active")
    assert [key["status"] for key in others] == ["rotated", "rotated"]
    assert [key["not_after"] for key in others] == [newest["not_before"], others[0]["not_before"]]


async def test_a_server_that_still_has_the_old_key_signs_nothing_new(serve, keys):
    old = await serve(**signs_with(keys[0]))
    await Project(old, "alice").issues()
    await Project(await serve(**signs_with(keys[1])), "alice").issues()
    response = await Project(old, "alice").asks_for_receipt(a_receipt())
    assert response.status_code == 503
    assert "rotated out: set LLMRING_RECEIPTS_PRIVATE_KEY_B64" in response.json()["detail"]
    assert len(await Project(old, "alice").reads_receipts()) == 2


async def test_an_old_key_brought_back_signs_nothing_new(serve, keys):
    for key in keys[:2]:
        await Project(await serve(**signs_with(key)), "alice").issues()
    again = Project(await serve(**signs_with(keys[0])), "alice")
    assert (await again.asks_for_receipt(a_receipt())).status_code == 503
    assert (await published(again.http))["current_key_id"] == keys[1].key_id


async def test_an_old_key_signs_nothing_new_under_another_name_either(serve, keys):
    for key in keys[:2]:
        await Project(await serve(**signs_with(key)), "alice").issues()
    renamed = Project(await serve(**signs_with(keys[0], receipts_key_id="again")), "alice")
    response = await renamed.asks_for_receipt(a_receipt())
    assert (response.status_code, keys[0].key_id in response.json()["detail"]) == (503, True)
    assert (await Project(await serve(**signs_with(keys[1])), "alice").issues())["signature"]


async def test_a_key_id_belongs_to_one_key_for_ever(serve, keys):
    first = await serve(**signs_with(keys[0], receipts_key_id="mine"))
    receipt = await Project(first, "alice").issues()
    second = await serve(**signs_with(keys[1], receipts_key_id="mine"))
    response = await Project(second, "alice").asks_for_receipt(a_receipt())
    assert response.status_code == 503
    assert "LLMRING_RECEIPTS_KEY_ID names a key" in response.json()["detail"]
    assert receipt["key_id"] == "mine"
    assert await is_valid(first, receipt)


async def test_without_a_key_nothing_is_signed_but_old_receipts_verify(serve, keys):
    receipt = await Project(await serve(**signs_with(keys[0])), "alice").issues()
    unable = await serve(receipts_private_key_b64=None)
    response = await Project(unable, "alice").asks_for_receipt(a_receipt())
    problem = response.json()
    assert (response.status_code, problem["type"]) == (503, "urn:llmring:problem:not-configured")
    assert "set LLMRING_RECEIPTS_PRIVATE_KEY_B64" in problem["detail"]
    assert await is_valid(unable, receipt)
    stored = await Project(unable, "bob").stores(receipt)
    assert stored.status_code == 200


async def test_a_server_that_never_had_a_key_says_so(serve):
    unable = await serve(receipts_private_key_b64=None)
    assert await published(unable) == {"keys": [], "current_key_id": None}
    response = await unable.get("/receipts/public-key.pem")
    assert response.status_code == 404
    assert "LLMRING_RECEIPTS_PRIVATE_KEY_B64" in response.json()["detail"]


async def test_a_server_with_only_the_public_key_verifies(serve, keys):
    public = to_base64url(keys[0].public.raw)
    verifier = await serve(receipts_private_key_b64=None, receipts_public_key_b64=public)
    receipt = await Project(await serve(**signs_with(keys[0])), "alice").issues()
    assert await is_valid(verifier, receipt)
    response = await Project(verifier, "alice").asks_for_receipt(a_receipt())
    assert response.status_code == 503


async def test_a_server_with_only_a_public_key_takes_over_from_nobody(serve, keys):
    signer = Project(await serve(**signs_with(keys[0])), "alice")
    await signer.issues()
    other = to_base64url(keys[1].public.raw)
    verifier = await serve(receipts_private_key_b64=None, receipts_public_key_b64=other)
    foreign = sign({"id": "r-1"}, keys[1]).members
    assert await is_valid(verifier, foreign)
    assert (await published(verifier))["current_key_id"] == keys[0].key_id
    assert (await signer.issues())["key_id"] == keys[0].key_id


async def test_what_was_answered_before_a_rotation_is_answered_again_after_it(serve, keys):
    old = Project(await serve(**signs_with(keys[0])), "alice")
    headers = {"Idempotency-Key": "k"}
    first = await old.asks_for_receipt(a_receipt(), **headers)
    await Project(await serve(**signs_with(keys[1])), "bob").issues()
    again = await old.asks_for_receipt(a_receipt(), **headers)
    assert (await old.asks_for_receipt(a_receipt())).status_code == 503
    assert (again.status_code, again.content) == (200, first.content)
    assert (await old.asks_for_receipt(a_receipt(), **headers)).content == first.content


async def test_a_server_verifies_its_own_key_before_it_ever_signed(serve, keys):
    receipt = await Project(await serve(**signs_with(keys[0])), "alice").issues()
    assert await is_valid(await serve(**signs_with(keys[0])), receipt)


async def test_no_answer_shows_the_private_key(alice, settings, caplog):
    secret = settings.receipts_private_key_b64.get_secret_value()
    seen = [
        await alice.ask(method, path, json=body)
        for method, path, body in (
            ("POST", f"{RECEIPTS}/issue", a_receipt()),
            ("POST", f"{RECEIPTS}/issue", {}),
            ("GET", "/receipts/public-keys.json", None),
            ("GET", "/receipts/public-key.pem", None),
        )
    ]
    shown = "".join(each.text for each in seen) + caplog.text + repr(settings)
    assert secret not in shown
    assert from_base64(secret).hex() not in shown
