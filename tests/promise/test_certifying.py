"""The server certifies its own usage logs: which ones, and what they add up to."""

import asyncio
from decimal import Decimal

import pytest

from llmring_core.queries import Statement
from llmring_server.receipts import certifying
from support.certified import logs_of, verified_anew
from support.projects import RECEIPTS, a_call, a_receipt


async def refused(project, **selection):
    response = await project.ask("POST", f"{RECEIPTS}/generate", json=selection)
    return response.status_code, response.json()


async def test_a_receipt_over_logs_has_their_sums_and_is_valid(alice, http):
    await alice.logs(a_call(alias="a", cost=0.1))
    await alice.logs(a_call(alias="b", cost=0.2, model="gpt-4o-mini"))
    await alice.logs(a_call(cost=0.3))
    receipt = await alice.generates(since_last_receipt=True)
    assert receipt["tokens"] == {"input": 3000, "output": 300, "cached_input": 0}
    assert receipt["cost"]["amount"] == 0.6
    certified = receipt["certified"]
    assert (certified["logs"], certified["unpriced_logs"]) == (3, 0)
    assert {name: sums["cost"] for name, sums in certified["by_model"].items()} == {
        "gpt-4.1": 0.4,
        "gpt-4o-mini": 0.2,
    }
    assert {name: sums["logs"] for name, sums in certified["by_alias"].items()} == {"a": 1, "b": 1}
    said = await http.post(f"{RECEIPTS}/verify", json=receipt)
    assert said.json()["valid"] is True


async def test_sums_are_exact(alice):
    costs = ["0.1", "0.2", "1e-12", "123456789.123456789", "0.000000000000000000000000000001"]
    for cost in costs:
        await alice.logs(a_call(cost=cost))
    receipt = await alice.generates(since_last_receipt=True)
    assert receipt["cost"]["amount"] == float(sum(map(Decimal, costs)))


async def test_what_is_said_of_a_receipt_is_signed_with_it(alice):
    await alice.logs()
    receipt = await alice.generates(since_last_receipt=True, description="May", tags=["x", "y"])
    assert (receipt["description"], receipt["tags"]) == ("May", ["x", "y"])
    assert receipt == await alice.reads(f"{RECEIPTS}/{receipt['id']}")


async def test_since_the_last_receipt_means_what_none_covers_yet(alice):
    first = await alice.logs()
    await alice.generates(since_last_receipt=True)
    second = await alice.logs(a_call(timestamp="2026-01-01T00:00:00Z"))
    receipt = await alice.generates(since_last_receipt=True)
    assert [each["log_id"] for each in await logs_of(alice, receipt)] == [second["log_id"]]
    assert first["log_id"] != second["log_id"]


async def test_what_no_receipt_covers_is_listed(alice, bob):
    first, second = await alice.logs(), await alice.logs()
    await alice.generates(log_ids=[first["log_id"]])
    await bob.logs()
    rows = await alice.reads(f"{RECEIPTS}/uncertified")
    assert [row["log_id"] for row in rows] == [second["log_id"]]


async def test_what_no_receipt_covers_is_listed_page_by_page(alice):
    await alice.logs_batch([a_call()] * 5)
    seen, path = [], f"{RECEIPTS}/uncertified?limit=2"
    while path:
        response = await alice.ask("GET", path)
        seen += [each["log_id"] for each in response.json()]
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert len(set(seen)) == len(seen) == 5


async def test_dates_are_inclusive_and_in_a_time_zone(alice):
    for moment in ("2026-03-01T22:59:59Z", "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"):
        await alice.logs(a_call(timestamp=moment, id_at_origin=moment))
    receipt = await alice.generates(
        start_date="2026-03-02", end_date="2026-03-02", tz="Europe/Madrid"
    )
    (covered,) = await logs_of(alice, receipt)
    assert covered["log"]["id_at_origin"] == "2026-03-01T23:00:00Z"


async def test_logs_that_are_covered_already_may_be_covered_again_by_date(alice):
    await alice.logs(a_call(timestamp="2026-03-01T00:00:00Z"))
    await alice.generates(since_last_receipt=True)
    month = await alice.generates(start_date="2026-03-01", end_date="2026-03-31")
    assert month["certified"]["logs"] == 1


async def test_logs_are_covered_in_the_order_of_their_times_whatever_order_is_asked(alice):
    ids = [(await alice.logs())["log_id"] for _ in range(4)]
    receipt = await alice.generates(log_ids=[ids[2], ids[0], ids[3], ids[0], ids[1]])
    covered = await logs_of(alice, receipt)
    assert [each["log_id"] for each in covered] == ids
    assert [each["leaf_index"] for each in covered] == [0, 1, 2, 3]


async def test_a_receipt_goes_beyond_one_page_of_rows(alice):
    await alice.logs_batch([a_call(cost=0.01)] * 1000)
    await alice.logs_batch([a_call(cost=0.01)] * 203)
    receipt = await alice.generates(since_last_receipt=True)
    assert (receipt["certified"]["logs"], receipt["cost"]["amount"]) == (1203, 12.03)
    found = await verified_anew(alice, receipt)
    assert (found["valid"], found["certified_logs"]) == (True, 1203)


async def test_a_preview_says_what_a_receipt_would_hold_and_stores_nothing(alice):
    await alice.logs(a_call(alias="a"))
    seen = await alice.ask("POST", f"{RECEIPTS}/preview", json={"since_last_receipt": True})
    assert await alice.reads_receipts() == []
    receipt = await alice.generates(since_last_receipt=True)
    own = ("id", "timestamp", "key_id", "signature")
    assert seen.json() == {name: receipt[name] for name in receipt if name not in own}


async def test_a_log_that_waits_for_its_price_is_left_for_a_later_receipt(alice, database):
    await alice.logs()
    waiting = await alice.logs()
    await database.execute(
        Statement(
            "update {schema}.usage_logs set cost = null, cost_status = 'unpriced', "
            """pricing = '{"awaiting_registry": true}' where log_id = $1"""
        ),
        waiting["log_id"],
    )
    receipt = await alice.generates(since_last_receipt=True)
    status, problem = await refused(alice, log_ids=[waiting["log_id"]])
    certified = receipt["certified"]
    assert (certified["logs"], certified["left_out_awaiting_price"]) == (1, 1)
    assert (status, problem["errors"]) == (422, [{"log_id": waiting["log_id"]}])


async def test_a_log_that_stays_unpriced_is_certified_as_such(alice):
    await alice.logs(a_call(model="who-knows"))
    receipt = await alice.generates(since_last_receipt=True)
    (covered,) = await logs_of(alice, receipt)
    assert (receipt["certified"]["unpriced_logs"], covered["log"]["cost"]) == (1, None)
    assert (receipt["cost"]["amount"], receipt["certified"]["by_model"]["who-knows"]["cost"]) == (
        None,
        None,
    )


async def test_unpriced_logs_are_left_out_of_the_sum_and_counted(alice):
    await alice.logs(a_call(model="who-knows"))
    await alice.logs(a_call(cost=0.5))
    receipt = await alice.generates(since_last_receipt=True)
    assert receipt["cost"] == {
        "amount": 0.5,
        "calculation": "sum over 2 usage logs, USD; 1 of them unpriced",
    }


async def test_a_client_cannot_have_its_own_word_signed_as_certified(alice):
    forged = a_receipt(certified={"logs": 1, "merkle_root": "00" * 32})
    response = await alice.asks_for_receipt(forged)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "certified"]


async def test_receipts_made_at_once_never_cover_a_log_twice(alice):
    await alice.logs_batch([a_call()] * 20)
    body = {"since_last_receipt": True}
    answers = await asyncio.gather(
        *(alice.ask("POST", f"{RECEIPTS}/generate", json=body) for _ in range(5))
    )
    counts = [each.json()["certified"]["logs"] for each in answers if each.status_code == 200]
    assert counts == [20]
    assert {each.status_code for each in answers} <= {200, 409, 422}


async def test_with_an_idempotency_key_logs_are_certified_once(alice):
    await alice.logs()
    path, body = f"{RECEIPTS}/generate", {"start_date": "2026-01-01", "end_date": "2099-01-01"}
    headers = {"Idempotency-Key": "k"}
    first = await alice.ask("POST", path, json=body, headers=headers)
    second = await alice.ask("POST", path, json=body, headers=headers)
    assert (first.content, second.headers["Idempotency-Replayed"]) == (second.content, "true")
    assert len(await alice.reads_receipts(certifies_logs=True)) == 1


async def test_the_logs_of_another_project_are_not_certified(alice, bob):
    theirs = await bob.logs()
    mine = await alice.logs()
    status, problem = await refused(alice, log_ids=[mine["log_id"], theirs["log_id"]])
    assert (status, problem["errors"]) == (404, [{"log_id": theirs["log_id"]}])
    receipt = await alice.generates(since_last_receipt=True)
    assert receipt["certified"]["logs"] == 1


@pytest.mark.parametrize(
    "selection",
    [
        {},
        {"conversation_id": "x"},
        {"log_ids": []},
        {"log_ids": ["x"]},
        {"log_ids": ["01a20b58-e53b-74d4-bfbd-eb894b64570c"], "since_last_receipt": True},
        {"start_date": "2026-01-01"},
        {"end_date": "2026-01-01"},
        {"start_date": "2026-02-01", "end_date": "2026-01-01"},
        {"start_date": "soon", "end_date": "later"},
        {"start_date": "2026-01-01", "end_date": "2026-01-01", "tz": "Nowhere/City"},
        {"since_last_receipt": "maybe"},
        {"since_last_receipt": True},
        {"since_last_receipt": True, "tags": "x"},
        {"since_last_receipt": True, "description": "x" * 1001},
    ],
)
@pytest.mark.parametrize("path", ["generate", "preview"])
async def test_a_selection_that_makes_no_sense_is_refused(alice, path, selection):
    response = await alice.ask("POST", f"{RECEIPTS}/{path}", json=selection)
    assert response.status_code == 422
    assert await alice.reads_receipts() == []


async def test_where_there_are_more_logs_than_a_receipt_covers_the_next_one_goes_on(
    alice, monkeypatch
):
    monkeypatch.setattr(certifying, "MAX_LOGS", 3)
    ids = [(await alice.logs())["log_id"] for _ in range(5)]
    first = await alice.generates(since_last_receipt=True)
    second = await alice.generates(since_last_receipt=True)
    covered = [
        each["log_id"] for each in await logs_of(alice, first) + await logs_of(alice, second)
    ]
    assert [each["certified"]["is_complete"] for each in (first, second)] == [False, True]
    assert covered == ids


async def test_more_logs_in_a_period_than_a_receipt_covers_are_refused(alice, monkeypatch):
    monkeypatch.setattr(certifying, "MAX_LOGS", 3)
    await alice.logs_batch([a_call()] * 4)
    status, problem = await refused(alice, start_date="2026-01-01", end_date="2099-01-01")
    assert (status, problem["detail"]) == (422, "More than 3 logs at once: give narrower dates.")


async def test_tokens_that_add_up_to_more_than_json_can_say_are_refused(alice):
    await alice.logs_batch([a_call(input_tokens=2**53 - 1, cost=0)] * 2)
    status, problem = await refused(alice, since_last_receipt=True)
    assert (status, "2^53-1" in problem["detail"]) == (422, True)


async def test_more_models_than_fit_into_a_receipt_are_refused(alice):
    await alice.logs_batch([a_call(model=f"{number}{'m' * 240}", cost=0) for number in range(1000)])
    await alice.logs_batch([a_call(alias=f"{number}{'a' * 240}", cost=0) for number in range(1000)])
    status, problem = await refused(alice, since_last_receipt=True)
    assert (status, "larger than" in problem["detail"]) == (422, True)
    assert len(await alice.reads(f"{RECEIPTS}/uncertified", limit=3000)) == 2000
