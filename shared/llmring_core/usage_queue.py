"""Calls on their way through a queue: what a message says, and how it gets there (Amazon SQS)."""

import asyncio
import logging
import re
from collections.abc import Sequence
from decimal import Decimal
from importlib.util import find_spec
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from llmring_core.calls import Logged, LoggedUsage, UsageEntry
from llmring_core.costs import Cost
from llmring_core.errors import StartRefused
from llmring_core.quantities import Usd
from llmring_core.usage_log import Numbered

log = logging.getLogger("llmring.queue")

# SQS takes 10 messages and 1 MiB at once (other queues of its kind 256 KiB).
MESSAGES_AT_ONCE = 10
MAX_MESSAGE_BYTES = 200 * 1024
MAX_BYTES_AT_ONCE = 250 * 1024
# A request waits for this, twice at most, before its calls are written instead.
SEND_SECONDS = 2.0
_AWS = re.compile(r"sqs\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?")


class QueuedUsage(LoggedUsage):
    """What a call was answered; a message leaves out what is null."""

    cost: Usd | None = None


class QueuedCall(BaseModel):
    """A call with all that its row says, fixed when it was taken."""

    api_key_id: str
    entry: UsageEntry
    logged: QueuedUsage
    # As text: the answer has it as a JSON number, which would lose digits on the way.
    cost: Decimal | None = None
    pricing: dict[str, Any] | None = None

    @property
    def numbered(self) -> Numbered:
        """The call as it is stored."""
        told = self.logged
        logged = Logged(told.log_id, self.cost, told.timestamp, told.cost_status)
        return self.entry, Cost(self.cost, told.cost_status, self.pricing), logged


def written(api_key_id: str, call: Numbered) -> str | None:
    """Write a call as the body of a message; None if it is too large, or could not be read again.

    A call that is nested as deep as a request may be is one level deeper in a message.
    """
    entry, cost, logged = call
    message = QueuedCall(
        api_key_id=api_key_id,
        entry=entry,
        logged=QueuedUsage(**logged._asdict()),
        cost=cost.amount,
        pricing=cost.pricing,
    )
    body = message.model_dump_json(exclude_none=True)
    try:
        QueuedCall.model_validate_json(body)
    except ValidationError:
        return None
    return body if len(body.encode()) <= MAX_MESSAGE_BYTES else None


def require_boto3() -> None:
    """Refuse to start without what speaks to a queue; raises StartRefused."""
    if find_spec("boto3") is None:
        raise StartRefused("A queue needs boto3: pip install 'llmring-server[aws]'.")


class UsageQueue:
    """The queue that takes calls."""

    def __init__(self, url: str, *, read_seconds: float = SEND_SECONDS) -> None:
        """`read_seconds` is how long an answer may take: longer for who waits for messages."""
        self.url = url
        self._read_seconds = read_seconds
        self._client: Any = None
        self._lock = Lock()

    async def put(self, bodies: Sequence[str]) -> list[bool]:
        """Put messages on the queue; says of each whether it surely is there."""
        taken: list[bool] = []
        for part in _parts(bodies):
            # Where one portion is not taken at all, the others would only wait as long in vain.
            is_up = not taken or any(taken)
            sent = await asyncio.to_thread(self._send, part) if is_up else [False] * len(part)
            taken += sent
        return taken

    def _send(self, bodies: Sequence[str]) -> list[bool]:
        from botocore.exceptions import BotoCoreError, ClientError

        entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
        try:
            answer = self.client().send_message_batch(QueueUrl=self.url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            log.warning("the queue does not take calls: %s", type(error).__name__)
            return [False] * len(bodies)
        failed = {int(each["Id"]) for each in answer.get("Failed", [])}
        return [index not in failed for index in range(len(bodies))]

    def client(self) -> Any:
        """The SQS client; blocks."""
        with self._lock:
            if self._client is None:
                self._client = _client_for(self.url, self._read_seconds)
        return self._client


def _client_for(url: str, read_seconds: float) -> Any:
    import boto3
    from botocore.config import Config

    seconds = Config(
        connect_timeout=1, read_timeout=read_seconds, retries={"total_max_attempts": 2}
    )
    parts = urlsplit(url)
    if aws := _AWS.fullmatch(parts.hostname or ""):
        return boto3.client("sqs", config=seconds, region_name=aws["region"])
    # Any other server that speaks SQS is asked at the origin of the queue.
    origin = f"{parts.scheme}://{parts.netloc}"
    return boto3.client("sqs", config=seconds, region_name="us-east-1", endpoint_url=origin)


def _parts(bodies: Sequence[str]) -> list[list[str]]:
    """Messages in portions that the queue takes at once."""
    parts: list[list[str]] = []
    size = 0
    for body in bodies:
        size += len(body.encode())
        if not parts or len(parts[-1]) == MESSAGES_AT_ONCE or size > MAX_BYTES_AT_ONCE:
            parts.append([])
            size = len(body.encode())
        parts[-1].append(body)
    return parts
