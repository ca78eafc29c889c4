"""Log lines on stderr, for a server that owns its process: as text, or as JSON for a collector."""

import asyncio
import logging
import time
from contextlib import nullcontext
from typing import Any

# Lines of requests are written together, because writing one takes longer than the request.
_FLUSH_SECONDS = 0.1
# What a pipe takes in one piece, so that the lines of several workers do not mix.
_FLUSH_CHARACTERS = 3500
_LINE = "%(asctime)s %(levelname)-7s [%(request_id)s] %(name)s: %(message)s"


def printable(text: str) -> str:
    """A text whose line breaks and control characters a terminal shows, and does not obey."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


def text_lines() -> logging.Formatter:
    """Lines for people."""
    return logging.Formatter(_LINE)


def json_lines() -> logging.Formatter:
    """Lines of JSON, with whatever a record carries beside its message; times in UTC."""
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        ("levelname", "name", "message", "request_id", "project_id"),
        rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
        timestamp=True,
    )


class Terminal(logging.StreamHandler):  # type: ignore[type-arg]  # of whatever stderr is
    """Writes to stderr: the lines of requests a tenth of a second later, all others at once."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json
        self.setFormatter(json_lines() if as_json else text_lines())
        self._lines: list[str] = []
        self._size = 0
        self._second = (0, "")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, after the lines that came before it."""
        self.flush()
        super().emit(record)

    def add(self, record: logging.LogRecord) -> None:
        """Write a record of a request, a little later."""
        self.filter(record)
        self._add(self.format(record))

    def add_text(self, logger: str, request_id: str, text: str) -> None:
        """Write the line of a request as text, faster than a record can be made."""
        now = time.time()
        if int(now) != self._second[0]:
            local = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
            self._second = (int(now), local)
        head = f"{self._second[1]},{int(now % 1 * 1000):03d} INFO    [{request_id}] {logger}"
        self._add(f"{head}: {printable(text)}")

    def _add(self, line: str) -> None:
        with self.lock or nullcontext():
            is_first = not self._lines
            self._lines.append(f"{line}\n")
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


def facts(method: str, path: str, status: int, milliseconds: float) -> dict[str, Any]:
    """What a record of a request carries beside its message."""
    return {
        "method": method,
        "path": path,
        "status": status,
        "duration_ms": round(milliseconds, 1),
    }
