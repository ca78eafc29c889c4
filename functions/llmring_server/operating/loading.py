"""A backup as SQL, run in one transaction that is committed only once all of it was read."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from llmring_core.errors import StartRefused
from llmring_server.operating.postgres_tools import Address, Tools, reason_in

# pg_restore sets it on every server, also on one that does not know it yet (before 17).
NEW_SETTING = b"SET transaction_timeout = 0;\n"
KNOWN_SINCE = 17
HEAD_LINES = 40
CHUNK_BYTES = 1 << 20

Process = subprocess.Popen[bytes]


def load_archive(
    tools: Tools, file: Path, address: Address, begin: str, end: str, *, server_major: int
) -> None:
    """Run a backup between the statements that begin a transaction and those that end it.

    Raises:
        StartRefused: the backup cannot be read to its end, or the database refuses it. Nothing
            was changed.
    """
    read = ["pg_restore", "--no-owner", "--no-privileges", "--file=-", str(file)]
    write = ["psql", "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
    with (
        tempfile.TemporaryFile() as complaints,
        tempfile.TemporaryFile() as refusals,
        _started(tools, read, {}, complaints, stdout=subprocess.PIPE) as reader,
        _started(
            *(tools, [*write, "--dbname", address.url], address.environment, refusals),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        ) as writer,
    ):
        _pump(
            reader,
            writer,
            begin,
            end,
            leave_out=NEW_SETTING if server_major < KNOWN_SINCE else None,
        )
        is_refused = writer.wait() != 0
        if reader.wait() > 0:
            raise StartRefused(f"{file} is damaged: {_said(complaints)}. Nothing was changed.")
        if is_refused:
            raise StartRefused(
                f"The database refused the backup: {_said(refusals)}. Nothing was changed."
            )


def _pump(
    reader: Process, writer: Process, begin: str, end: str, *, leave_out: bytes | None
) -> None:
    source, target = cast("IO[bytes]", reader.stdout), cast("IO[bytes]", writer.stdin)
    try:
        target.write(begin.encode())
        for _ in range(HEAD_LINES):
            line = source.readline()
            if line != leave_out:
                target.write(line)
        shutil.copyfileobj(source, target, CHUNK_BYTES)
        # Without an end there is no commit: half a backup leaves nothing behind.
        if reader.wait() == 0:
            target.write(end.encode())
        target.close()
    except BrokenPipeError:  # the database refused something; its program has ended
        reader.kill()
        with suppress(BrokenPipeError):
            target.close()


@contextmanager
def _started(
    tools: Tools,
    command: Sequence[str],
    environment: dict[str, str],
    errors: IO[bytes],
    **streams: Any,
) -> Iterator[Process]:
    with tools.start(command, environment, stderr=errors, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def _said(errors: IO[bytes]) -> str:
    errors.seek(0)
    return reason_in(errors.read())
