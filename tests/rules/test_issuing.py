"""What a receipt lacks is filled in, and nothing else is touched."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llmring_core.prices import PriceList
from llmring_server.receipts.issuing import completed, needs_prices
from llmring_server.receipts.models import UnsignedReceipt
from support.projects import a_receipt
from support.upstream import REGISTRY

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
PRICES = PriceList(REGISTRY)


def complete(**members):
    return completed(UnsignedReceipt.model_validate(a_receipt(**members)), PRICES, NOW)


def worked_out(calculation):
    """What a calculation comes to, by its own text alone."""
    terms = re.findall(r"(\d+) \* ([\d.]+)", calculation)
    return sum(int(tokens) * Decimal(price) for tokens, price in terms) / 1_000_000


def test_id_time_and_cost_are_filled_in():
    receipt = complete()
    assert receipt["id"].startswith("01a20d6")
    assert receipt["timestamp"] == "2026-11-24T12:00:00.123Z"
    assert receipt["cost"] == {
        "amount": 0.0049,
        "calculation": "(1000 * 2.0 + 200 * 0.5 + 350 * 8.0) / 1000000 USD; "
        "openai:gpt-4.1, registry version 7",
    }


def test_null_counts_as_missing():
    receipt = complete(id=None, timestamp=None, cost=None, signature=None)
    assert "signature" not in receipt
    assert None not in (receipt["id"], receipt["timestamp"], receipt["cost"])


def test_what_is_given_stays():
    given = {
        "id": "my-1",
        "timestamp": "2020-02-29T23:59:59.5+05:30",
        "cost": {"amount": 1, "calculation": {"how": "mine"}, "currency": "USD"},
        "provider": "nobody",
        "extra": {"deep": [None, 1.50, {"x": ""}]},
    }
    assert complete(**given) == a_receipt(**given)


def test_a_given_amount_without_a_calculation_says_that_it_was_given():
    assert complete(cost={"amount": 0.5})["cost"] == {
        "amount": 0.5,
        "calculation": "given by the client",
    }


def test_other_members_of_the_cost_stay_when_the_amount_is_filled_in():
    cost = complete(cost={"currency": "USD"})["cost"]
    assert (cost["currency"], cost["amount"]) == ("USD", 0.0049)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"model": "gpt-4.1"},
        {"model": "gpt-4.1", "provider": "openai"},
        {"model": "openai/gpt-4.1-latest"},
        {"model": "claude-sonnet-4-5", "tokens": {"input": 250_001, "output": 9}},
        {"model": "gpt-4o-mini", "tokens": {"input": 2**53 - 1, "output": 2**53 - 1}},
    ],
)
def test_the_calculation_alone_gives_the_amount(members):
    cost = complete(**members)["cost"]
    assert float(worked_out(cost["calculation"])) == cost["amount"]
    assert cost["amount"] > 0


@pytest.mark.parametrize("members", [{"model": "who-knows"}, {"provider": "anthropic"}])
def test_an_unknown_model_is_not_free(members):
    cost = complete(**members)["cost"]
    assert (cost["amount"], cost["calculation"][:8]) == (None, "unpriced")


def test_a_name_that_two_providers_have_is_nobodys():
    doubled = PriceList({**REGISTRY, "azure": {"models": {"azure:gpt-4.1": _priced(9)}}})
    assert doubled.find_by_model("gpt-4.1") is None
    assert doubled.find_by_model("azure:gpt-4.1").provider == "azure"


def _priced(price):
    fields = ("dollars_per_million_tokens_input", "dollars_per_million_tokens_output")
    return dict.fromkeys(fields, price)


@pytest.mark.parametrize(
    ("cost", "needed"),
    [(None, True), ({}, True), ({"amount": None}, True), ({"amount": 0}, False)],
)
def test_prices_are_asked_for_only_when_there_is_no_amount(cost, needed):
    assert needs_prices(UnsignedReceipt.model_validate(a_receipt(cost=cost))) is needed
