"""`llmring-server serve`: sockets, the embedded database, the first lines, uvicorn."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from llmring_core import telemetry, tracing
from llmring_core.database import Database
from llmring_core.errors import StartRefused, Unavailable
from llmring_core.key_count import count
from llmring_core.key_ring import PRIVATE_KEY, KeyRing
from llmring_core.migrate import migrate
from llmring_core.secrets_key import keys_of
from llmring_core.settings import Settings
from llmring_server.db_commands import database_url, run_on
from llmring_server.embedded import leave
from llmring_server.first_lines import Found, first_lines
from llmring_server.own_pepper import needs_pepper, own_pepper, with_given_pepper
from llmring_server.slow_clients import BoundedPatience
from llmring_server.told_workers import keep_to_itself, shared_metrics, tell_workers

if TYPE_CHECKING:
    from fastapi import FastAPI

# For requests under way; the rest of ten seconds is for what is closed after them.
SHUTDOWN_SECONDS = 6


def serve(host: str, port: int, *, reload: bool, workers: int) -> int:
    """Serve until a signal ends it.

    Raises:
        StartRefused: the address is taken, a setting is wrong, the database cannot be used.
    """
    settings = Settings.from_env()
    keys_of(settings)  # a wrong one stops the start
    if settings.tracing:
        tracing.require()
    signal.signal(signal.SIGTERM, leave)
    with _listener(host, port) as listener, database_url(settings) as url:
        tell_workers(settings, url)
        if settings.auth_mode == "registered":
            settings = with_given_pepper(settings)
        may_call_itself = keep_to_itself(listener.getsockname()[0], settings)
        found = _prepare(settings, url)
        for line in first_lines(settings, listener, found, may_call_itself):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        telemetry.log_to_terminal(settings.log_level, as_json=settings.log_format == "json")
        with shared_metrics(settings, workers):
            _run(listener, reload=reload, workers=workers, is_migrated=found is not None)
    return 0


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise StartRefused(
            f"Cannot listen at {host} port {port}: {reason}. Choose another with --host or --port."
        ) from error


def _prepare(settings: Settings, url: str | None) -> Found | None:
    """Migrate before any worker starts, and look at the keys; None if the database is away.

    What is refused is then refused in one line.
    """

    async def find(database: Database) -> Found:
        await migrate(database)
        pepper = await own_pepper(settings, database) if needs_pepper(settings) else None
        return Found(await _who_signs(KeyRing(settings, database)), await count(database, pepper))

    try:
        return asyncio.run(run_on(settings, url, find))
    except Unavailable as error:
        sys.stderr.write(f"llmring-server: {error} Requests get 503 until it does.\n")
        return None


async def _who_signs(keys: KeyRing) -> str:
    own = await keys.prepare()
    if not keys.is_to_sign or own is None:
        return f"no (set {PRIVATE_KEY})"
    if own.not_after is not None:
        return f"no ({keys.rotated_out()})"
    return f"yes, with key {own.public.key_id}"


def _run(listener: socket.socket, *, reload: bool, workers: int, is_migrated: bool) -> None:
    config = uvicorn.Config(
        _here(is_migrated) if workers == 1 and not reload else "llmring_server.worker:make_app",
        factory=True,
        http=BoundedPatience,
        ws="none",
        reload=reload,
        workers=workers,
        access_log=False,
        log_config=None,  # its lines go where ours go
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # nothing here depends on who the client says it is
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = uvicorn.Server(config)
    if reload:
        from uvicorn.supervisors import ChangeReload

        ChangeReload(config, target=server.run, sockets=[listener]).run()
    elif workers > 1:
        from uvicorn.supervisors import Multiprocess

        Multiprocess(config, sockets=[listener]).run()
    else:
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return


def _here(is_migrated: bool) -> "Callable[[], FastAPI]":
    """What makes the app in this very process, which need not look at the schema twice."""
    from llmring_server.worker import make_app

    return partial(make_app, is_migrated=is_migrated)
