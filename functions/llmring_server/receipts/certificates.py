"""What goes over the wire about usage logs that a receipt covers. Costs are in USD."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from llmring_core.periods import DAY_OR_TIME, ZONE_NAME
from llmring_server.receipts.fields import Text
from llmring_server.receipts.models import ReceiptCost, ReceiptTokens, UnsignedReceipt, Verdict

MAX_LOG_IDS = 10_000


class Selection(BaseModel):
    """Which usage logs to certify, said in one of four ways."""

    log_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_LOG_IDS)] | None = None
    conversation_id: UUID | None = Field(
        None, description="The calls that named this conversation."
    )
    start_date: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="A date or time (ISO 8601), inclusive.", json_schema_extra=DAY_OR_TIME
    )
    end_date: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="A date or time (ISO 8601), inclusive.", json_schema_extra=DAY_OR_TIME
    )
    tz: Annotated[str, Field(max_length=64)] = Field(
        "UTC", description="The time zone of dates, an IANA name.", json_schema_extra=ZONE_NAME
    )
    since_last_receipt: bool = Field(False, description="All that no receipt covers yet.")
    description: Annotated[str, Field(max_length=1000)] | None = None
    tags: Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=50)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        has_dates = self.start_date is not None or self.end_date is not None
        ways = (
            self.log_ids,
            self.conversation_id,
            has_dates or None,
            self.since_last_receipt or None,
        )
        if sum(way is not None for way in ways) != 1:
            raise PydanticCustomError(
                "selection",
                "Give just one of log_ids, conversation_id, start_date with end_date, "
                "since_last_receipt",
            )
        if has_dates and (self.start_date is None or self.end_date is None):
            raise PydanticCustomError("selection", "start_date and end_date go together")
        return self


class LogSums(BaseModel):
    """Sums over some usage logs."""

    logs: int
    unpriced_logs: int = Field(description="Those whose cost nobody knows; not in the cost.")
    cost: float | None = Field(description="USD; null if all are unpriced.")
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int


class Certified(BaseModel):
    """What a receipt says of the usage logs that it covers."""

    logs: int = Field(description="How many: the size of the tree.")
    unpriced_logs: int
    left_out_awaiting_price: int = Field(
        description="Logs that were asked for, but wait for the registry to be priced."
    )
    is_complete: bool = Field(
        description="False where `since_last_receipt` found more logs than one receipt covers: "
        "these are the oldest, and the next receipt goes on."
    )
    first_logged_at: str
    last_logged_at: str
    by_model: dict[str, LogSums]
    by_alias: dict[str, LogSums]
    selection: dict[str, str] = Field(description="How the logs were asked for.")
    tree: Literal["RFC 6962, SHA-256"] = "RFC 6962, SHA-256"
    merkle_root: str = Field(
        description="SHA-256, in hexadecimal. A leaf is the canonical JSON of a log as "
        "`GET /api/v1/logs` shows it (an unknown cost being null); leaves are in the order of "
        "`logged_at` and `log_id`."
    )


class Draft(BaseModel):
    """What a receipt over usage logs holds before it gets its id, its time and its signature."""

    model: None = None
    alias: None = None
    profile: None = None
    lock_digest: None = None
    tokens: ReceiptTokens
    cost: ReceiptCost
    certified: Certified
    description: str | None = None
    tags: list[str] | None = None


class Receipt(UnsignedReceipt):
    """A signed receipt; further members are signed as they came."""

    id: str
    timestamp: str
    model: Text | None  # type: ignore[assignment]  # null over logs, which may be of many
    cost: ReceiptCost
    key_id: str = Field(description="Names one of `GET /receipts/public-keys.json`.")
    certified: Certified | None = None  # type: ignore[assignment]
    signature: str = Field(  # type: ignore[assignment]
        description="`ed25519:` and base64url without padding, over the RFC 8785 form of all the "
        "other members."
    )


RowStatus = Annotated[
    Literal["intact", "changed", "missing", "unproven"],
    Field(
        description="Whether the log is still what was certified; `unproven` where the leaves on "
        "record are not those that were signed."
    ),
]


class CertifiedLog(BaseModel):
    """A usage log that a receipt covers."""

    log_id: UUID
    leaf_index: int = Field(description="Its place in the tree, from 0.")
    leaf_hash: str = Field(description="SHA-256, in hexadecimal.")
    status: RowStatus
    log: dict[str, Any] | None = Field(description="The log as it is now.")


class InclusionProof(BaseModel):
    """That a receipt covers a usage log; all that is needed to check it offline.

    Followed as RFC 9162, section 2.1.3.2, says, the path leads from the leaf to
    `receipt.certified.merkle_root`.
    """

    receipt: Receipt
    log_id: UUID
    leaf: dict[str, Any] | None = Field(
        description="The log as it is now; the SHA-256 of 0x00 and its canonical JSON is the leaf "
        "hash, unless it was changed."
    )
    status: RowStatus
    leaf_hash: str = Field(description="SHA-256, in hexadecimal.")
    leaf_index: int = Field(description="Its place in the tree, from 0.")
    tree_size: int = Field(description="`receipt.certified.logs`.")
    audit_path: list[str] = Field(
        description="Hashes in hexadecimal, the lowest first (RFC 6962, section 2.1.1); a node is "
        "the SHA-256 of 0x01 and its two children."
    )


class Reverification(Verdict):
    """A stored receipt verified anew, and every log it covers against what was certified."""

    certified_logs: int
    changed: list[UUID]
    missing: list[UUID]
