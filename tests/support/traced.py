"""A server that traces, and the spans that are over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from conftest import client_of, started
from llmring_core.settings import Settings
from support.projects import Project


@asynccontextmanager
async def traced_project(
    settings: Settings,
) -> AsyncIterator[tuple[Project, InMemorySpanExporter]]:
    """A project on a server that traces, and the spans that are over."""
    async with started(settings.model_copy(update={"tracing": True})) as app:
        exporter = InMemorySpanExporter()
        trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
        async with client_of(httpx.ASGITransport(app)) as client:
            yield Project(client, "alice"), exporter
        exporter.shutdown()


def spans(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [each for each in exporter.get_finished_spans() if each.name == name]
