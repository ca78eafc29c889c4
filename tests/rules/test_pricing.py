"""What a call costs, against values worked out by hand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmring_core.prices import PriceList
from llmring_core.pricing import Tokens, read_prices, total
from support.upstream import REGISTRY

PRICES = PriceList(REGISTRY)
SONNET = "claude-sonnet-4-5"


def cost(provider, model, *tokens):
    return total(PRICES.find(provider, model).bill(Tokens(*tokens)))


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ((0, 0), "0"),
        ((1, 0), "0.000002"),
        ((1200, 350), "0.0052"),
        ((1200, 350, 200), "0.0049"),  # 1000 × 2 + 200 × 0.5 + 350 × 8
        ((200, 0, 200), "0.0001"),
    ],
)
def test_input_output_and_cached_input_have_their_prices(tokens, expected):
    assert cost("openai", "gpt-4.1", *tokens) == Decimal(expected)


def test_the_cache_read_price_goes_before_the_cached_input_price():
    assert cost("anthropic", SONNET, 1_000_000 // 10, 0, 1_000_000 // 10) == Decimal("0.03")


def test_cached_input_without_a_price_of_its_own_costs_what_input_costs():
    assert cost("openai", "gpt-4o-mini", 1000, 0, 1000) == cost("openai", "gpt-4o-mini", 1000, 0)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ((200_000, 1000), "0.615"),  # at the threshold: 200000 × 3 + 1000 × 15
        ((200_001, 1000), "1.222506"),  # above it: 200001 × 6 + 1000 × 22.5
        ((300_000, 0, 100_000), "1.23"),  # 200000 × 6 + 100000 × 0.3
    ],
)
def test_above_the_threshold_long_context_prices_hold(tokens, expected):
    assert cost("anthropic", SONNET, *tokens) == Decimal(expected)


@given(st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1), st.decimals(0, 1000, places=12))
def test_a_cost_is_exact_whatever_the_numbers(tokens_in, tokens_out, price):
    entry = {
        "dollars_per_million_tokens_input": float(price),
        "dollars_per_million_tokens_output": 0.1,
    }
    written = Decimal(str(float(price)))
    got = total(read_prices("p", "m", 1, entry).bill(Tokens(tokens_in, tokens_out)))
    numerator, denominator = written.as_integer_ratio()
    expected_times = tokens_in * numerator * 10 + tokens_out * denominator
    got_numerator, got_denominator = got.as_integer_ratio()
    assert got_numerator * denominator * 10_000_000 == expected_times * got_denominator


NO_PRICES = ["2.0", True, -1, float("nan"), float("inf"), [2.0], 1e300, 10**4000, 1e-60]


@pytest.mark.parametrize("price", [None, *NO_PRICES])
def test_what_is_no_price_leaves_a_model_unpriced(price):
    entry = {"dollars_per_million_tokens_input": price, "dollars_per_million_tokens_output": 1.0}
    assert read_prices("p", "m", 1, entry) is None


@pytest.mark.parametrize("price", NO_PRICES)
def test_without_a_cached_price_that_was_meant_nothing_is_guessed(price):
    entry = {
        "dollars_per_million_tokens_input": 1.0,
        "dollars_per_million_tokens_output": 1.0,
        "dollars_per_million_tokens_cache_read": price,
    }
    assert read_prices("p", "m", 1, entry) is None


def of_threshold(threshold):
    entry = {
        "dollars_per_million_tokens_input": 1,
        "dollars_per_million_tokens_input_long_context": 2,
        "dollars_per_million_tokens_output": 1,
        "long_context_threshold_tokens": threshold,
    }
    return read_prices("p", "m", 1, entry)


def test_a_threshold_is_a_whole_number_however_it_is_written():
    assert total(of_threshold(500.0).bill(Tokens(501, 0))) == Decimal("0.001002")


@pytest.mark.parametrize("threshold", ["500", 500.5, -1, True, [500], float("inf"), 2**53])
def test_without_a_threshold_that_was_meant_nothing_is_guessed(threshold):
    assert of_threshold(threshold) is None


@pytest.mark.parametrize(("version", "kept"), [(7, 7), (7.0, 7), ("7", None), ({}, None)])
def test_a_version_is_a_whole_number_or_not_kept(version, kept):
    entry = {"dollars_per_million_tokens_input": 1, "dollars_per_million_tokens_output": 1}
    assert read_prices("p", "m", version, entry).registry_version == kept


def test_a_model_may_be_free():
    entry = {"dollars_per_million_tokens_input": 0.1, "dollars_per_million_tokens_output": 0.0}
    assert total(read_prices("p", "m", 1, entry).bill(Tokens(10, 10))) == Decimal("0.000001")
