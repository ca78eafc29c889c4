"""`llmring-server`, which also collects its garbage when it is told to by SIGUSR1."""

import ctypes
import gc
import signal
import sys

from llmring_server.cli import main


def _collect(*_: object) -> None:
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)  # what is free goes back, so that it is not counted
    sys.stdout.write("collected\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _collect)
    sys.exit(main())
