"""Logs: one line per event, each with the id of its request and of the project that asked."""

import logging
import time
from contextvars import ContextVar, Token

from llmring_core import terminal

request_id: ContextVar[str] = ContextVar("llmring_request_id", default="-")
# As the rows of a project carry it; never an API key.
project_id: ContextVar[str] = ContextVar("llmring_project_id", default="-")

LOGGER = logging.getLogger("llmring")
LOGGER.addHandler(logging.NullHandler())  # until a host, a terminal or Lambda wants the lines
_ACCESS = logging.getLogger("llmring.access")
_MESSAGE = "%s %s %s %.1f ms"


def begin_request(identifier: str) -> Token[str]:
    """Have the lines from now on say that they are of a request, of no project yet."""
    project_id.set("-")  # a connection may bring several requests in one context
    return request_id.set(identifier)


class AddRequestId(logging.Filter):
    """Gives every log record the ids of the request during which it was written."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        record.request_id = request_id.get()
        record.project_id = project_id.get()
        return True


_terminal: terminal.Terminal | None = None


def log_to_terminal(level: str, *, as_json: bool = False) -> None:
    """Write our log lines to stderr, for the standalone server; a host configures its own.

    Those of uvicorn, asyncio and OpenTelemetry, which tell of broken requests, lost tasks and
    traces that nobody takes, go with them.
    """
    global _terminal  # noqa: PLW0603 - loggers are the process's too
    _terminal = terminal.Terminal(as_json=as_json)
    _terminal.addFilter(AddRequestId())
    for logger in (LOGGER, *map(logging.getLogger, ("uvicorn", "asyncio", "opentelemetry"))):
        logger.handlers[:] = [_terminal]
        logger.propagate = False
    LOGGER.setLevel(level.upper())


def log_access(method: str, path: str, status: int, started: float) -> None:
    """Write the line of a request that began at `started`, a `time.perf_counter()`."""
    if not _ACCESS.isEnabledFor(logging.INFO):
        return
    milliseconds = (time.perf_counter() - started) * 1000
    arguments = (method, path, status, milliseconds)
    if _terminal is None or _terminal not in LOGGER.handlers:
        _ACCESS.info(_MESSAGE, *arguments, extra=terminal.facts(*arguments))
    elif _terminal.as_json:
        name, extra = _ACCESS.name, terminal.facts(*arguments)
        _terminal.add(
            _ACCESS.makeRecord(name, logging.INFO, "", 0, _MESSAGE, arguments, None, extra=extra)
        )
    else:
        _terminal.add_text(_ACCESS.name, request_id.get(), _MESSAGE % arguments)


def silence_strangers() -> None:
    """Keep the lines of the MCP SDK out of every log: they repeat what servers say, as it came.

    That may be the credentials that a server was sent. It holds for a host's own use of the SDK
    in the same process, too.
    """
    for name in ("mcp", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
