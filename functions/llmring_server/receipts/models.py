"""What goes over the wire: receipts and what is said about them. Costs are in USD."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from llmring_server.receipts.fields import Count, ReceiptId, Text, Timestamp

MAX_LOG_IDS = 10_000
# A receipt is about a kilobyte; one that anybody sends must not keep us busy for long.
MAX_RECEIPT_BYTES = 512 * 1024


class ReceiptTokens(BaseModel):
    """The tokens of a call; the cached ones are part of the input."""

    model_config = ConfigDict(strict=True, extra="allow")

    input: Count
    output: Count
    cached_input: Count | None = None

    @model_validator(mode="after")
    def _cached_is_part_of_input(self) -> Self:
        if (self.cached_input or 0) > self.input:
            raise PydanticCustomError("cached_exceeds_input", "cached_input is larger than input")
        return self


class ReceiptCost(BaseModel):
    """What a call cost."""

    model_config = ConfigDict(strict=True, extra="allow")

    amount: Annotated[int | float, Field(ge=0)] | None = Field(None, description="USD.")
    calculation: Any = Field(None, description="How the amount came about.")


class UnsignedReceipt(BaseModel):
    """A receipt to be signed. Members that are not named here are signed as they came."""

    model_config = ConfigDict(
        strict=True,
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "model": "openai:gpt-4.1",
                    "alias": "summarizer",
                    "profile": "default",
                    "lock_digest": "sha256:0b6bd5f1",
                    "tokens": {"input": 1200, "output": 350, "cached_input": 200},
                }
            ]
        },
    )

    id: ReceiptId | None = Field(None, description="A UUIDv7 when absent.")
    timestamp: Timestamp | None = Field(None, description="RFC 3339; now when absent.")
    model: Annotated[Text, Field(min_length=1)]
    provider: Text | None = Field(None, description="Whose price the model has.")
    alias: Text | None = None
    profile: Text | None = None
    lock_digest: Text | None = None
    tokens: ReceiptTokens
    cost: ReceiptCost | None = Field(None, description="From the registry when absent.")
    key_id: Any = Field(None, description="Of no account: the server's own is put in.")
    signature: None = Field(None, description="There is none yet.")
    certified: None = Field(None, description="What only `generate` may say.")

    _members: dict[str, Any] = PrivateAttr()

    @property
    def members(self) -> dict[str, Any]:
        """What the client sent, untouched."""
        return self._members

    @model_validator(mode="wrap")
    @classmethod
    def _keep_members(cls, members: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        receipt = handler(members)
        receipt._members = members  # noqa: SLF001 - its own
        return receipt


class Submission(BaseModel):
    """A signed receipt to be stored."""

    receipt: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt, and its canonical bytes, signature included, as they are kept and answered."""

    members: dict[str, Any]
    canonical: bytes

    @property
    def id(self) -> str:
        """What the receipt is kept under."""
        return str(self.members["id"])

    def text(self) -> str:
        """The canonical bytes, which are UTF-8, as text."""
        return self.canonical.decode()


class StoredReceipt(BaseModel):
    """The answer to a receipt that was verified and stored."""

    receipt_id: str
    status: Literal["verified"] = "verified"


class Verdict(BaseModel):
    """What verification found."""

    valid: bool
    key_id: str | None = Field(description="The key that the receipt names.")
    reason: str | None = Field(description="The check that failed, and why; null if none did.")


class PublishedKey(BaseModel):
    """A public key that verifies receipts."""

    key_id: str
    public_key: str = Field(description="32 bytes in base64url.")
    algorithm: Literal["Ed25519"] = "Ed25519"
    format: Literal["base64url"] = "base64url"
    status: Literal["active", "rotated"]
    not_before: datetime
    not_after: datetime | None = Field(description="Null for the key that signs.")
    jwk: dict[str, str] = Field(description="The key as RFC 8037 writes it.")


class KeyList(BaseModel):
    """Every key that ever signed, the newest first."""

    keys: list[PublishedKey]
    current_key_id: str | None


class Selection(BaseModel):
    """Which usage logs to certify, said in one of three ways."""

    log_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_LOG_IDS)] | None = None
    start_date: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="A date or time (ISO 8601), inclusive."
    )
    end_date: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="A date or time (ISO 8601), inclusive."
    )
    tz: Annotated[str, Field(max_length=64)] = Field(
        "UTC", description="The time zone of dates, an IANA name."
    )
    since_last_receipt: bool = Field(False, description="All that no receipt covers yet.")
    description: Annotated[str, Field(max_length=1000)] | None = None
    tags: Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=50)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        has_dates = self.start_date is not None or self.end_date is not None
        if [self.log_ids is not None, has_dates, self.since_last_receipt].count(True) != 1:
            raise PydanticCustomError(
                "selection", "Give one of log_ids, start_date with end_date, since_last_receipt"
            )
        if has_dates and (self.start_date is None or self.end_date is None):
            raise PydanticCustomError("selection", "start_date and end_date go together")
        return self


RowStatus = Annotated[
    Literal["intact", "changed", "missing"],
    Field(description="Whether the log is still what was certified."),
]


class CertifiedLog(BaseModel):
    """A usage log that a receipt covers."""

    log_id: UUID
    leaf_index: int = Field(description="Its place in the tree, from 0.")
    leaf_hash: str = Field(description="SHA-256, in hexadecimal.")
    status: RowStatus
    log: dict[str, Any] | None = Field(description="The log as it is now.")


class InclusionProof(BaseModel):
    """That a receipt covers a usage log; all that is needed to check it offline."""

    receipt: dict[str, Any]
    log_id: UUID
    leaf: dict[str, Any] | None = Field(
        description="The log; the SHA-256 of 0x00 and its canonical JSON is the leaf hash."
    )
    status: RowStatus
    leaf_hash: str
    leaf_index: int
    tree_size: int
    audit_path: list[str] = Field(description="RFC 6962, section 2.1.1; the lowest first.")


class Reverification(Verdict):
    """A stored receipt verified anew, and every log it covers against what was certified."""

    certified_logs: int
    changed: list[UUID]
    missing: list[UUID]
