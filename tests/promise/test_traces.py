"""Traces: of requests and of what they ask of others, without what was said in them."""

import pytest

from llmring_core import tracing
from support.traced import spans, traced_project


@pytest.fixture
async def traced(settings, monkeypatch):
    monkeypatch.setattr(tracing, "_tracer", None)
    async with traced_project(settings) as traced:
        yield traced


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


async def test_the_message_of_an_error_is_in_no_span(traced, database):
    _, exporter = traced
    with pytest.raises(ValueError, match="a-secret"):
        async with database.transaction():
            raise ValueError("a-secret")
    assert "a-secret" not in "".join(each.to_json() for each in exporter.get_finished_spans())
    failed = [each.attributes.get("error.type") for each in spans(exporter, "database")]
    assert "ValueError" in failed
