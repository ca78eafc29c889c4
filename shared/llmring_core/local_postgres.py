"""The embedded PostgreSQL of a data folder: started, shared, taken over, stopped."""

import atexit
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from llmring_core import postgres_process
from llmring_core.errors import StartRefused
from llmring_core.postgres_cluster import Cluster

log = logging.getLogger("llmring.local_postgres")

SHORT_LIFE_SECONDS = 5.0
MANY_SHORT_LIVES = 8
PAUSE_SECONDS = 1.0  # before the second start in a row; longer before each further one
LONGEST_PAUSE_SECONDS = 5.0
SHARE_SECONDS = 15.0
ELECTION_SECONDS = 0.2


def default_data_dir() -> Path:
    """The platform's folder for user data; as root one that an unprivileged account can reach."""
    if sys.platform != "win32" and os.geteuid() == 0:
        return Path("/var/lib/llmring-server")
    from platformdirs import user_data_path

    return user_data_path("llmring-server", appauthor=False)


class LocalPostgres:
    """A PostgreSQL that lives as long as a server uses its data folder.

    Whoever holds the lock of the folder owns it: runs PostgreSQL as a child and starts it again
    when it dies. The others share it, wait for the lock, and take over when the owner ends. The
    kernel frees the lock however the owner ends.
    """

    def __init__(self, data_dir: Path, options: Mapping[str, str]) -> None:
        """Use `open`."""
        self._cluster = Cluster(data_dir, options)
        self.url = self._cluster.url
        self.started = False
        self._lock = (data_dir / "owner.lock").open("a")
        os.register_at_fork(after_in_child=self._lock.close)  # or a child would hold it for us
        self._process = os.getpid()
        self._closing = threading.Event()
        self._settled = threading.Event()
        self._refusal: StartRefused | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._own, name="embedded-postgres", daemon=True)

    @classmethod
    def open(cls, data_dir: Path, *, options: Mapping[str, str] | None = None) -> Self:
        """Start the PostgreSQL of a folder, or share the one that runs; returns when it answers.

        Args:
            data_dir: made when it is not there.
            options: further settings of the server, as in postgresql.conf.

        Raises:
            StartRefused: in one line, why that cannot be.
        """
        if sys.platform == "win32":
            raise StartRefused(
                "The embedded PostgreSQL needs Linux or macOS: set LLMRING_DATABASE_URL."
            )
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            local = cls(data_dir.resolve(), options or {})
            local._begin()
        except OSError as error:
            raise StartRefused(
                f"The data folder {data_dir} cannot be used: {error.strerror or error}. "
                "Set LLMRING_DATA_DIR or LLMRING_DATABASE_URL."
            ) from error
        return local

    def close(self) -> None:
        """Stop PostgreSQL if this process owns it; returns when it is gone. Harmless to repeat."""
        if os.getpid() != self._process or self._closing.is_set():
            return  # a forked child is not the owner
        self._closing.set()
        if self._child is not None:
            postgres_process.stop(self._child)
        self._thread.join()
        self._lock.close()
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        """Nothing more to do: it is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _begin(self) -> None:
        self.started = self._try_lock()
        self._thread.start()
        atexit.register(self.close)
        deadline = time.monotonic() + SHARE_SECONDS
        while not self._settled.wait(0.02):
            if not self.started and self._cluster.takes_connections():
                return
            if not self.started and time.monotonic() > deadline:
                self.close()
                raise StartRefused(
                    "Another server holds the data folder, but its PostgreSQL does not answer: "
                    "stop that server, or set LLMRING_DATA_DIR."
                )
        if self._refusal is not None:
            self.close()
            raise self._refusal

    def _try_lock(self) -> bool:
        import fcntl  # which Windows has not

        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _own(self) -> None:
        """The life of the supervising thread. PostgreSQL is its child, so it must not end first."""
        while not self.started:
            if self._closing.wait(ELECTION_SECONDS):
                return
            self.started = self._try_lock()
        try:
            self._cluster.make()
            self._supervise()
        except StartRefused as refusal:
            self._refusal = refusal
            log.error("%s", refusal)  # noqa: TRY400 - it says all there is
        except (OSError, subprocess.SubprocessError) as error:
            self._refusal = StartRefused(f"The embedded PostgreSQL cannot be run: {error}.")
            log.error("%s", self._refusal)  # noqa: TRY400
        finally:
            self._settled.set()

    def _supervise(self) -> None:
        self._start()
        self._settled.set()
        short_lives = 0
        while self._child is not None:
            born = time.monotonic()
            self._child.wait()
            is_short = time.monotonic() - born < SHORT_LIFE_SECONDS
            short_lives = short_lives + 1 if is_short else 0
            if short_lives >= MANY_SHORT_LIVES:
                log.error("the embedded PostgreSQL keeps ending; see %s", self._cluster.log_file)
            pause = PAUSE_SECONDS * max(0, short_lives - 1)
            if self._closing.wait(min(pause, LONGEST_PAUSE_SECONDS)):
                return
            log.warning("the embedded PostgreSQL ended; starting it again")
            try:
                self._start()
            except (StartRefused, OSError) as error:
                log.warning("%s", error)  # a full disk may have room again soon

    def _start(self) -> None:
        self._child = self._cluster.start(self._closing)
        if self._closing.is_set():  # `close` may have come before there was a child to stop
            postgres_process.stop(self._child)
