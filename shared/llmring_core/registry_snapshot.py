"""The registry as it was fetched at one time, and what is made of it."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Never

from llmring_core import clock
from llmring_core.prices import PriceList, models_of

MANIFEST = ""  # the place of the manifest among the copies; no provider has an empty name
FORMAT_VERSION = "1.0"
MAX_PROVIDERS = 100
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RENAMED = {
    "name": "model_name",
    "max_input_tokens": "max_input_tokens",
    "max_output_tokens": "max_output_tokens",
    "dollars_per_million_input_tokens": "dollars_per_million_tokens_input",
    "dollars_per_million_output_tokens": "dollars_per_million_tokens_output",
}


class BadCopy(ValueError):
    """A file of the upstream registry is not what it should be."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One upstream file, with what makes the next request for it conditional (RFC 9110, 13.1)."""

    provider: str
    body: str
    etag: str | None
    last_modified: str | None
    fetched_at: datetime
    checked_at: datetime

    def still_good(self, now: datetime) -> "Copy":
        """The same copy, after upstream said that it has not changed."""
        return replace(self, checked_at=now)


class Snapshot:
    """A registry: the manifest and a file per provider."""

    def __init__(self, copies: Mapping[str, Copy]) -> None:
        """Read the copies.

        Raises:
            BadCopy: one of them cannot be read.
        """
        self.copies = dict(copies)
        self.files = {
            name: read_provider(copy.body) for name, copy in copies.items() if name != MANIFEST
        }
        wanted = read_manifest(copies[MANIFEST].body) if MANIFEST in copies else []
        self.is_complete = bool(wanted) and all(name in self.files for name in wanted)

    @cached_property
    def prices(self) -> PriceList:
        """What every model costs."""
        return PriceList(self.files)

    @cached_property
    def checked_at(self) -> datetime:
        """When upstream last said that all of this is current."""
        return min(copy.checked_at for copy in self.copies.values())

    @cached_property
    def renewed_at(self) -> datetime:
        """When upstream last said anything about any of this."""
        return max(copy.checked_at for copy in self.copies.values())

    @cached_property
    def document(self) -> dict[str, Any]:
        """The aggregated registry, as `GET /registry` answers it."""
        generated = max(copy.fetched_at for copy in self.copies.values())
        return {
            "version": FORMAT_VERSION,
            "generated": clock.rfc3339(generated),
            "providers": {name: _provider(name, file) for name, file in self.files.items()},
        }

    @cached_property
    def document_json(self) -> bytes:
        """The same as ready bytes."""
        return json.dumps(self.document).encode()

    @cached_property
    def etag(self) -> str:
        """Changes exactly when an upstream file changes."""
        bodies = [f"{name}\0{copy.body}" for name, copy in sorted(self.copies.items())]
        return hashlib.sha256("\0".join(bodies).encode()).hexdigest()[:32]


def read_manifest(body: str) -> list[str]:
    """The names of the providers in a manifest.

    Raises:
        BadCopy: it is not a manifest, or names no provider or too many.
    """
    manifest = _object(body)
    providers = manifest.get("providers")
    given = providers if isinstance(providers, dict | list) else []
    names = [name for name in given if isinstance(name, str) and _PROVIDER.fullmatch(name)]
    if not 0 < len(names) <= MAX_PROVIDERS:
        raise BadCopy(f"the manifest names {len(names)} providers, not 1 to {MAX_PROVIDERS}")
    return names


def read_provider(body: str) -> dict[str, Any]:
    """The file of a provider.

    Raises:
        BadCopy: it does not hold models.
    """
    file = _object(body)
    models = file.get("models")
    if not isinstance(models, dict) or not all(isinstance(each, dict) for each in models.values()):
        raise BadCopy("the file has no models")
    return file


def _object(body: str) -> dict[str, Any]:
    try:
        value = json.loads(body, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadCopy("the file is not JSON") from error
    if not isinstance(value, dict):
        raise BadCopy("the file is not a JSON object")
    return value


def _finite(text: str) -> float:
    return number if math.isfinite(number := float(text)) else _no_number(text)


def _no_number(text: str) -> Never:
    """Refuse what Python takes and JSON has no number for: we would write it to others."""
    raise ValueError(f"no number of JSON: {text[:20]}")


def _provider(name: str, file: Mapping[str, Any]) -> dict[str, Any]:
    models = {model: _model(model, entry) for model, entry in models_of(name, file)}
    rest = {key: value for key, value in file.items() if key not in ("version", "models")}
    return {"version": file.get("version"), "models": models, **rest}


def _model(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    documented = {ours: entry.get(theirs) for ours, theirs in _RENAMED.items()}
    rest = {key: value for key, value in entry.items() if key not in _RENAMED.values()}
    return {**documented, "name": documented["name"] or name, **rest}
