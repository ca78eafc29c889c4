"""One PostgreSQL data folder: made, started, asked, stopped."""

import contextlib
import hashlib
import logging
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from llmring_core.errors import StartRefused
from llmring_core.postgres_binaries import account_for, as_account, programs
from llmring_core.postgres_process import end_orphans, end_with_parent, stop, with_a_name

log = logging.getLogger("llmring.local_postgres")

USER = DATABASE = "llmring"
PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
START_SECONDS = 300.0  # a recovery has much to replay on a slow disk
RETRY_SECONDS = 30.0
MAX_SOCKET_PATH = 100  # the kernel takes 107 bytes on Linux and 103 on macOS
MAX_LOG_BYTES = 10 * 1024 * 1024
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
# One call instead of an fsync of each of a thousand files; only Linux has it.
_QUICK_RECOVERY = {"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}
_STILL_THERE = ("postmaster.pid", "shared memory")


class Cluster:
    """The data folder of a PostgreSQL and the programs that run it."""

    def __init__(self, data_dir: Path, options: Mapping[str, str]) -> None:
        """Name everything; nothing is touched yet."""
        self.path = data_dir / "postgres"
        self.log_file = data_dir / "postgres.log"
        self.sockets = _socket_folder(data_dir)
        self.url = f"postgresql://{USER}@/{DATABASE}?host={quote(str(self.sockets))}&port={PORT}"
        self._options = options
        self._account = account_for(self.path)
        self._programs = Path()

    def make(self) -> None:
        """Make the cluster if there is none yet; only the owner of the folder may.

        It is made aside and then renamed, so that a kill leaves nothing half-made.

        Raises:
            StartRefused: it cannot be run from here, initdb failed, or the folder belongs to
                another major version.
        """
        self._let_pass(self.path.parent)
        self._programs = programs(self.path.parent, self._account)
        if not self.sockets.exists():
            self.sockets.mkdir(mode=0o700)
            self._own(self.sockets)
        self._check_sockets()
        if self.path.exists():
            self._check_version()
            return
        for left_over in self.path.parent.glob("postgres.new-*"):
            shutil.rmtree(left_over)
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.path.parent))
        try:
            self._fill(fresh)
        except StartRefused:
            shutil.rmtree(fresh, ignore_errors=True)  # a full disk needs the room
            raise
        fresh.rename(self.path)

    def _fill(self, fresh: Path) -> None:
        self._own(fresh)
        self._run(
            *("initdb", "-D", str(fresh), "-U", USER, "--auth=trust", "--encoding=UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *("--data-checksums", "--no-instructions"),
        )
        self._run(
            "postgres",
            "--single",
            "-D",
            str(fresh),
            "postgres",
            say=f"create database {DATABASE};\n",
        )

    def start(self, closing: threading.Event) -> "subprocess.Popen[bytes]":
        """Start PostgreSQL as a child of this thread, and return once it takes connections.

        Or, stopped, when there is no more use for it.

        The child dies with the *thread* that starts it (prctl(2)), where the kernel knows how.

        Raises:
            StartRefused: it does not start; the message has its reason.
        """
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            end_orphans(self.path, [self.sockets / f"{SOCKET_NAME}.lock"])
            child, log_start = self._spawn()
            if self._is_up(child, closing):
                return child
            reason = self._reason(log_start)
            if child.poll() is None:
                stop(child)
                reason = f"it takes no connections after {START_SECONDS:.0f} s"
            if closing.is_set():
                return child
            # Processes of a PostgreSQL that was killed need a moment to notice.
            if time.monotonic() > deadline or not any(word in reason for word in _STILL_THERE):
                raise StartRefused(
                    f"The embedded PostgreSQL does not start: {reason} (see {self.log_file})."
                )
            time.sleep(0.1)

    def takes_connections(self) -> bool:
        """Whether a PostgreSQL answers at the socket: the first exchange of its protocol."""
        body = struct.pack("!i", 196608) + f"user\0{USER}\0database\0{DATABASE}\0\0".encode()
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            self._check_sockets()
            connection.settimeout(1.0)
            connection.connect(str(self.sockets / SOCKET_NAME))
            connection.sendall(struct.pack("!i", len(body) + 4) + body)
            return connection.recv(1) == b"R"
        return False

    def _is_up(self, child: "subprocess.Popen[bytes]", closing: threading.Event) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while child.poll() is None and not closing.is_set() and time.monotonic() < deadline:
            if self.takes_connections():
                return True
            time.sleep(0.01)
        return False

    def _spawn(self) -> "tuple[subprocess.Popen[bytes], int]":
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "port": str(PORT),
            "max_connections": "200",
            "jit": "off",  # compiling takes longer than any statement of ours
            "timezone": "UTC",
            "log_timezone": "UTC",
            **_QUICK_RECOVERY,
            **self._options,
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.log_file.touch(mode=0o600)  # it may quote what is in a row
        if self.log_file.stat().st_size > MAX_LOG_BYTES:
            self.log_file.write_bytes(b"")
        with self.log_file.open("ab") as output:
            log_start = output.tell()
            child = subprocess.Popen(  # noqa: S603
                [self._programs / "postgres", "-D", self.path, *flags],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,  # a Ctrl-C in the terminal is for us; we stop it then
                preexec_fn=end_with_parent() if sys.platform == "linux" else None,  # noqa: PLW1509
                **as_account(self._account),
            )
        return child, log_start

    def _run(self, program: str, *arguments: str, say: str = "") -> None:
        done = subprocess.run(  # noqa: S603
            [self._programs / program, *arguments],
            input=say,
            capture_output=True,
            text=True,
            cwd="/",
            env=_ENVIRONMENT,
            check=False,
            preexec_fn=with_a_name(),
            **as_account(self._account),
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            told = [line for line in lines if "FATAL:" in line or "error:" in line]
            reason = (told or lines)[0]
            raise StartRefused(
                f"The embedded PostgreSQL could not be set up in {self.path.parent}: {reason} "
                "(or set LLMRING_DATABASE_URL)."
            )

    def _check_version(self) -> None:
        made_by = (self.path / "PG_VERSION").read_text().strip()
        answer = subprocess.run(  # noqa: S603
            [self._programs / "postgres", "--version"], capture_output=True, text=True, check=True
        )
        ours = answer.stdout.split()[2].partition(".")[0]
        if made_by != ours:
            raise StartRefused(
                f"{self.path} was made by PostgreSQL {made_by}, but this is {ours}: dump it with "
                "the old version, or choose another LLMRING_DATA_DIR."
            )

    def _reason(self, log_start: int) -> str:
        with self.log_file.open("rb") as output:
            output.seek(log_start)
            lines = output.read().decode(errors="replace").splitlines()
        fatal = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
        return (fatal or lines or ["no reason given"])[-1]

    def _let_pass(self, data_dir: Path) -> None:
        if self._account is None:
            return
        data_dir.chmod(data_dir.stat().st_mode | 0o711)
        folder = self._account.blocked_at(data_dir)
        if folder is not None:
            raise StartRefused(
                f"{data_dir} cannot be used as root: PostgreSQL runs as an unprivileged user, who "
                f"cannot pass {folder}. Set LLMRING_DATA_DIR to a folder such as "
                "/var/lib/llmring-server."
            )

    def _check_sockets(self) -> None:
        """Refuse a socket folder that somebody else may have put there."""
        uid = self._account.uid if self._account else os.geteuid()
        status = self.sockets.lstat()
        if status.st_uid != uid or status.st_mode & 0o77:
            raise StartRefused(f"{self.sockets} must be a folder that belongs to user {uid} alone.")

    def _own(self, folder: Path) -> None:
        if self._account is not None:
            os.chown(folder, self._account.uid, self._account.gid)


def _socket_folder(data_dir: Path) -> Path:
    """The folder of the socket, the same for all who share the data folder."""
    folder = data_dir / "run"
    if len(os.fsencode(folder / SOCKET_NAME)) <= MAX_SOCKET_PATH:
        return folder
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    return Path("/tmp") / f"llmring-{name}"  # noqa: S108 - owner and mode are checked
