"""What the service says of itself."""

from typing import Literal

from pydantic import BaseModel


class Service(BaseModel):
    """The service information at the root."""

    service: Literal["llmring-server"] = "llmring-server"
    version: str
    status: Literal["operational"] = "operational"
    timestamp: str
    endpoints: dict[str, str]


class Health(BaseModel):
    """Whether the server can do its work."""

    status: Literal["healthy", "unhealthy"]
    database: Literal["connected", "disconnected"]
    version: str
    timestamp: str
