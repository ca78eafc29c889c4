"""A mixed load on a server that is hurt meanwhile, and what each write was told."""

import itertools
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from mcp.server.mcpserver import MCPServer

from support.processes import HEADERS
from support.projects import RECEIPTS, a_receipt

NO_ANSWER = 0
# What a write that is not done may be answered: nothing, "later", "being done", "nothing to do",
# and that nobody knows whether a tool ran.
REFUSALS = {NO_ANSWER, 503, 409, 422, 504}
CLIENT_SECONDS = 30.0
CONVERSATIONS = 3
ATTEMPTS = 100


@dataclass(eq=False)  # each is one of its own, also while others join them
class Write:
    """A write, where its rows are to be found, and what its client was told."""

    kind: str
    mark: str
    path: str
    body: Any
    # Tables, and what tells this write's row from all others there.
    places: list[tuple[str, str]]
    key: str | None = None
    answer: Any = None
    statuses: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    # What the last refusal said.
    detail: str = ""
    # The 503s that did not say when to come back.
    unhelpful: list[str] = field(default_factory=list)

    @property
    def is_acknowledged(self) -> bool:
        return self.answer is not None

    def send(self, http: httpx.Client, url: str) -> int:
        """Send it, once; the status, or NO_ANSWER."""
        headers = {**HEADERS, **({"Idempotency-Key": self.key} if self.key else {})}
        began, status = time.monotonic(), NO_ANSWER
        try:
            response = http.post(f"{url}{self.path}", json=self.body, headers=headers)
        except httpx.HTTPError:
            pass
        else:
            status = response.status_code
            if status == 200:
                self.answer = response.json()
            else:
                self.detail = str(response.json()["detail"])
            if status == 503 and "Retry-After" not in response.headers:
                self.unhelpful.append(response.text)
        self.statuses.append(status)
        self.seconds.append(time.monotonic() - began)
        return status

    def ids(self) -> set[str]:
        """The ids that the answer names, as the rows have them."""
        if self.kind == "batch":
            return {each["log_id"] for each in self.answer["results"]}
        if self.kind == "messages":
            return set(self.answer["message_ids"])
        names = ("id", "log_id", "message_id")
        return {self.answer[name] for name in names if name in self.answer}


class Load:
    """Workers that write everything there is to write, in a random order that a seed repeats.

    Half of the writes have an Idempotency-Key, and are sent again until they are acknowledged; of
    the others, one that is not acknowledged may be there or not.
    """

    def __init__(self, seed: int, url: str, tool_url: str, kinds: dict[str, int] | None = None):
        """`kinds` says how often which are written, by default all of them."""
        self.seed, self.url = seed, url
        self.writes: list[Write] = []
        self.kinds = kinds or WEIGHTS
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self.random = random.Random(seed)
        self.http = httpx.Client(timeout=CLIENT_SECONDS)
        made = [self._asked("/conversations", {}) for _ in range(CONVERSATIONS)]
        self.conversations = [each["id"] for each in made]
        server = self._asked("/api/v1/mcp/servers", {"name": "load", "url": tool_url})
        self._asked(f"/api/v1/mcp/servers/{server['id']}/refresh", None)
        found = self.http.get(f"{url}/api/v1/mcp/tools", headers=HEADERS).raise_for_status()
        self.tool = found.json()[0]["id"]

    def _asked(self, path: str, body: Any) -> Any:
        response = self.http.post(self.url + path, json=body, headers=HEADERS)
        return response.raise_for_status().json()

    def close(self) -> None:
        self.http.close()

    def new(self, kind: str, chance: random.Random, has_key: bool | None = None) -> Write:
        """A write that was not sent yet."""
        mark = f"{kind}-{next(self._numbers)}"
        write = Write(kind, mark, *KINDS[kind](self, mark, chance))
        if chance.random() < 0.5 if has_key is None else has_key:
            write.key = f"{mark}-{uuid.UUID(int=chance.getrandbits(128))}"
        self.writes.append(write)
        return write

    @contextmanager
    def running(self, workers: int = 6) -> Iterator[None]:
        """Write from so many clients at once until the end of the block."""
        self._stop.clear()
        threads = [
            threading.Thread(target=self._work, args=(self.random.getrandbits(32),))
            for _ in range(workers)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _work(self, seed: int) -> None:
        chance = random.Random(seed)
        kinds, weights = list(self.kinds), list(self.kinds.values())
        with httpx.Client(timeout=CLIENT_SECONDS) as http:
            while not self._stop.is_set():
                (kind,) = chance.choices(kinds, weights)
                self._do(http, self.new(kind, chance))

    def _do(self, http: httpx.Client, write: Write) -> None:
        """Write, and again at once if that can do no harm: the first one may still be under way."""
        while write.send(http, self.url) != 200 and not self._stop.wait(0.02):
            if write.key is None:
                return

    def one_of_each(self) -> dict[str, int]:
        """One write of each kind, sent once; their statuses.

        Again only where somebody else certifies right now, or just certified everything.
        """
        statuses = {}
        for kind in self.kinds:
            write = self.new(kind, self.random, has_key=False)
            attempts = ATTEMPTS if kind == "generate" else 1
            while write.send(self.http, self.url) in (409, 422) and len(write.statuses) < attempts:
                self.new("log", self.random, has_key=False).send(self.http, self.url)
            statuses[kind] = write.statuses[-1]
        return statuses

    def settle(self) -> None:
        """Send what has a key and was not acknowledged once more."""
        for write in self.writes:
            if write.key is not None and not write.is_acknowledged:
                write.send(self.http, self.url)

    def acknowledged(self) -> int:
        return sum(write.is_acknowledged for write in self.writes)

    def statuses(self) -> Counter[int]:
        """How often which status came."""
        return Counter(status for write in self.writes for status in write.statuses)

    def told(self) -> str:
        """What came of the requests, in a few words."""
        statuses = self.statuses()
        errors = statuses.total() - statuses[200]
        return f"{statuses.total()} requests, {errors} of them not done"


def unresolved(writes: Iterable[Write]) -> list[str]:
    """The writes with a key that were not acknowledged in the end, and should have been.

    Whether a tool ran whose end nobody saw, nobody can say; and there may be nothing to certify.
    """
    open_ended = {("tool", 409), ("generate", 422)}
    return [
        f"{write.mark} (key {write.key}) was answered {write.statuses}"
        for write in writes
        if write.key is not None
        and not write.is_acknowledged
        and (write.kind, write.statuses[-1]) not in open_ended
    ]


def a_log(mark: str, chance: random.Random) -> dict[str, Any]:
    return {
        "provider": "openai",
        "model": chance.choice(("gpt-4.1", "gpt-4.1-mini")),
        "input_tokens": chance.randrange(5000),
        "output_tokens": chance.randrange(500),
        "cost": chance.randrange(1000) / 1000,
        "origin": "load",
        "alias": chance.choice((None, "fast", "deep")),
        "id_at_origin": mark,
    }


def _log(load: Load, mark: str, chance: random.Random) -> Any:
    call = a_log(mark, chance)
    if chance.random() < 0.2:
        call["metadata"] = {"conversation_id": chance.choice(load.conversations)}
    return "/api/v1/log", call, [("usage_logs", mark)]


def _batch(_: Load, mark: str, chance: random.Random) -> Any:
    marks = [f"{mark}/{index}" for index in range(chance.randrange(2, 80))]
    calls = [a_log(each, chance) for each in marks]
    return "/api/v1/log/batch", calls, [("usage_logs", each) for each in marks]


def _issue(_: Load, mark: str, chance: random.Random) -> Any:
    receipt = a_receipt(alias=mark, cost={"amount": chance.randrange(100) / 100})
    return f"{RECEIPTS}/issue", receipt, [("receipts", mark)]


def _generate(load: Load, mark: str, chance: random.Random) -> Any:
    body = {"since_last_receipt": True, "description": mark}
    return f"{RECEIPTS}/generate", body, [("receipts", mark)]


def _conversation(_: Load, mark: str, chance: random.Random) -> Any:
    return "/conversations", {"title": mark}, [("conversations", mark)]


def _message(load: Load, mark: str, chance: random.Random) -> Any:
    message = {"role": "user", "content": mark, "input_tokens": chance.randrange(9)}
    path = f"/conversations/{chance.choice(load.conversations)}/messages"
    return path, message, [("messages", mark)]


def _messages(load: Load, mark: str, chance: random.Random) -> Any:
    marks = [f"{mark}/{index}" for index in range(chance.randrange(2, 20))]
    messages = [{"role": "user", "content": each, "output_tokens": 3} for each in marks]
    path = f"/conversations/{chance.choice(load.conversations)}/messages/batch"
    return path, {"messages": messages}, [("messages", each) for each in marks]


def _call(_: Load, mark: str, chance: random.Random) -> Any:
    body = {
        "messages": [{"role": "user", "content": f"{mark}/question"}],
        "response": {"content": f"{mark}/answer", "model": "gpt-4.1"},
        "metadata": {"provider": "openai", "origin": mark, "cost": 0.5, "input_tokens": 7},
    }
    messages = [("messages", f"{mark}/question"), ("messages", f"{mark}/answer")]
    places = [("conversations", mark), ("usage_logs", mark), *messages]
    return "/conversations/log", body, places


def _tool(load: Load, mark: str, chance: random.Random) -> Any:
    path = f"/api/v1/mcp/tools/{load.tool}/execute"
    return path, {"input": {"mark": mark}}, [("tool_executions", mark)]


KINDS = {
    "log": _log,
    "batch": _batch,
    "issue": _issue,
    "generate": _generate,
    "conversation": _conversation,
    "message": _message,
    "messages": _messages,
    "call": _call,
    "tool": _tool,
}
WEIGHTS = dict.fromkeys(KINDS, 1) | {"log": 5, "batch": 2, "message": 2}


def noting_server(noted: list[str]) -> MCPServer:
    """An MCP server whose one tool notes that it was called."""
    server = MCPServer("load")

    @server.tool()
    def note(mark: str) -> str:
        """Note a mark."""
        noted.append(mark)
        return mark

    return server
