"""How PostgreSQL processes end: with their parent, when asked, or when they were left behind."""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

log = logging.getLogger("llmring.local_postgres")

STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1  # prctl(2)
_CLONE_NEWUSER = 0x10000000  # unshare(2)


def end_orphans(cluster: Path, locks: Iterable[Path]) -> None:
    """End the PostgreSQL processes that a server which is gone left at work in a cluster.

    Called by the owner of the folder, so whatever runs in it runs for nobody. A server that is
    still there is asked to stop; without one, its children have nothing left to finish. Only once
    nobody is at work there may the lock files go: PostgreSQL itself would trust the process id in
    them, which by now may be somebody else's, or a zombie that nobody reaps.
    """
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists():
        return  # the last one ended as it should
    patience = 0.0
    with contextlib.suppress(OSError, ValueError, IndexError):
        first_line = pid_file.read_text().splitlines()[0]
        if int(first_line) in _at_work_in(cluster):
            log.warning("ending the PostgreSQL that an earlier server left behind")
            patience = STOP_SECONDS
            os.kill(int(first_line), signal.SIGINT)
    _wait_for_nobody(cluster, patience)
    for file in (pid_file, *locks):
        file.unlink(missing_ok=True)


def _wait_for_nobody(cluster: Path, patience: float) -> None:
    """Give processes time to end, and none to those that do not."""
    deadline = time.monotonic() + patience
    while processes := _at_work_in(cluster):
        if time.monotonic() >= deadline:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def _at_work_in(cluster: Path) -> list[int]:
    """The live PostgreSQL processes whose working folder is the cluster: a server, its children.

    Not a shell that somebody left in that folder.
    """
    import psutil  # comes with the embedded PostgreSQL

    def is_at_work(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
                return False
            try:
                return bool(process.cwd() == str(cluster.resolve()))
            except psutil.AccessDenied:  # root in a container may not look; the server is named
                return str(cluster) in process.cmdline()
        return False

    return [process.pid for process in psutil.process_iter() if is_at_work(process)]


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
    parent = os.getpid()

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)

    return ask_kernel


def with_a_name() -> Callable[[], None] | None:
    """What a child does before it runs initdb, if our user id has no name in /etc/passwd.

    initdb insists on one. In a user namespace of its own, our id can be one that has a name;
    where the kernel forbids that, initdb says what it misses.
    """
    import pwd  # which Windows has not

    uid = os.geteuid()
    if sys.platform != "linux" or uid == 0 or _has_a_name(uid):
        return None
    named = [entry.pw_uid for entry in pwd.getpwall()] or [uid]
    unshare = ctypes.CDLL(None).unshare
    line = f"{max(named)} {uid} 1".encode()

    def be_named() -> None:
        with contextlib.suppress(OSError):
            unshare(_CLONE_NEWUSER)
            Path("/proc/self/uid_map").write_bytes(line)

    return be_named


def _has_a_name(uid: int) -> bool:
    import pwd

    with contextlib.suppress(KeyError):
        return bool(pwd.getpwuid(uid))
    return False
