"""Log lines: those of requests are written together, in their order, and never stop a request."""

import json
import logging
import time

import pytest

from llmring_core import telemetry
from support.log_lines import lines, terminal_for_tests


@pytest.fixture
def as_json():
    return False


@pytest.fixture
def terminal(monkeypatch, as_json):
    with terminal_for_tests(monkeypatch, as_json=as_json) as terminal:
        yield terminal


def ask(path="/health"):
    telemetry.log_access("GET", path, 200, time.perf_counter())


async def test_the_line_of_a_request_waits_for_others(terminal):
    ask()
    assert lines(terminal) == []
    terminal.flush()
    (line,) = lines(terminal)
    assert line.endswith("llmring.access: GET /health 200 0.0 ms")


async def test_another_line_is_written_at_once_and_in_its_order(terminal):
    ask()
    logging.getLogger("llmring.database").warning("it is away")
    first, second = lines(terminal)
    assert first.endswith("ms")
    assert second.endswith("llmring.database: it is away")


async def test_lines_are_written_before_they_are_too_long_for_a_pipe(terminal):
    pieces = []
    terminal.stream.write = pieces.append
    for _ in range(100):
        ask()
    assert len(pieces) > 1
    assert all(len(piece) <= 4096 and piece.endswith("\n") for piece in pieces)


async def test_a_line_break_in_a_path_begins_no_line(terminal):
    ask("/a\nb\u2028c")
    terminal.flush()
    assert len(lines(terminal)) == 1


async def test_a_stream_that_is_closed_stops_nobody(terminal):
    ask()
    terminal.stream.close()
    logging.getLogger("llmring.database").warning("it is away")
    ask()


async def test_what_waits_is_written_at_the_end(terminal):
    ask()
    logging.shutdown([lambda: terminal])
    assert lines(terminal)


async def test_a_host_gets_the_lines_by_its_own_logging(caplog, monkeypatch):
    monkeypatch.setattr(telemetry.LOGGER, "handlers", [logging.NullHandler()])
    monkeypatch.setattr(telemetry.LOGGER, "propagate", True)
    telemetry.LOGGER.setLevel("INFO")
    ask()
    assert "GET /health 200" in caplog.text


@pytest.mark.parametrize("as_json", [True])
async def test_a_line_of_json_says_which_request_and_which_project(terminal):
    telemetry.request_id.set("r-1")
    telemetry.project_id.set("p-1")
    ask("/a\nb")
    terminal.flush()
    (line,) = map(json.loads, lines(terminal))
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "llmring.access",
        "message": "GET /a\nb 200 0.0 ms",
        "request_id": "r-1",
        "project_id": "p-1",
        "method": "GET",
        "path": "/a\nb",
        "status": 200,
        "duration_ms": 0.0,
    }


@pytest.mark.parametrize("as_json", [True])
def test_an_exception_is_one_line_of_json(terminal):
    telemetry.LOGGER.error("it failed", exc_info=ValueError("a reason"))
    (line,) = map(json.loads, lines(terminal))
    assert line["message"] == "it failed"
    assert "ValueError: a reason" in line["exception"]


@pytest.mark.parametrize("as_json", [False, True])
def test_what_uvicorn_says_is_written_as_our_own_lines(terminal):
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    (line,) = lines(terminal)
    assert ("uvicorn.error: Invalid" in line) or json.loads(line)["logger"] == "uvicorn.error"
