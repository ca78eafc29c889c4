"""Receipts: issued, stored, read, verified; nobody else's, and never another than was signed."""

import asyncio
import json

import jcs
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import HealthCheck, given, settings

from llmring_core.base64_text import from_base64
from llmring_server.receipts import store
from llmring_server.receipts.models import UnsignedReceipt
from support.json_values import json_objects
from support.projects import RECEIPTS, Project, a_receipt


def signed_bytes(receipt):
    """What a signature is over, by another implementation of RFC 8785."""
    return jcs.canonicalize({name: receipt[name] for name in receipt if name != "signature"})


async def verdict(http, receipt):
    response = await http.post(f"{RECEIPTS}/verify", json=receipt)
    assert response.status_code == 200, response.text
    return response.json()


async def test_an_issued_receipt_is_complete_and_signed(alice):
    receipt = await alice.issues(profile="default", lock_digest="sha256:00", mine=[1, {"a": None}])
    assert receipt["cost"]["amount"] == 0.0049
    assert (receipt["profile"], receipt["mine"]) == ("default", [1, {"a": None}])
    assert receipt["signature"].startswith("ed25519:")
    assert {"id", "timestamp", "key_id"} <= receipt.keys()


async def test_another_library_and_another_rfc_8785_find_the_signature_right(alice, http):
    receipt = await alice.issues(alias="Ünï 😀 \u2028", number=1e-7)
    pem = (await http.get("/receipts/public-key.pem")).content
    key = load_pem_public_key(pem)
    signature = from_base64(receipt["signature"].removeprefix("ed25519:"))
    key.verify(signature, signed_bytes(receipt))
    with pytest.raises(InvalidSignature):
        key.verify(signature, signed_bytes({**receipt, "number": 2e-7}))


async def test_the_answer_is_in_canonical_form(alice):
    response = await alice.asks_for_receipt(a_receipt(z=1, a=1.0, é="\x00\x1f"))
    assert response.content == jcs.canonicalize(response.json())
    assert response.headers["content-type"] == "application/json"


async def test_an_issued_receipt_is_kept_byte_for_byte(alice):
    issued = await alice.asks_for_receipt(a_receipt(number=1e21, text="\u0000"))
    kept = await alice.ask("GET", f"{RECEIPTS}/{issued.json()['id']}")
    assert kept.content == issued.content


async def test_the_key_is_always_the_servers_own(alice, http):
    receipt = await alice.issues(key_id="somebody-else")
    published = (await http.get("/receipts/public-keys.json")).json()
    assert receipt["key_id"] == published["current_key_id"] != "somebody-else"


async def test_anybody_may_have_a_receipt_verified(alice, http):
    receipt = await alice.issues()
    assert await verdict(http, receipt) == {
        "valid": True,
        "key_id": receipt["key_id"],
        "reason": None,
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": "gpt-5"}, "signature: it is not this key's over this receipt"),
        ({"added": None}, "signature: it is not this key's over this receipt"),
        ({"key_id": "unheard-of\x00"}, "key_id: there is no public key of the name"),
        ({"signature": "ed25519:AAAA"}, "signature: an Ed25519 signature has 64 bytes"),
        ({"signature": None}, "signature: a signature is written"),
    ],
)
async def test_a_receipt_that_is_not_right_is_refused_and_nothing_stored(
    alice, http, change, reason
):
    receipt = {**await alice.issues(id="r-1"), **change}
    said = await verdict(http, receipt)
    stored = await alice.stores(receipt)
    assert said["valid"] is False
    assert said["reason"].startswith(reason)
    assert stored.status_code == 422
    assert reason in stored.json()["detail"]
    assert [each["id"] for each in await alice.reads_receipts()] == ["r-1"]


@pytest.mark.parametrize("member", ["id", "timestamp", "model", "alias", "tokens", "cost"])
async def test_a_receipt_with_a_member_taken_out_is_refused(alice, bob, member):
    receipt = await alice.issues()
    del receipt[member]
    assert (await bob.stores(receipt)).status_code == 422
    assert await bob.reads_receipts() == []


async def test_a_receipt_sent_as_it_is_to_be_stored_is_verified_too(alice, http):
    assert (await verdict(http, {"receipt": await alice.issues()}))["valid"] is True


async def test_a_receipt_from_elsewhere_is_verified_and_stored(alice, bob):
    receipt = await alice.issues()
    stored = await bob.stores(receipt)
    assert stored.json() == {"receipt_id": receipt["id"], "status": "verified"}
    assert await bob.reads(f"{RECEIPTS}/{receipt['id']}") == receipt


async def test_the_same_receipt_again_is_answered_the_same(alice):
    receipt = await alice.issues()
    first, second = await alice.stores(receipt), await alice.stores(receipt)
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert len(await alice.reads_receipts()) == 1


async def test_however_its_signature_is_written_it_is_the_same_receipt(alice):
    receipt = await alice.issues()
    standard = receipt["signature"].replace("-", "+").replace("_", "/") + "=="
    stored = await alice.stores({**receipt, "signature": standard})
    assert stored.status_code == 200
    assert await alice.reads_receipts() == [receipt]


async def test_the_same_id_with_other_bytes_is_a_conflict(alice, bob):
    mine, other = await alice.issues(id="one"), await bob.issues(id="one", alias="other")
    stored = await alice.stores(other)
    issued = await alice.asks_for_receipt(a_receipt(id="one", alias="third"))
    assert (stored.status_code, issued.status_code) == (409, 409)
    assert await alice.reads_receipts() == [mine]


async def test_the_same_receipt_issued_twice_is_one(alice):
    given = {"id": "one", "timestamp": "2026-11-01T00:00:00Z"}
    first, second = await alice.issues(**given), await alice.issues(**given)
    assert first == second
    assert len(await alice.reads_receipts()) == 1


async def test_many_at_once_with_one_id_leave_one(alice):
    answers = await asyncio.gather(
        *(alice.asks_for_receipt(a_receipt(id="one", alias=str(number))) for number in range(10))
    )
    assert sorted(each.status_code for each in answers) == [200] + [409] * 9
    (kept,) = await alice.reads_receipts()
    assert [each.json() for each in answers if each.status_code == 200] == [kept]


async def test_with_an_idempotency_key_a_receipt_is_issued_once(alice):
    headers = {"Idempotency-Key": "k-1"}
    first = await alice.asks_for_receipt(a_receipt(), **headers)
    second = await alice.asks_for_receipt(a_receipt(), **headers)
    assert first.content == second.content
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(await alice.reads_receipts()) == 1


async def test_whole_numbers_of_tokens_may_be_written_as_doubles(alice):
    receipt = await alice.issues(tokens={"input": 12.0, "output": 1e2})
    assert receipt["tokens"] == {"input": 12, "output": 100}


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"model": None}, ["body", "model"]),
        ({"model": ""}, ["body", "model"]),
        ({"model": 5}, ["body", "model"]),
        ({"model": "a\x00"}, ["body", "model"]),
        ({"alias": "a" * 256}, ["body", "alias"]),
        ({"tokens": None}, ["body", "tokens"]),
        ({"tokens": {"input": 1}}, ["body", "tokens", "output"]),
        ({"tokens": {"input": -1, "output": 1}}, ["body", "tokens", "input"]),
        ({"tokens": {"input": 1.5, "output": 1}}, ["body", "tokens", "input"]),
        ({"tokens": {"input": "1", "output": 1}}, ["body", "tokens", "input"]),
        ({"tokens": {"input": True, "output": 1}}, ["body", "tokens", "input"]),
        ({"tokens": {"input": 1, "output": 1, "cached_input": 2}}, ["body", "tokens"]),
        ({"cost": 0.1}, ["body", "cost"]),
        ({"cost": {"amount": "0.1"}}, ["body", "cost", "amount"]),
        ({"cost": {"amount": -0.1}}, ["body", "cost", "amount"]),
        ({"timestamp": "yesterday"}, ["body", "timestamp"]),
        ({"timestamp": "2026-11-24T12:00:00"}, ["body", "timestamp"]),
        ({"timestamp": "2026-13-24T12:00:00Z"}, ["body", "timestamp"]),
        ({"timestamp": "2999-01-01T00:00:00Z"}, ["body", "timestamp"]),
        ({"timestamp": 1764000000}, ["body", "timestamp"]),
        ({"id": ""}, ["body", "id"]),
        ({"id": "a/b"}, ["body", "id"]),
        ({"id": "a" * 256}, ["body", "id"]),
        ({"id": "uncertified"}, ["body", "id"]),
        ({"id": 7}, ["body", "id"]),
        ({"signature": "ed25519:AAAA"}, ["body", "signature"]),
    ],
)
async def test_what_cannot_be_in_a_receipt_is_refused_with_its_place(alice, members, place):
    response = await alice.asks_for_receipt(a_receipt(**members))
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == place
    assert await alice.reads_receipts() == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"n": 9007199254740993}', "(write it as text) at $.n"),
        ('{"n": {"m": [-9007199254740995]}}', "(write it as text) at $.n.m[0]"),
        ('{"n": NaN}', "at $.n"),
        ('{"n": 1e999}', "at $.n"),
        ('{"n": 1, "n": 1}', "duplicate member name at $.n"),
        ('{"n": "\\ud800"}', "lone surrogate at $.n"),
        ("[" * 100_000, "nested"),
    ],
)
@pytest.mark.parametrize("path", ["/issue", "", "/verify"])
async def test_what_is_not_i_json_is_refused_with_its_place(alice, path, text, reason):
    headers = {"Content-Type": "application/json"}
    response = await alice.ask("POST", RECEIPTS + path, content=text, headers=headers)
    assert response.status_code == 422
    assert reason in response.json()["detail"][0]["msg"]


async def test_an_integer_that_rfc_8785_writes_for_a_double_is_taken(alice):
    text = json.dumps(a_receipt()).replace('"summarizer"', '"x", "n": 9007199254740992')
    headers = {"Content-Type": "application/json"}
    issued = await alice.ask("POST", f"{RECEIPTS}/issue", content=text, headers=headers)
    assert b'"n":9007199254740992' in issued.content
    body = b'{"receipt":' + issued.content + b"}"
    stored = await alice.ask("POST", RECEIPTS, content=body, headers=headers)
    assert stored.status_code == 200


@pytest.mark.parametrize("path", ["/issue", "", "/verify"])
async def test_a_body_over_512_kilobytes_is_refused(alice, path):
    body = a_receipt(padding="x" * 600_000)
    assert (await alice.ask("POST", RECEIPTS + path, json=body)).status_code == 413


@pytest.mark.parametrize("path", ["/issue", "", "/verify"])
async def test_no_more_of_a_body_is_read_than_it_may_have(local, path):
    async def chunks():
        for _ in range(100):
            sent.append(100_000)
            yield b" " * 100_000

    sent = []
    headers = {"Content-Type": "application/json", "X-API-Key": "key"}
    response = await local.post(RECEIPTS + path, content=chunks(), headers=headers)
    assert (response.status_code, sum(sent)) == (413, 600_000)


async def test_a_receipt_that_would_be_too_large_to_be_read_again_is_not_issued(alice):
    text = json.dumps(a_receipt(n=0)).replace(
        '"n": 0', '"n": [' + ",".join(["1e20"] * 20_000) + "]"
    )
    headers = {"Content-Type": "application/json"}
    response = await alice.ask("POST", f"{RECEIPTS}/issue", content=text, headers=headers)
    assert (response.status_code, "larger than" in response.json()["detail"]) == (422, True)


@pytest.mark.parametrize(("deep", "status"), [(219, 200), (220, 422)])
async def test_a_receipt_is_nested_no_deeper_than_it_can_be_read_again(alice, deep, status):
    nested = json.loads("[" * deep + "]" * deep)
    response = await alice.asks_for_receipt(a_receipt(n=nested))
    assert response.status_code == status
    if status == 200:
        assert (await alice.stores(response.json())).status_code == 200


async def test_a_page_of_large_receipts_is_shorter_and_leads_on(alice, monkeypatch):
    monkeypatch.setattr(store, "PAGE_BYTES", 1500)
    for number in range(5):
        await alice.issues(id=f"r-{number}", padding="x" * 500)
    seen, sizes, path = [], [], RECEIPTS
    while path:
        response = await alice.ask("GET", path)
        seen += [each["id"] for each in response.json()]
        sizes.append(len(response.json()))
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert sorted(seen) == [f"r-{number}" for number in range(5)]
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("body", ["[]", "5", '"x"', "null"])
@pytest.mark.parametrize("path", ["/issue", "", "/verify"])
async def test_what_is_no_object_is_refused(alice, path, body):
    headers = {"Content-Type": "application/json"}
    response = await alice.ask("POST", RECEIPTS + path, content=body, headers=headers)
    assert response.status_code == 422


async def test_two_projects_never_see_each_others_receipts(alice, bob):
    receipt = await alice.issues()
    assert await bob.reads_receipts() == []
    for path in ("", "/verify", "/logs", "/logs/01a20b58-e53b-74d4-bfbd-eb894b64570c/proof"):
        response = await bob.ask("GET", f"{RECEIPTS}/{receipt['id']}{path}")
        assert response.status_code == 404


async def test_two_projects_may_use_one_id(alice, bob):
    mine, theirs = await alice.issues(id="one"), await bob.issues(id="one", alias="b")
    assert await alice.reads_receipts() == [mine]
    assert await bob.reads_receipts() == [theirs]


@pytest.mark.parametrize("path", ["", "/issue", "/generate", "/preview"])
async def test_whoever_has_no_api_key_may_only_verify(http, path):
    assert (await http.post(RECEIPTS + path, json={})).status_code == 401


async def test_receipts_are_listed_newest_first_by_what_they_say(alice):
    for day in (2, 3, 1):
        await alice.issues(id=f"r-{day}", timestamp=f"2026-11-0{day}T00:00:00Z")
    assert [each["id"] for each in await alice.reads_receipts()] == ["r-3", "r-2", "r-1"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"alias": "b"}, ["r-2"]),
        ({"model": "gpt-4o-mini"}, ["r-1"]),
        ({"profile": "dev"}, ["r-0"]),
        ({"key_id": "nobody's"}, []),
        ({"certifies_logs": True}, []),
        ({"certifies_logs": False, "alias": "b"}, ["r-2"]),
        ({"start_date": "2026-11-02"}, ["r-2", "r-1"]),
        ({"end_date": "2026-11-01"}, ["r-0"]),
    ],
)
async def test_a_list_is_filtered(alice, wanted, found):
    described = [{"profile": "dev"}, {"model": "gpt-4o-mini"}, {"alias": "b"}]
    for number, members in enumerate(described):
        timestamp = f"2026-11-0{number + 1}T12:00:00Z"
        await alice.issues(id=f"r-{number}", timestamp=timestamp, **members)
    assert [each["id"] for each in await alice.reads_receipts(**wanted)] == found


async def test_a_list_is_read_page_by_page(alice):
    for number in range(5):
        await alice.issues(id=f"r-{number}", timestamp="2026-11-01T00:00:00Z")
    seen, path = [], f"{RECEIPTS}?limit=2"
    while path:
        response = await alice.ask("GET", path)
        seen += [each["id"] for each in response.json()]
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert sorted(seen) == [f"r-{number}" for number in range(5)]


async def test_an_unknown_model_has_no_amount(alice):
    receipt = await alice.issues(model="who-knows")
    assert receipt["cost"]["amount"] is None


async def test_without_a_registry_a_cost_has_to_be_given(serve):
    alice = Project(await serve(registry_base_url="http://127.0.0.1:9/"), "alice")
    refused = await alice.asks_for_receipt(a_receipt())
    assert (refused.status_code, "registry" in refused.json()["detail"]) == (503, True)
    assert (await alice.issues(cost={"amount": 0.1}))["cost"]["amount"] == 0.1


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(extra=json_objects)
async def test_any_json_is_signed_stored_read_and_verified(alice, bob, http, extra):
    extra = {name: each for name, each in extra.items() if name not in UnsignedReceipt.model_fields}
    members = {**extra, **a_receipt(), "id": None, "timestamp": None, "cost": {"amount": 0.1}}
    issued = await alice.asks_for_receipt(members | {"signature": None, "profile": None})
    assert issued.status_code == 200, issued.text
    receipt = issued.json()
    headers = {"Content-Type": "application/json"}
    body = b'{"receipt":' + issued.content + b"}"
    stored = await bob.ask("POST", RECEIPTS, content=body, headers=headers)
    assert stored.status_code == 200, stored.text
    kept = await bob.ask("GET", f"{RECEIPTS}/{receipt['id']}")
    assert kept.content == issued.content
    said = await http.post(f"{RECEIPTS}/verify", content=kept.content, headers=headers)
    assert said.json()["valid"] is True
    published = (await http.get("/receipts/public-keys.json")).json()["keys"][0]
    key = Ed25519PublicKey.from_public_bytes(from_base64(published["public_key"]))
    key.verify(from_base64(receipt["signature"].removeprefix("ed25519:")), signed_bytes(receipt))
