"""Log lines: those of requests are written together, in their order, and never stop a request."""

import io
import logging
import time

import pytest

from llmring_core import telemetry


@pytest.fixture
def terminal(monkeypatch):
    """A terminal that writes into a text, and the loggers as they were afterwards."""
    monkeypatch.setattr(telemetry, "_terminal", None)
    before = telemetry.LOGGER.handlers[:], telemetry.LOGGER.propagate, telemetry.LOGGER.level
    telemetry.log_to_terminal("info")
    terminal = telemetry._terminal
    terminal.setStream(io.StringIO())
    yield terminal
    telemetry.LOGGER.handlers[:], telemetry.LOGGER.propagate = before[:2]
    telemetry.LOGGER.setLevel(before[2])


def lines(terminal):
    return terminal.stream.getvalue().splitlines()


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
