"""What a call costs. Exact decimal arithmetic, in USD."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cached_property, reduce
from typing import Any, NamedTuple

# The registry's field names.
INPUT = "dollars_per_million_tokens_input"
OUTPUT = "dollars_per_million_tokens_output"
INPUT_LONG = "dollars_per_million_tokens_input_long_context"
OUTPUT_LONG = "dollars_per_million_tokens_output_long_context"
CACHE_READ = "dollars_per_million_tokens_cache_read"
CACHED_INPUT = "dollars_per_million_tokens_cached_input"
THRESHOLD = "long_context_threshold_tokens"

# What a bill has lines of.
ITEMS = ("input_tokens", "cached_input_tokens", "output_tokens")
# Wide enough that a product of any token count and any price is exact, and a sum of some.
_EXACT = Context(prec=100)
# No price is larger than this or has more decimals: a registry that says so is wrong.
_MAX_PRICE, _MAX_DECIMALS = Decimal(10**9), 40
# Whole numbers that every reader of JSON keeps (RFC 8259, section 6).
_MAX_WHOLE = 2**53 - 1


class Rate(NamedTuple):
    """A price that was used: the registry field it stands in, and USD per million tokens."""

    field: str
    dollars_per_million_tokens: Decimal


class Line(NamedTuple):
    """One line of a bill: so many tokens of a kind at a rate; `cost` is in USD."""

    item: str
    tokens: int
    rate: Rate
    cost: Decimal


class Tokens(NamedTuple):
    """The tokens of a call; the cached ones are part of the input."""

    input: int
    output: int
    cached_input: int = 0


@dataclass(frozen=True)
class ModelPrices:
    """The prices of one model in one version of the registry."""

    provider: str
    model: str
    registry_version: int | None
    rates: Mapping[str, Decimal]
    long_context_threshold: int | None

    def bill(self, tokens: Tokens) -> list[Line]:
        """Work out what a call costs, line by line.

        Above the long-context threshold, measured on all input tokens, the long-context prices
        hold for the whole call. Cached input costs the cache-read price, else the cached-input
        price, else what other input costs.
        """
        input_rate, cached_rate, output_rate = self._long if self._is_long(tokens) else self._short
        return [
            line(ITEMS[0], tokens.input - tokens.cached_input, input_rate),
            line(ITEMS[1], tokens.cached_input, cached_rate),
            line(ITEMS[2], tokens.output, output_rate),
        ]

    def record(self, tokens: Tokens) -> Mapping[str, Any]:
        """What is kept of the prices to explain the cost of a call; not to be changed."""
        return self._long_record if self._is_long(tokens) else self._short_record

    def _is_long(self, tokens: Tokens) -> bool:
        threshold = self.long_context_threshold
        return threshold is not None and tokens.input > threshold

    @cached_property
    def _short_record(self) -> Mapping[str, Any]:
        return self._recorded(self._short)

    @cached_property
    def _long_record(self) -> Mapping[str, Any]:
        return self._recorded(self._long)

    def _recorded(self, rates: tuple[Rate, Rate, Rate]) -> Mapping[str, Any]:
        return {
            "registry_version": self.registry_version,
            "provider": self.provider,
            "model": self.model,
            "rates": {
                item: [rate.field, str(rate.dollars_per_million_tokens)]
                for item, rate in zip(ITEMS, rates, strict=True)
            },
        }

    @cached_property
    def _short(self) -> tuple[Rate, Rate, Rate]:
        """The rates of input, cached input and output."""
        return self._rates((INPUT,), (OUTPUT,))

    @cached_property
    def _long(self) -> tuple[Rate, Rate, Rate]:
        """The same above the threshold."""
        return self._rates((INPUT_LONG, INPUT), (OUTPUT_LONG, OUTPUT))

    def _rates(self, inputs: Iterable[str], outputs: Iterable[str]) -> tuple[Rate, Rate, Rate]:
        input_rate = self._first(*inputs)
        cached_rate = self._first(CACHE_READ, CACHED_INPUT, input_rate.field)
        return input_rate, cached_rate, self._first(*outputs)

    def _first(self, *fields: str) -> Rate:
        field = next(field for field in fields if field in self.rates)
        return Rate(field, self.rates[field])


def line(item: str, tokens: int, rate: Rate) -> Line:
    """Price so many tokens: a million of them cost the rate."""
    cost = _EXACT.multiply(tokens, rate.dollars_per_million_tokens)
    return Line(item, tokens, rate, cost.scaleb(-6, _EXACT))


def total(bill: Iterable[Line]) -> Decimal:
    """The cost of a bill, in USD."""
    cost = exact_sum(*(each.cost for each in bill))
    return _EXACT.add(cost.normalize(_EXACT), 0)  # not minus zero


def exact_sum(*amounts: Decimal) -> Decimal:
    """Add amounts of USD up; none is rounded."""
    return reduce(_EXACT.add, amounts, Decimal(0))


def read_prices(
    provider: str, model: str, version: object, entry: Mapping[str, Any]
) -> ModelPrices | None:
    """Read the prices of a registry entry; None if it has no usable input or output price.

    Nor is anything priced by an entry with a price or threshold that is none: what a call costs
    without it would be a guess. A `version` that is no whole number is not kept.
    """
    fields = (INPUT, OUTPUT, INPUT_LONG, OUTPUT_LONG, CACHE_READ, CACHED_INPUT)
    given = {field: entry[field] for field in fields if entry.get(field) is not None}
    rates = {field: price for field in given if (price := _price(given[field])) is not None}
    threshold = _whole(entry.get(THRESHOLD))
    is_usable = len(rates) == len(given) and (threshold is None) == (entry.get(THRESHOLD) is None)
    if INPUT not in rates or OUTPUT not in rates or not is_usable:
        return None
    return ModelPrices(provider, model, _whole(version), rates, threshold)


def _price(value: object) -> Decimal | None:
    """A JSON number as the decimal that was written, if it can be a price."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    price = Decimal(str(value))
    if not price.is_finite() or not 0 <= price <= _MAX_PRICE:
        return None
    return price if -int(price.as_tuple().exponent) <= _MAX_DECIMALS else None


def _whole(value: object) -> int | None:
    """A JSON number that is whole, however it is written, as 500.0 may be."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _MAX_WHOLE and value == int(value) else None
