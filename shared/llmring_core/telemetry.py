"""Logs: one line per event, each with the id of its request."""

import asyncio
import logging
import time
from contextlib import nullcontext
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("llmring_request_id", default="-")

LOGGER = logging.getLogger("llmring")
LOGGER.addHandler(logging.NullHandler())  # until a host, a terminal or Lambda wants the lines
_ACCESS = logging.getLogger("llmring.access")

_LINE = "%(asctime)s %(levelname)-7s [%(request_id)s] %(name)s: %(message)s"
# Lines of requests are written together, because writing one takes longer than the request.
_FLUSH_SECONDS = 0.1
# What a pipe takes in one piece, so that the lines of several workers do not mix.
_FLUSH_CHARACTERS = 3500
# A path may hold a line break; it must not look like a line of ours.
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), 127, 0x85, 0x2028, 0x2029)}


class AddRequestId(logging.Filter):
    """Gives every log record the id of the request during which it was written."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        record.request_id = request_id.get()
        return True


class Terminal(logging.StreamHandler):  # type: ignore[type-arg]  # of whatever stderr is
    """Writes to stderr: the lines of requests a tenth of a second later, all others at once."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._size = 0
        self._second = (0, "")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, after the lines that came before it."""
        self.flush()
        super().emit(record)

    def add(self, text: str) -> None:
        """Write a line of a request."""
        now = time.time()
        if int(now) != self._second[0]:
            local = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
            self._second = (int(now), local)
        milliseconds = int(now % 1 * 1000)
        head = f"{self._second[1]},{milliseconds:03d} INFO    [{request_id.get()}] {_ACCESS.name}"
        line = f"{head}: {text if text.isprintable() else text.translate(_ESCAPED)}\n"
        with self.lock or nullcontext():
            is_first = not self._lines
            self._lines.append(line)
            self._size += len(line)
        if self._size > _FLUSH_CHARACTERS:
            self.flush()
        elif is_first:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write the lines that wait; logging does so at the end of the process, too."""
        with self.lock or nullcontext():
            text, self._lines, self._size = "".join(self._lines), [], 0
            try:
                if text:
                    self.stream.write(text)
                super().flush()
            except (OSError, ValueError):
                pass  # nobody reads stderr any more, and there is nowhere else to say so


_terminal: Terminal | None = None


def log_to_terminal(level: str) -> None:
    """Write our log lines to stderr, for the standalone server; a host configures its own."""
    global _terminal  # noqa: PLW0603 - loggers are the process's too
    _terminal = Terminal()
    _terminal.setFormatter(logging.Formatter(_LINE))
    _terminal.addFilter(AddRequestId())
    LOGGER.handlers[:] = [_terminal]
    LOGGER.propagate = False
    LOGGER.setLevel(level.upper())


def log_access(method: str, path: str, status: int, started: float) -> None:
    """Write the line of a request that began at `started`, a `time.perf_counter()`."""
    if not _ACCESS.isEnabledFor(logging.INFO):
        return
    milliseconds = (time.perf_counter() - started) * 1000
    if _terminal is not None and _terminal in LOGGER.handlers:
        _terminal.add(f"{method} {path} {status} {milliseconds:.1f} ms")
    else:
        _ACCESS.info("%s %s %s %.1f ms", method, path, status, milliseconds)


def silence_strangers() -> None:
    """Keep the lines of the MCP SDK out of every log: they repeat what servers say, as it came.

    That may be the credentials that a server was sent. It holds for a host's own use of the SDK
    in the same process, too.
    """
    for name in ("mcp", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
