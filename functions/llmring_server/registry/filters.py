"""Parts of the registry: some providers, or the models that can do something."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query


@dataclass(frozen=True, slots=True)
class Wanted:
    """What part of the registry is wanted; an empty set means all of it."""

    providers: frozenset[str]
    capabilities: frozenset[str]

    def of(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Cut a registry down to what is wanted."""
        providers = {
            name: {**provider, "models": self._models(provider["models"])}
            for name, provider in document["providers"].items()
            if not self.providers or name in self.providers
        }
        return {**document, "providers": providers}

    def _models(self, models: Mapping[str, Any]) -> dict[str, Any]:
        return {name: model for name, model in models.items() if self._can_all(model)}

    def _can_all(self, model: Mapping[str, Any]) -> bool:
        return all(
            model.get(f"supports_{each}") is True or model.get(each) is True
            for each in self.capabilities
        )


EVERYTHING = Wanted(frozenset(), frozenset())


async def _wanted(
    providers: Annotated[
        list[str] | None, Query(max_length=50, description="Comma-separated or repeated.")
    ] = None,
    capabilities: Annotated[
        list[str] | None,
        Query(
            max_length=50,
            description="Such as `vision` or `function_calling`; comma-separated or repeated. "
            "A model must have all of them.",
        ),
    ] = None,
) -> Wanted:
    return Wanted(_names(providers), _names(capabilities))


def _names(values: list[str] | None) -> frozenset[str]:
    names = (name.strip().lower() for value in values or [] for name in value.split(","))
    return frozenset(name for name in names if name)


WantedDep = Annotated[Wanted, Depends(_wanted)]
