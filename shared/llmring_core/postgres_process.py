"""How PostgreSQL processes end: with their parent, when asked, or when they were left behind."""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("llmring.local_postgres")

STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1  # prctl(2)


def end_orphan(cluster: Path) -> None:
    """End a PostgreSQL whose owner is gone, and forget one that only seems to be there.

    Called by the owner of the folder, so whatever runs in it runs for nobody. The process id
    that a crash left behind may by now be somebody else's.
    """
    file = cluster / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError, ProcessLookupError):
        pid = int(file.read_text().splitlines()[0])
        if not _runs_in(cluster, pid):
            file.unlink()
            return
        log.warning("ending the PostgreSQL %d that an earlier server left behind", pid)
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and _runs_in(cluster, pid):
            time.sleep(0.02)
        if _runs_in(cluster, pid):
            os.kill(pid, signal.SIGQUIT)


def _runs_in(cluster: Path, pid: int) -> bool:
    """Whether a process is a PostgreSQL at work in a cluster, which is its working folder."""
    import psutil  # comes with the embedded PostgreSQL

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return Path(process.cwd()) == cluster.resolve()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


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
