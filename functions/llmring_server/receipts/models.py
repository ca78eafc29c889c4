"""What goes over the wire: receipts and what is said about them. Costs are in USD."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from llmring_server.receipts.fields import Absent, Count, ReceiptId, Text, Timestamp

# A receipt is about a kilobyte; one that anybody sends must not keep us busy for long. Bodies may
# be larger and nested deeper than receipts: they say the same less tersely, and wrap it.
MAX_RECEIPT_BYTES = 256 * 1024
MAX_BODY_BYTES = 512 * 1024
MAX_RECEIPT_DEPTH = 220


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

    amount: Annotated[float, Field(ge=0)] | None = Field(
        None, description="USD; null where nobody knows the price."
    )
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
    signature: Absent = Field(None, description="There is none yet.")
    certified: Absent = Field(None, description="What only `generate` may say.")

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
