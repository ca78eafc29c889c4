"""What a receipt over usage logs covers is proven, and cannot be touched unseen."""

import hashlib

import jcs
import pytest

from llmring_core.queries import Statement
from llmring_server.receipts.leaves import leaf_hash
from support.certified import leads_to_root, logs_of, proof_of, verified_anew
from support.projects import RECEIPTS, a_call

CHANGE = Statement("update {schema}.usage_logs set cost = cost + 1 where log_id = $1")
DELETE = Statement("delete from {schema}.usage_logs where log_id = $1")
FORGET_LEAF = Statement("delete from {schema}.certified_logs where leaf_index = 2")
CHANGE_LEAF = Statement("update {schema}.certified_logs set leaf_hash = $1 where leaf_index = 0")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
async def test_every_log_is_proven_to_be_covered(alice, count):
    await alice.logs_batch([a_call(id_at_origin=str(number)) for number in range(count)])
    receipt = await alice.generates(since_last_receipt=True)
    covered = await logs_of(alice, receipt)
    for each in covered:
        assert leads_to_root(await proof_of(alice, receipt, each["log_id"]))
    assert len(covered) == count


async def test_a_leaf_is_the_log_as_lists_show_it(alice):
    await alice.logs(a_call(metadata={"k": [1, None, "é"]}, latency_ms=5, profile="p", alias="a"))
    receipt = await alice.generates(since_last_receipt=True)
    (row,), (covered,) = await alice.reads_logs(), await logs_of(alice, receipt)
    assert covered["log"] == row
    assert hashlib.sha256(b"\0" + jcs.canonicalize(row)).hexdigest() == covered["leaf_hash"]


async def test_integers_that_canonical_json_cannot_hold_become_text(alice):
    await alice.logs(a_call(metadata={"big": [2**70], "small": 1, "flag": True, "double": 1e300}))
    receipt = await alice.generates(since_last_receipt=True)
    (covered,) = await logs_of(alice, receipt)
    assert covered["log"]["metadata"]["big"] == [str(2**70)]
    assert (await verified_anew(alice, receipt))["valid"] is True


async def test_the_covered_logs_are_read_page_by_page(alice):
    await alice.logs_batch([a_call()] * 5)
    receipt = await alice.generates(since_last_receipt=True)
    seen, path = [], f"{RECEIPTS}/{receipt['id']}/logs?limit=2"
    while path:
        response = await alice.ask("GET", path)
        seen += [each["leaf_index"] for each in response.json()]
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert seen == [0, 1, 2, 3, 4]


async def test_nothing_changed_is_said(alice):
    await alice.logs()
    receipt = await alice.generates(since_last_receipt=True)
    assert await verified_anew(alice, receipt) == {
        "valid": True,
        "key_id": receipt["key_id"],
        "reason": None,
        "certified_logs": 1,
        "changed": [],
        "missing": [],
    }


@pytest.mark.parametrize(
    ("statement", "status", "reason"),
    [
        (CHANGE, "changed", "logs: 1 changed and 0 missing of 3"),
        (DELETE, "missing", "logs: 0 changed and 1 missing of 3"),
    ],
)
async def test_a_certified_log_cannot_be_touched_unseen(alice, database, statement, status, reason):
    ids = [(await alice.logs())["log_id"] for _ in range(3)]
    receipt = await alice.generates(since_last_receipt=True)
    await database.execute(statement, ids[1])
    found = await verified_anew(alice, receipt)
    assert (found["valid"], found["reason"], found[status]) == (False, reason, [ids[1]])
    covered = await logs_of(alice, receipt)
    assert [each["status"] for each in covered] == ["intact", status, "intact"]
    assert (await proof_of(alice, receipt, ids[1]))["status"] == status
    assert leads_to_root(await proof_of(alice, receipt, ids[0]))


async def test_a_log_forged_together_with_its_record_is_not_taken_for_intact(alice, database):
    ids = [(await alice.logs())["log_id"] for _ in range(2)]
    receipt = await alice.generates(since_last_receipt=True)
    await database.execute(CHANGE, ids[0])
    (forged, _) = await logs_of(alice, receipt)
    await database.execute(CHANGE_LEAF, leaf_hash(forged["log"]))
    found = await verified_anew(alice, receipt)
    assert (found["valid"], found["reason"][:11]) == (False, "merkle_root")
    assert [each["status"] for each in await logs_of(alice, receipt)] == ["unproven"] * 2
    assert (await proof_of(alice, receipt, ids[0]))["status"] == "unproven"


async def test_what_was_certified_cannot_be_taken_off_the_record_unseen(alice, database):
    await alice.logs_batch([a_call()] * 3)
    receipt = await alice.generates(since_last_receipt=True)
    await database.execute(FORGET_LEAF)
    found = await verified_anew(alice, receipt)
    assert (found["valid"], found["reason"]) == (False, "logs: 2 of 3 are on record here")


async def test_another_project_can_store_such_a_receipt_but_not_vouch_for_its_logs(alice, bob):
    await alice.logs()
    receipt = await alice.generates(since_last_receipt=True)
    assert (await bob.stores(receipt)).status_code == 200
    found = await verified_anew(bob, receipt)
    assert (found["valid"], found["reason"]) == (False, "logs: 0 of 1 are on record here")


async def test_a_receipt_that_covers_no_logs_is_verified_by_its_signature(alice):
    receipt = await alice.issues()
    found = await verified_anew(alice, receipt)
    assert (found["valid"], found["certified_logs"]) == (True, 0)
    assert await logs_of(alice, receipt) == []


async def test_a_proof_is_only_for_a_log_that_is_covered(alice):
    await alice.logs()
    receipt = await alice.generates(since_last_receipt=True)
    other = await alice.logs()
    path = f"{RECEIPTS}/{receipt['id']}/logs/{other['log_id']}/proof"
    assert (await alice.ask("GET", path)).status_code == 404


async def test_deeply_nested_metadata_is_certified_and_proven(alice):
    deep = value = {}
    for _ in range(190):
        value["a"] = {}
        value = value["a"]
    await alice.logs(a_call(metadata=deep))
    receipt = await alice.generates(since_last_receipt=True)
    (covered,) = await logs_of(alice, receipt)
    assert leads_to_root(await proof_of(alice, receipt, covered["log_id"]))
