"""A program that limits itself and becomes another: `python launcher.py COMMAND ARGUMENT…`.

It is run as a file, by itself, and so imports nothing of ours.
"""

import ctypes
import os
import signal
import sys

MAX_MEMORY_BYTES = 4 * 1024**3
MAX_FILES = 1024
PR_SET_PDEATHSIG = 1  # prctl(2)


def launch(words: list[str]) -> None:
    """Limit this process, have it end with the one that started it, and become another."""
    import resource  # which Windows has not

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, MAX_FILES))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.execvp(words[0], words)  # noqa: S606 - without a shell is what is wanted


if __name__ == "__main__":
    launch(sys.argv[1:])
