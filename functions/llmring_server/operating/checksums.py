"""A checksum at the end of a backup, where pg_restore looks for nothing.

pg_restore itself notices few damages: of bits that were flipped at random in a backup, half changed
what it restored without a word, and some let it run for ever. This finds what a disk or a transfer
did to a file, not what somebody forged.
"""

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import IO

from llmring_core.errors import StartRefused

_MARK = b"\nllmring-server backup, SHA-256 of what is before this line: "
_LINE = re.compile(re.escape(_MARK) + rb"([0-9a-f]{64})\n")
LINE_BYTES = len(_MARK) + 64 + 1
CHUNK_BYTES = 1 << 20


def add_checksum(file: Path) -> None:
    """Write it at the end of a file, and have all of the file on the disk."""
    with file.open("r+b") as opened:
        digest = _digest(opened, file.stat().st_size)
        opened.write(_MARK + digest.encode() + b"\n")
        opened.flush()
        os.fsync(opened.fileno())


def check(file: Path) -> None:
    """See that a file is as it was written.

    Raises:
        StartRefused: it is no plain file, has no checksum, or another one than its content.
        OSError: it cannot be read.
    """
    if not stat.S_ISREG(file.stat().st_mode):
        raise StartRefused(f"{file} is no plain file.")  # what has no end would be read for ever
    size = file.stat().st_size - LINE_BYTES
    with file.open("rb") as opened:
        opened.seek(max(0, size))
        line = _LINE.fullmatch(opened.read())
        if line is None:
            raise StartRefused(
                f"{file} is no backup of llmring-server, or not all of one: its last line is "
                "missing."
            )
        opened.seek(0)
        if _digest(opened, size) != line[1].decode():
            raise StartRefused(f"{file} is damaged: it is not what was written.")


def _digest(opened: IO[bytes], size: int) -> str:
    """SHA-256 of the next bytes of a file, in hexadecimal."""
    digest = hashlib.sha256()
    while size and (chunk := opened.read(min(size, CHUNK_BYTES))):
        digest.update(chunk)
        size -= len(chunk)
    return digest.hexdigest()
