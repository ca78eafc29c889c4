"""How PostgreSQL processes end: with their parent, when asked, or when they were left behind."""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

log = logging.getLogger("llmring.local_postgres")

STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1  # prctl(2)


def end_orphans(cluster: Path, locks: Iterable[Path]) -> None:
    """End the PostgreSQL processes that a server which is gone left at work in a cluster.

    Called by the owner of the folder, so whatever runs in it runs for nobody. Only once nobody is
    at work there may the lock files go: PostgreSQL itself would trust the process id in them,
    which by now may be somebody else's, or a zombie that nobody reaps.
    """
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists():
        return  # the last one ended as it should
    with contextlib.suppress(OSError, ValueError, IndexError):
        first_line = pid_file.read_text().splitlines()[0]
        for process in _at_work_in(cluster):
            if process.pid == int(first_line):
                log.warning("ending the PostgreSQL that an earlier server left behind")
                process.send_signal(signal.SIGINT)
    _wait_for_nobody(cluster)
    for file in (pid_file, *locks):
        file.unlink(missing_ok=True)


def _wait_for_nobody(cluster: Path) -> None:
    """Give processes time to end, and none to those that do not."""
    deadline = time.monotonic() + STOP_SECONDS
    while processes := _at_work_in(cluster):
        if time.monotonic() > deadline:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.02)


def _at_work_in(cluster: Path) -> "list[psutil.Process]":
    """The live processes whose working folder is the cluster: a PostgreSQL and its children."""
    import psutil  # comes with the embedded PostgreSQL

    def is_at_work(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            is_alive = process.status() != psutil.STATUS_ZOMBIE
            return bool(is_alive and process.cwd() == str(cluster.resolve()))
        return False

    return [process for process in psutil.process_iter() if is_at_work(process)]


def stop(child: "subprocess.Popen[bytes]") -> None:
    """Stop PostgreSQL: quickly and cleanly, or else without ceremony, which costs a recovery."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.send_signal(number)
            child.wait(STOP_SECONDS)
            return


def end_with_parent() -> Callable[[], None]:
    """What a child does before it runs a program, so that it ends with the thread that made it."""
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT)

    return ask_kernel
