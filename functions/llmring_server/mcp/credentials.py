"""The credentials of a server: what a request carries, sealed at rest, never shown."""

import base64
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from llmring_core.errors import NotConfigured
from llmring_core.sealing import WrongKey, seal, unseal
from llmring_core.secrets_key import keys_of, newest_key
from llmring_core.settings import Settings

# What a field value may hold (RFC 9110, section 5.5), without what is obsolete.
# Lengths stand beside patterns: a pattern that counts to 8000 takes 3 MB and 10 ms to make.
_VALUE = r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$"
_LONGEST = 8000
Token = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=_LONGEST)]
# What frames a request or belongs to the protocol is not the user's to say (RFC 9110, 7.6).
_RESERVED = {
    *(
        "host",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    ),
    *("content-length", "content-type", "content-encoding", "accept", "accept-encoding"),
    "last-event-id",
}


def _is_free(name: str) -> str:
    if name.lower() in _RESERVED or name.lower().startswith("mcp-"):
        raise PydanticCustomError("reserved", "This header is not one for credentials")
    return name


HeaderName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", max_length=100),
    AfterValidator(_is_free),
]
HeaderValue = Annotated[str, StringConstraints(pattern=_VALUE, max_length=_LONGEST)]


class Bearer(BaseModel):
    """A bearer token (RFC 6750)."""

    type: Literal["bearer"]
    token: Token = Field(repr=False)

    def headers(self) -> dict[str, str]:
        """What a request carries."""
        return {"Authorization": f"Bearer {self.token}"}


class Header(BaseModel):
    """A header of any name."""

    type: Literal["header"]
    name: HeaderName
    value: HeaderValue = Field(repr=False)

    def headers(self) -> dict[str, str]:
        """What a request carries."""
        return {self.name: self.value}


class Basic(BaseModel):
    """A user and a password (RFC 7617)."""

    type: Literal["basic"]
    username: Annotated[str, Field(max_length=1000, pattern="^[^:]*$")]
    password: Annotated[str, Field(max_length=1000)] = Field(repr=False)

    def headers(self) -> dict[str, str]:
        """What a request carries."""
        both = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {both}"}


Credentials = Annotated[Bearer | Header | Basic, Field(discriminator="type")]
_ADAPTER: TypeAdapter[Bearer | Header | Basic] = TypeAdapter(Credentials)


def sealed(credentials: Bearer | Header | Basic | None, settings: Settings) -> str | None:
    """Seal credentials with the newest key.

    Raises:
        NotConfigured: there is no key to seal them with.
    """
    if credentials is None:
        return None
    key = newest_key(settings)
    if key is None:
        raise NotConfigured("Credentials can only be kept sealed: set LLMRING_SECRETS_KEY.")
    return seal(credentials.model_dump_json(), key)


def headers_of(sealed_credentials: str | None, settings: Settings) -> dict[str, str]:
    """The headers that credentials put on a request.

    Raises:
        NotConfigured: they were sealed with a key that the settings do not have any more.
    """
    if sealed_credentials is None:
        return {}
    for key in keys_of(settings):
        try:
            return _ADAPTER.validate_json(unseal(sealed_credentials, key)).headers()
        except WrongKey:
            continue
        except (
            ValidationError
        ):  # kept by a version that took more; what it says has the value in it
            raise NotConfigured("Set auth_config of this server again.") from None
    raise NotConfigured(
        "The credentials of this server were sealed with a key that LLMRING_SECRETS_KEY no longer "
        "has: list the old key after the new one, or set auth_config again."
    )
