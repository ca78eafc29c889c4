"""PgBouncer in transaction mode, in front of a database."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from support.processes import data_folder, free_port, until

needs_pgbouncer = pytest.mark.skipif(
    not shutil.which("pgbouncer"), reason="pgbouncer is not installed"
)

CONFIGURATION = """
[databases]
pooled = host={host} port=5432 dbname={name} user=llmring
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


@contextmanager
def pooled(database_url):
    """A database behind PgBouncer, which has three connections to it; its URL there."""
    url = urlsplit(database_url)
    host, port = parse_qs(url.query)["host"][0], free_port()
    with data_folder() as folder:
        file = folder / "pgbouncer.ini"
        file.write_text(CONFIGURATION.format(host=host, name=url.path[1:], port=port))
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [shutil.which("pgbouncer"), "-q", *user, str(file)]
        pooler = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            until(lambda: answers(port))
            yield f"postgresql://llmring@127.0.0.1:{port}/pooled"
        finally:
            pooler.terminate()
            pooler.wait()


def answers(port):
    try:
        httpx.get(f"http://127.0.0.1:{port}", timeout=1)
    except httpx.ConnectError:
        return False
    except httpx.HTTPError:
        return True
    return True
