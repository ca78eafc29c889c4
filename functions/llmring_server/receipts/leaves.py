"""Usage logs as the leaves of a receipt's tree, and their sums."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from llmring_core import canonical, pricing
from llmring_core.connection import Row
from llmring_core.errors import Unprocessable
from llmring_server.receipts import merkle
from llmring_server.receipts.certificates import Certified, LogSums

SAME = ("provider", "model", "input_tokens", "output_tokens", "cached_input_tokens", "cost_status")
OPTIONAL = ("latency_ms", "alias", "profile", "origin", "id_at_origin")


def leaf(row: Row) -> dict[str, Any]:
    """A usage log as it is certified: as `GET /api/v1/logs` shows it, an unknown cost as null.

    Metadata may hold integers that canonical JSON cannot; they become text (RFC 7493, section 2.2).
    """
    return {
        "log_id": str(row["log_id"]),
        "logged_at": _time(row["logged_at"]),
        **{name: row[name] for name in SAME + OPTIONAL},
        "cost": None if row["cost"] is None else float(row["cost"]),
        "metadata": None if row["metadata"] is None else _exact(json.loads(row["metadata"])),
    }


def leaf_hash(leaf: Mapping[str, Any]) -> bytes:
    """The hash of a leaf: of its canonical JSON (RFC 8785)."""
    return merkle.leaf_hash(canonical.dumps(leaf))


@dataclass(slots=True)
class Sums:
    """Sums over some logs; the cost is in USD and leaves out the unpriced ones."""

    logs: int = 0
    unpriced_logs: int = 0
    cost: Decimal = Decimal(0)
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0

    def add(self, row: Row) -> None:
        """Count a log in."""
        self.logs += 1
        self.unpriced_logs += row["cost"] is None
        self.cost = pricing.exact_sum(self.cost, row["cost"] or Decimal(0))
        self.input_tokens += row["input_tokens"]
        self.output_tokens += row["output_tokens"]
        self.cached_input_tokens += row["cached_input_tokens"]

    def written(self) -> LogSums:
        """The sums as a receipt has them; raises Unprocessable as `tokens`."""
        tokens = self.tokens()
        return LogSums(
            logs=self.logs,
            unpriced_logs=self.unpriced_logs,
            cost=self.amount(),
            input_tokens=tokens["input"],
            output_tokens=tokens["output"],
            cached_input_tokens=tokens["cached_input"],
        )

    def amount(self) -> float | None:
        """The cost, unless nobody knows any of it."""
        return None if self.logs == self.unpriced_logs else float(self.cost)

    def tokens(self) -> dict[str, int]:
        """The tokens as a receipt has them.

        Raises:
            Unprocessable: there are more than canonical JSON can say.
        """
        if max(self.input_tokens, self.output_tokens) > canonical.MAX_INTEGER:
            raise Unprocessable("The tokens add up to more than 2^53-1: certify fewer logs.")
        return {
            "input": self.input_tokens,
            "output": self.output_tokens,
            "cached_input": self.cached_input_tokens,
        }


@dataclass(slots=True)
class Tally:
    """The leaves that a receipt is to cover, in their order, and what they add up to."""

    log_ids: list[UUID] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    all: Sums = field(default_factory=Sums)
    by_model: dict[str, Sums] = field(default_factory=dict)
    by_alias: dict[str, Sums] = field(default_factory=dict)

    def add(self, rows: Iterable[Row]) -> None:
        """Count logs in."""
        for row in rows:
            self._add(row)

    def _add(self, row: Row) -> None:
        self.log_ids.append(row["log_id"])
        self.times.append(row["logged_at"])
        self.hashes.append(leaf_hash(leaf(row)))
        self.all.add(row)
        self.by_model.setdefault(row["model"], Sums()).add(row)
        if row["alias"] is not None:
            self.by_alias.setdefault(row["alias"], Sums()).add(row)

    def written(self, selection: dict[str, str], left_out: int, *, is_complete: bool) -> Certified:
        """What a receipt says of the logs it covers; raises Unprocessable as `Sums.tokens`."""
        return Certified(
            logs=self.all.logs,
            unpriced_logs=self.all.unpriced_logs,
            left_out_awaiting_price=left_out,
            is_complete=is_complete,
            first_logged_at=_time(self.times[0]),
            last_logged_at=_time(self.times[-1]),
            by_model={name: sums.written() for name, sums in self.by_model.items()},
            by_alias={name: sums.written() for name, sums in self.by_alias.items()},
            selection=selection,
            merkle_root=merkle.root(self.hashes).hex(),
        )


def _time(moment: datetime) -> str:
    """A time to the microsecond, as `GET /api/v1/logs` writes it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _exact(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_exact(element) for element in value]
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_whole and abs(value) > canonical.MAX_INTEGER else value
