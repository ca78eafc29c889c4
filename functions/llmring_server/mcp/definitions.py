"""What a server offers, compared with what it offered before. Pure.

A definition is kept as the protocol writes it (camelCase, without null members), whoever found it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from llmring_core import canonical

Kind = Literal["tool", "resource", "resource_template", "prompt"]
KINDS: tuple[Kind, ...] = ("tool", "resource", "resource_template", "prompt")
# The member that names a definition of a kind.
NAMED_BY: dict[Kind, str] = {
    "tool": "name",
    "resource": "uri",
    "resource_template": "uriTemplate",
    "prompt": "name",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A definition as a server or a client told it."""

    kind: Kind
    definition: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the server knows it by."""
        return str(self.definition[NAMED_BY[self.kind]])

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of the definition (RFC 8785), in hexadecimal."""
        return hashlib.sha256(canonical.dumps(_canonical(self.definition))).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """A definition as it is kept."""

    kind: Kind
    name: str
    digest: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be done so that what is kept is what was found."""

    added: Sequence[Found]
    changed: Sequence[Found]
    unchanged: Sequence[Found]
    removed: Sequence[Known]


def difference(known: Iterable[Known], found: Iterable[Found], kinds: Iterable[Kind]) -> Difference:
    """Compare; only the definitions of `kinds` were looked for. Of equal names the first counts."""
    before = {(each.kind, each.name): each for each in known}
    now: dict[tuple[Kind, str], Found] = {}
    for each in found:
        now.setdefault((each.kind, each.name), each)
    old = {key: each for key, each in now.items() if key in before}
    return Difference(
        added=[each for key, each in now.items() if key not in before],
        changed=[each for key, each in old.items() if each.digest != before[key].digest],
        unchanged=[each for key, each in old.items() if each.digest == before[key].digest],
        removed=[
            each
            for key, each in before.items()
            if each.is_active and each.kind in set(kinds) and key not in now
        ],
    )


def _canonical(value: Any) -> Any:
    """A value that has a canonical form: integers that no double holds become an object.

    Its name has a NUL, which nothing that is kept has: no other value has the same form.
    """
    if isinstance(value, Mapping):
        return {name: _canonical(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_canonical(element) for element in value]
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    is_large = is_whole and abs(value) > canonical.MAX_INTEGER
    return {"\x00integer": str(value)} if is_large else value
