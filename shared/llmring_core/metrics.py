"""What Prometheus scrapes, where `LLMRING_METRICS` asks for it; elsewhere nothing is counted.

Metrics are those of the process, as `prometheus_client` keeps them. The processes of one server
share them through files, in the folder that PROMETHEUS_MULTIPROC_DIR names.
"""

import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from starlette.types import Scope

from llmring_core import tracing
from llmring_core.errors import StartRefused
from llmring_core.own_pool import PoolUse

if TYPE_CHECKING:
    from prometheus_client import Gauge, Histogram

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# From a short path to an export of everything, in seconds.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_Among = Literal["livesum", "mostrecent"]
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class _Metrics:
    def __init__(self) -> None:
        from prometheus_client import Counter

        self.requests = _histogram(
            "http_request_duration_seconds",
            "Requests, and how long each took until its last byte was written.",
            ("method", "route", "status"),
        )
        self.mcp_calls = _histogram(
            "mcp_call_duration_seconds",
            "Calls of MCP servers, and how long each took.",
            ("result",),
        )
        self.receipts = Counter("llmring_receipts_signed", "Receipts that were signed.")
        self.connections = _gauge(
            "database_connections", "Connections to the database, by state.", "livesum", ("state",)
        )
        self.waiting = _gauge("database_waiting", "Requests that wait for a connection.", "livesum")
        self.database_up = _gauge(
            "database_up", "Whether the database answered this scrape.", "mostrecent"
        )
        self.pending = _gauge(
            "rollup_pending_changes",
            "Changes of usage logs that are not in the sums yet; statistics count them too.",
            "mostrecent",
        )
        self.folded_at = _gauge(
            "rollup_last_success_timestamp_seconds",
            "When changes were last folded into the sums: how long ago is the lag of the rollup.",
            "mostrecent",
        )


def _histogram(name: str, meaning: str, labels: tuple[str, ...]) -> "Histogram":
    from prometheus_client import Histogram

    return Histogram(f"llmring_{name}", meaning, labels, buckets=_BUCKETS)


def _gauge(name: str, meaning: str, among: _Among, labels: tuple[str, ...] = ()) -> "Gauge":
    """A gauge; `among` several processes, the sum counts, or what was said last."""
    from prometheus_client import Gauge

    return Gauge(f"llmring_{name}", meaning, labels, multiprocess_mode=among)


_metrics: _Metrics | None = None


def start() -> None:
    """Count from now on; raises StartRefused if the package that counts is not there."""
    global _metrics  # noqa: PLW0603 - they are those of the process
    if _metrics is None:
        try:
            _metrics = _Metrics()
        except ImportError:  # as in the layer of AWS, where CloudWatch has them
            raise StartRefused("LLMRING_METRICS needs the package prometheus-client.") from None


def request_ended(scope: Scope, status: int, started: float, *, route: str | None = None) -> None:
    """Count a request that began at `started`, a `time.perf_counter()`."""
    if _metrics is None:
        return
    path = route or getattr(scope.get("route"), "path", None)
    labels = (
        scope["method"] if scope["method"] in _METHODS else "other",
        _without_names(path) if path else "unmatched",
        str(status) if status else "none",
    )
    _metrics.requests.labels(*labels).observe(time.perf_counter() - started)


@lru_cache(maxsize=1024)
def _without_names(path: str) -> str:
    """A route as short paths name it: `/conversations/*`."""
    return re.sub(r"\{[^}]*\}", "*", path)


@asynccontextmanager
async def mcp_call() -> AsyncIterator[None]:
    """Count a call of an MCP server, which failed if it raises."""
    started, result = time.perf_counter(), "failed"
    try:
        with tracing.span("mcp call"):
            yield
        result = "answered"
    finally:
        if _metrics is not None:
            _metrics.mcp_calls.labels(result).observe(time.perf_counter() - started)


def receipt_signed() -> None:
    """Count a receipt."""
    if _metrics is not None:
        _metrics.receipts.inc()


def folded() -> None:
    """Note that the sums of usage logs are up to date."""
    if _metrics is not None:
        _metrics.folded_at.set_to_current_time()


def pool_used(use: PoolUse) -> None:
    """Note what the connections of this process do."""
    if _metrics is not None:
        _metrics.connections.labels("busy").set(use.busy)
        _metrics.connections.labels("idle").set(use.idle)
        _metrics.waiting.set(use.waiting)


def database_answered(*, pending_changes: int | None) -> None:
    """Note what the database said; None if it did not answer."""
    if _metrics is not None:
        _metrics.database_up.set(pending_changes is not None)
        if pending_changes is not None:
            _metrics.pending.set(pending_changes)


def exposition(accept: str) -> tuple[bytes, str]:
    """All metrics in a form that the Accept header asks for, and the media type of it."""
    from prometheus_client import REGISTRY, CollectorRegistry
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = REGISTRY
    if folder := os.environ.get(SHARED_FOLDER):
        _forget_dead_processes(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


def _forget_dead_processes(folder: Path) -> None:
    """Have the connections of a process that is gone no longer counted."""
    from prometheus_client.multiprocess import mark_process_dead

    for file in folder.glob("gauge_live*.db"):
        process = int(file.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            mark_process_dead(process)  # type: ignore[no-untyped-call]
        except PermissionError:
            continue  # there is one of this number, of somebody else
