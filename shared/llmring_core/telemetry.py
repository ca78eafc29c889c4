"""Logs: one line per event, each with the id of its request."""

import logging
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("llmring_request_id", default="-")

LOGGER = logging.getLogger("llmring")
LOGGER.addHandler(logging.NullHandler())  # until a host, a terminal or Lambda wants the lines


class AddRequestId(logging.Filter):
    """Gives every log record the id of the request during which it was written."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        record.request_id = request_id.get()
        return True


def log_to_terminal(level: str) -> None:
    """Write our log lines to stderr, for the standalone server; a host configures its own."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s [%(request_id)s] %(name)s: %(message)s")
    )
    handler.addFilter(AddRequestId())
    LOGGER.handlers[:] = [handler]
    LOGGER.propagate = False
    LOGGER.setLevel(level.upper())


def silence_strangers() -> None:
    """Keep the lines of the MCP SDK out of every log: they repeat what servers say, as it came.

    That may be the credentials that a server was sent. It holds for a host's own use of the SDK
    in the same process, too.
    """
    for name in ("mcp", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
