"""`llmring-server receipts keygen`: a new key to sign receipts with."""

import os
import sys
from pathlib import Path

from llmring_core.base64_text import to_base64url
from llmring_core.errors import StartRefused
from llmring_core.key_ring import PRIVATE_KEY
from llmring_core.signing import PrivateKey

OWNER_ONLY = 0o600


def keygen(out: Path | None, key_id: str | None) -> int:
    """Print the three variables of a new key, or write them to a new file of mode 0600.

    Raises:
        StartRefused: the file is there already, or cannot be written.
    """
    text = _variables(PrivateKey.generate(key_id))
    if out is None:
        sys.stdout.write(text)
        return 0
    try:
        # Never seen by others, not even for a moment, and never in place of an earlier key.
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, OWNER_ONLY)
            file.write(text)
    except OSError as error:
        raise StartRefused(f"Cannot write {out}: {os.strerror(error.errno or 0)}.") from error
    sys.stdout.write(f"Wrote {out}, readable by its owner only: variables for the server.\n")
    return 0


def _variables(key: PrivateKey) -> str:
    return (
        f"{PRIVATE_KEY}={key.seed_text()}\n"
        f"LLMRING_RECEIPTS_PUBLIC_KEY_B64={to_base64url(key.public.raw)}\n"
        f"LLMRING_RECEIPTS_KEY_ID={key.key_id}\n"
    )
