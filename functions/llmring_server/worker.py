"""What each process of `llmring-server serve` runs."""

import gc

from fastapi import FastAPI

from llmring_server.app import create_app

# Python looks for garbage after so many new objects; by default 700, which is a few requests.
YOUNG_OBJECTS = 20_000


def make_app() -> FastAPI:
    """Make the app of a process that does nothing else.

    What is there by then stays, so the garbage collector need not look at it ever again: it would
    stop all requests for 0.1 s every time. Nor does it while a server starts (see `cli.py`).
    """
    app = create_app()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    gc.enable()
    return app
