"""Clients that begin and do not go on, for which uvicorn would wait for ever."""

import asyncio
import time
from typing import cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from llmring_core import edge, problems, telemetry
from llmring_server.joined_writes import JoinedWrites

# From connecting, or from the first byte of a later request, to the end of the headers.
HEAD_SECONDS = 20.0
# Without a byte of a body, and for the whole of a request.
BODY_SECONDS = 30.0
REQUEST_SECONDS = 300.0
# Without a byte of an answer taken.
ANSWER_SECONDS = 60.0
CHECK_SECONDS = 5.0
# What may come that is neither a body nor the end of the headers: headers, trailers, extensions.
HEAD_BYTES = 64 * 1024


class BoundedPatience(JoinedWrites):
    """Answers HTTP/1.1 to clients that are there, and ends the connections of those that are not.

    A connection looks at itself every few seconds, so that a request costs no timer.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak to a client."""
        super().connection_made(transport)
        self._begun = self._heard = self._taken = self.loop.time()
        self._untaken = 0  # bytes of answers
        self._odd_bytes = 0
        self._went_on = False
        self._next_check = self.loop.call_later(CHECK_SECONDS, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client that has left."""
        self._next_check.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what a client sent."""
        self._heard = self.loop.time()
        self._went_on = False
        super().data_received(data)
        self._odd_bytes = 0 if self._went_on else self._odd_bytes + len(data)
        if self._odd_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431, "headers-too-large", f"Headers may have {HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """Note when a request begins."""
        self._begun = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that it goes on."""
        self._went_on = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note that it goes on."""
        self._went_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that it has come."""
        self._went_on = True
        super().on_message_complete()

    def _check(self) -> None:
        self._next_check = self.loop.call_later(CHECK_SECONDS, self._check)
        now = self.loop.time()
        untaken = self.transport.get_write_buffer_size()
        if untaken == 0 or untaken != self._untaken:
            self._untaken, self._taken = untaken, now
        if now - self._taken > ANSWER_SECONDS:
            self.transport.abort()
        elif not self.transport.is_closing() and self._keeps_waiting(now):
            self._refuse(408, "request-timeout", "The rest of the request did not come in time.")

    def _keeps_waiting(self, now: float) -> bool:
        """Whether we wait for a client, and have done so for too long."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete:
            # Between two requests uvicorn has a timer of its own.
            is_resting = self.timeout_keep_alive_task is not None
            return not is_resting and now - self._begun > HEAD_SECONDS
        if not cycle.more_body or self.flow.read_paused:
            return False  # it is our turn
        return now - self._heard > BODY_SECONDS or now - self._begun > REQUEST_SECONDS

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP; uvicorn's own answer is no problem, and in no log."""
        self._refuse(400, "bad-request", msg)

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Say why, unless the request was or is being answered, and end the connection."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete:
            if not cycle.response_started:  # the app waits for the rest, and notes the request
                asked = cast("Scope", cycle.scope)
                self._answer(asked, status, code, detail)
                asked["state"][edge.CUT_SHORT] = status
        elif cycle is None or not cycle.more_body:
            scope: Scope = {"type": "http", "method": "-", "path": "-", "headers": []}
            self._answer(scope, status, code, detail, seconds=self.loop.time() - self._begun)
        self.transport.close()

    def _answer(
        self, scope: Scope, status: int, code: str, detail: str, seconds: float | None = None
    ) -> None:
        """Write a problem, with the headers of all answers.

        `seconds` is how long it took, for the log and the metrics; None where the app notes it.
        """
        identifier = edge.identify(scope, dict(scope["headers"]).get(b"x-request-id"))
        token = telemetry.begin_request(identifier)
        answer = problems.problem(status, code, detail)
        answer.headers.update({"Connection": "close", "X-Request-Id": identifier})
        edge.secure(answer.headers)
        lines = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + bytes(answer.body))
        if seconds is not None:
            edge.note(scope, scope, status, time.perf_counter() - seconds)
        telemetry.request_id.reset(token)
