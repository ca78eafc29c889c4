"""The prices of every model in a registry, looked up by the names that callers use."""

from collections.abc import Iterator, Mapping
from typing import Any

from llmring_core.pricing import ModelPrices, read_prices


class PriceList:
    """Finds the prices of a model.

    A model's own name wins over an alias of another, and the first model to claim an alias keeps
    it. Names are compared as written: the registry has `gpt-4o` and `GPT-4o` at different prices.
    """

    def __init__(self, providers: Mapping[str, Mapping[str, Any]]) -> None:
        """`providers` maps a provider to its registry file."""
        self._by_name: dict[tuple[str, str], ModelPrices | None] = {}
        for provider, file in providers.items():
            for name, prices in _named(provider, file):
                self._by_name.setdefault((provider, name), prices)

    def find(self, provider: str, model: str) -> ModelPrices | None:
        """Look a model up; its name may begin with its provider, `openai:` or `openai/`."""
        return self._by_name.get(names_of(provider, model))

    def find_by_model(self, model: str) -> ModelPrices | None:
        """Look a model up whose provider is before its name, or is the only one to have it."""
        for separator in ":/":
            provider, _, name = model.strip().partition(separator)
            if name and (found := self.find(provider, name)):
                return found
        having = [prices for (_, name), prices in self._by_name.items() if name == model.strip()]
        return having[0] if len(having) == 1 else None


def names_of(provider: str, model: str) -> tuple[str, str]:
    """A provider and a model as the registry names them, without the provider before the model."""
    provider = provider.strip().lower()
    name = model.strip()
    for separator in ":/":
        prefix, _, rest = name.partition(separator)
        if rest and prefix.lower() == provider:
            return provider, rest
    return provider, name


def models_of(provider: str, file: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The models of a registry file, without the provider before their names."""
    for key, entry in file["models"].items():
        yield key.removeprefix(f"{provider}:"), entry


def _named(provider: str, file: Mapping[str, Any]) -> Iterator[tuple[str, ModelPrices | None]]:
    models = dict(models_of(provider, file))
    prices = {
        name: read_prices(provider, name, file.get("version"), entry)
        for name, entry in models.items()
    }
    yield from prices.items()
    for name, entry in models.items():
        aliases = entry.get("model_aliases")
        for alias in aliases if isinstance(aliases, list) else ():
            if isinstance(alias, str):
                yield alias, prices[name]
