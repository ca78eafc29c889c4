"""The peer: the published llmring-server 0.1.3, in a virtual environment of its own.

It is installed from the package index once, into `.bench/peer` of the checkout, with the newest
FastAPI that it starts on. It runs as its documentation says, under uvicorn with one worker and its
access log, with the settings it has by default; there is no Redis for it, as there is none for us.

Its first migration asks for the extension pgcrypto, for a function (gen_random_uuid) that
PostgreSQL has had built in since version 13. The PostgreSQL of our wheel comes without that
extension, so we take this one line out of the installed migration. Nothing else is changed.
"""

from bench.environments import environment_of
from bench.served import Served

WANTED = ["llmring-server==0.1.3", "fastapi==0.153.*"]
EXTENSION = "CREATE EXTENSION IF NOT EXISTS pgcrypto;\n"


def _without_extension(folder):
    (migration,) = folder.glob(
        "lib/python*/site-packages/llmring_server/migrations/001_complete.sql"
    )
    sql = migration.read_text()
    assert EXTENSION in sql
    migration.write_text(sql.replace(EXTENSION, ""))


def peer(folder, database_url, registry_url):
    """The peer on a database."""
    python = environment_of("peer", *WANTED, then=_without_extension)
    return Served(
        [str(python), "-m", "uvicorn", "llmring_server.main:app"],
        folder,
        LLMRING_DATABASE_URL=database_url,
        LLMRING_REGISTRY_BASE_URL=registry_url,
        LLMRING_REDIS_URL="redis://127.0.0.1:9/0",
        PYTHONPATH="",  # where ours may be
    )
