"""Calls on their way through a queue: what a message says, and how it gets there (Amazon SQS)."""

import asyncio
import logging
from collections.abc import Sequence
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from llmring_core.calls import LoggedUsage, UsageEntry
from llmring_core.costs import Cost
from llmring_core.errors import StartRefused
from llmring_core.quantities import CostStatus
from llmring_core.usage_log import Numbered

log = logging.getLogger("llmring.queue")

# SQS takes 10 messages and 1 MiB at once (other queues of its kind 256 KiB).
MESSAGES_AT_ONCE = 10
MAX_MESSAGE_BYTES = 200 * 1024
MAX_BYTES_AT_ONCE = 250 * 1024


class QueuedCall(BaseModel):
    """A call with all that its row says, fixed when it was taken."""

    api_key_id: str
    entry: UsageEntry
    logged: LoggedUsage
    pricing: dict[str, Any] | None = None

    @property
    def numbered(self) -> Numbered:
        """The call as it is stored."""
        status: CostStatus = self.logged.cost_status
        return self.entry, Cost(self.logged.cost, status, self.pricing), self.logged


def written(api_key_id: str, call: Numbered) -> str:
    """Write a call as the body of a message."""
    entry, cost, logged = call
    message = QueuedCall(api_key_id=api_key_id, entry=entry, logged=logged, pricing=cost.pricing)
    return message.model_dump_json(exclude_none=True)


class UsageQueue:
    """The queue that takes calls."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client: Any = None
        self._lock = Lock()

    async def put(self, bodies: Sequence[str]) -> list[bool]:
        """Put messages on the queue; says of each whether it surely is there."""
        taken: list[bool] = []
        for part in _parts(bodies):
            taken += await asyncio.to_thread(self._send, part)
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
        """The SQS client; blocks.

        Raises:
            StartRefused: boto3 is not installed.
        """
        with self._lock:
            if self._client is None:
                self._client = _client_for(self.url)
        return self._client


def _client_for(url: str) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise StartRefused("A queue needs boto3: pip install 'llmring-server[aws]'.") from error
    config = Config(connect_timeout=1, read_timeout=25, retries={"total_max_attempts": 2})
    parts = urlsplit(url)
    if (parts.hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return boto3.client("sqs", config=config)
    # Any other server that speaks SQS is asked at the origin of the queue.
    region = boto3.session.Session().region_name or "us-east-1"
    origin = f"{parts.scheme}://{parts.netloc}"
    return boto3.client("sqs", config=config, region_name=region, endpoint_url=origin)


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
