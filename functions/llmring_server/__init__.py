"""llmring-server: usage logs with exact costs, receipts, conversations, MCP, the model registry."""

from typing import TYPE_CHECKING, Any

from llmring_core import __version__

if TYPE_CHECKING:
    from llmring_server.app import create_app

__all__ = ["__version__", "create_app"]


def __getattr__(name: str) -> Any:
    # Loaded only when asked for: a Lambda function imports this package and needs one group.
    if name == "create_app":
        from llmring_server.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
