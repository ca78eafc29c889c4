"""OpenTelemetry traces, where `LLMRING_TRACING` asks for them: of requests, statements, MCP calls.

FastAPI makes the spans of requests and exports all of them, as the OTEL_* variables say. What was
said in a request (its query, its body, the message of an error) is in no span.

The API of OpenTelemetry is imported by `start` only, as commands have no use for it.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from llmring_core.errors import StartRefused

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

log = logging.getLogger("llmring.tracing")

# FastAPI's own; asked for at each request, it takes as long as reading the body.
OFF: "TelemetryConfig" = {"tracing": False, "metrics": False, "logs": False}
ON: "TelemetryConfig" = {"tracing": True, "metrics": False, "logs": False, "auto_configure": True}
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_QUERY, REDACTED = "url.query", "REDACTED"

_tracer: "Tracer | None" = None


def require() -> None:
    """Raise StartRefused if the SDK of OpenTelemetry is not there, without loading it."""
    if not (find_spec("opentelemetry") and find_spec("opentelemetry.sdk")):
        raise StartRefused("LLMRING_TRACING needs: pip install 'llmring-server[otel]'.")


def start() -> "TelemetryConfig":
    """Trace from now on, with what a host has set up already or with what the variables say.

    Raises:
        StartRefused: the SDK of OpenTelemetry is not there.
    """
    global _tracer  # noqa: PLW0603 - OpenTelemetry's provider is the process's too
    require()
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(_provider())
        if not any(os.environ.get(each) for each in ENDPOINTS):
            log.warning("%s is not set: traces go nowhere", ENDPOINTS[0])
    _tracer = trace.get_tracer("llmring")
    return ON


def _provider() -> "TracerProvider":
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    name = os.environ.get("OTEL_SERVICE_NAME") or "llmring-server"
    return TracerProvider(resource=Resource.create({"service.name": name}))


def name_request(identifier: str, *, has_query: bool) -> None:
    """Give the span of a request the id that its log lines have, and take its query away."""
    if _tracer is not None:
        from opentelemetry import trace

        span = trace.get_current_span()
        span.set_attribute("llmring.request_id", identifier)
        if has_query:
            span.set_attribute(_QUERY, REDACTED)


@contextmanager
def span(name: str) -> Iterator[None]:
    """Time something that this request asks of somebody else."""
    if _tracer is None:
        yield
        return
    from opentelemetry.trace import SpanKind, StatusCode

    with _tracer.start_as_current_span(
        name, kind=SpanKind.CLIENT, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except BaseException as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(StatusCode.ERROR)
            raise
