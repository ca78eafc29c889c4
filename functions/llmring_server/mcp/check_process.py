"""A process that checks inputs for us, line by line, and can be ended when that takes too long."""

import asyncio
import json
import os
import sys

from llmring_core import deadline
from llmring_core.errors import Unavailable
from llmring_server.mcp import schemas

# How long a process may take to start.
START_SECONDS = 10.0
MAX_ANSWER_BYTES = 1024 * 1024
MAX_MEMORY_BYTES = 1024**3
READY = b"ready\n"


async def started() -> asyncio.subprocess.Process:
    """Start one; raises Unavailable if that takes too long."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"from {__name__} import serve; serve()",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=MAX_ANSWER_BYTES,
        env={
            "PYTHONPATH": os.pathsep.join(sys.path),
            # Without it the Python of Lambda does not start.
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
        },
    )
    is_ready = False
    try:
        async with asyncio.timeout(deadline.at_most(START_SECONDS)):
            is_ready = await _line_of(process) == READY
    except TimeoutError as error:
        raise Unavailable("Inputs cannot be checked now; try again shortly.") from error
    finally:
        if not is_ready:
            await ended(process)
    return process


async def _line_of(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    return await process.stdout.readline()


async def answer_of(process: asyncio.subprocess.Process, question: bytes) -> bytes:
    """Ask it; nothing comes back from one that has died."""
    assert process.stdin is not None  # noqa: S101 - it was asked for
    process.stdin.write(question)
    await process.stdin.drain()
    return await _line_of(process)


async def ended(process: asyncio.subprocess.Process) -> None:
    """End it."""
    if process.returncode is None:
        process.kill()
    await process.wait()


def serve() -> None:
    """What such a process does: read arguments and schema, write what is wrong, line by line."""
    import resource  # which Windows has not

    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    schemas.found({}, {})  # which imports what it needs
    sys.stdout.write(READY.decode())
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(schemas.found(*json.loads(line))) + "\n")
        sys.stdout.flush()
