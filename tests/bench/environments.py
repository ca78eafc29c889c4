"""Servers as their users have them: each installed in a virtual environment of its own.

They are made in `.bench` of the checkout, from the package index, when they are not there.
"""

import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".bench"
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install")


def environment_of(name, *wanted, then=lambda folder: None):
    """The Python of an environment with what is wanted in it, made at the first need."""
    folder = FOLDER / name
    python, made = folder / "bin" / "python", folder / ".made"
    if not made.exists():
        keep_out_of_git()
        sys.stderr.write(f"installing {' '.join(map(str, wanted))} into {folder}\n")
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, *PIP, *wanted], check=True)
        then(folder)
        made.touch()
    return python


@cache
def with_our_server():
    """The Python of an environment with this server in it, as the checkout is now."""
    pinned = ROOT / "requirements" / "serve.txt"
    python = environment_of("ours", "--require-hashes", "--no-deps", "-r", pinned)
    subprocess.run(
        [python, *PIP, "--no-deps", "--no-build-isolation", "--force-reinstall", ROOT], check=True
    )
    return python


def keep_out_of_git():
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
