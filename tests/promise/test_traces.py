"""Traces: of requests and of what they ask of others, without what was said in them."""

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from conftest import client_of, started
from llmring_core import tracing
from support.projects import Project


@pytest.fixture
async def traced(settings, monkeypatch):
    """A project on a server that traces, and the spans that are over."""
    monkeypatch.setattr(tracing, "_tracer", None)
    async with started(settings.model_copy(update={"tracing": True})) as app:
        exporter = InMemorySpanExporter()
        trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
        async with client_of(httpx.ASGITransport(app)) as client:
            yield Project(client, "alice"), exporter
        exporter.shutdown()


def spans(exporter, name):
    return [each for each in exporter.get_finished_spans() if each.name == name]


async def test_a_request_is_a_span_that_names_its_route_and_its_id(traced):
    alice, exporter = traced
    await alice.logs(**{"X-Request-Id": "r-1"})
    (span,) = spans(exporter, "POST /api/v1/log")
    assert span.attributes["http.route"] == "/api/v1/log"
    assert span.attributes["llmring.request_id"] == "r-1"


async def test_what_the_database_takes_is_part_of_it(traced):
    alice, exporter = traced
    await alice.reads("/api/v1/logs")
    (request,) = spans(exporter, "GET /api/v1/logs")
    inner = [each.context.trace_id for each in spans(exporter, "database")]
    assert request.context.trace_id in inner


async def test_it_goes_on_the_trace_of_the_caller(traced):
    alice, exporter = traced
    caller = "4bf92f3577b34da6a3ce929d0e0e4736"
    await alice.logs(traceparent=f"00-{caller}-00f067aa0ba902b7-01")
    (span,) = spans(exporter, "POST /api/v1/log")
    assert f"{span.context.trace_id:032x}" == caller


async def test_what_was_asked_for_is_in_no_span(traced):
    alice, exporter = traced
    await alice.reads("/api/v1/logs", model="a-secret")
    assert "a-secret" not in "".join(each.to_json() for each in exporter.get_finished_spans())
    assert spans(exporter, "GET /api/v1/logs")
