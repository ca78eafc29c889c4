"""What each process of `llmring-server serve` runs."""

import asyncio
import gc

from fastapi import FastAPI

from llmring_server.app import create_app

# Python looks for garbage after so many new objects; by default 700, which is a few requests.
YOUNG_OBJECTS = 20_000
SETTLED_SECONDS = 1.0


def make_app(*, is_migrated: bool = False) -> FastAPI:
    """Make the app of a process that does nothing else; called by uvicorn, in its event loop."""
    app = create_app(run_migrations=not is_migrated)
    asyncio.get_running_loop().call_later(SETTLED_SECONDS, settle)
    return app


def settle() -> None:
    """Begin to collect garbage, but never again look at what is there by now.

    It stays as long as the process, and looking through it would stop all requests for 0.1 s every
    time. While a server starts there is no collection at all (see `cli.py`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    gc.enable()
