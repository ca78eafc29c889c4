"""MCP servers that are started on our own machine: only commands that the operator listed.

They speak over stdin and stdout. They inherit nothing of our environment that is ours, are limited
in what they may use, and end with us.
"""

import os
import shlex
import sys

from llmring_core.errors import Forbidden
from llmring_core.settings import Settings
from llmring_server.mcp import launcher


def allowed_command(line: str, settings: Settings) -> list[str]:
    """The command and arguments of a command line that may be started.

    Raises:
        Forbidden: no processes are started here, or not this one.
    """
    if settings.mcp_stdio != "allow" or "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        raise Forbidden(
            "This server starts no processes (LLMRING_MCP_STDIO): a stdio server is the client's to"
            " run and report."
        )
    try:
        words = shlex.split(line)
    except ValueError:
        words = []
    if not words or words[0] not in settings.mcp_stdio_commands:
        raise Forbidden("The command is none of LLMRING_MCP_STDIO_COMMANDS.")
    return words


def limited(words: list[str]) -> tuple[str, list[str]]:
    """The command and arguments that start a command with limits."""
    return sys.executable, ["-I", launcher.__file__, *words]
