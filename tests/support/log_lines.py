"""What a server writes to its terminal, for tests to read."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from llmring_core import telemetry
from llmring_core.terminal import Terminal


@contextmanager
def terminal_for_tests(monkeypatch: pytest.MonkeyPatch, *, as_json: bool) -> Iterator[Terminal]:
    """A terminal that writes into a text, and the loggers as they were afterwards."""
    monkeypatch.setattr(telemetry, "_terminal", None)
    names = ("llmring", "uvicorn", "asyncio", "opentelemetry")
    loggers = [logging.getLogger(name) for name in names]
    before = [(each, each.handlers[:], each.propagate, each.level) for each in loggers]
    telemetry.log_to_terminal("info", as_json=as_json)
    terminal = telemetry._terminal
    assert terminal is not None
    terminal.setStream(io.StringIO())
    yield terminal
    for logger, handlers, propagate, level in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def lines(terminal: Terminal) -> list[str]:
    """What was written."""
    return terminal.stream.getvalue().splitlines()  # type: ignore[no-any-return]
