"""What a server needs, as `llmring-server doctor` is to find it."""

import asyncio

import asyncpg
import pytest

from llmring_core.base64_text import to_base64url
from llmring_server.cli import main
from support.examined import SECRETS_KEY


@pytest.fixture
def usual(database_url, upstream, tmp_path):
    return {
        "LLMRING_DATABASE_URL": database_url,
        "LLMRING_REGISTRY_BASE_URL": upstream.url,
        "LLMRING_DATA_DIR": str(tmp_path / "data"),
        "LLMRING_SECRETS_KEY": to_base64url(SECRETS_KEY),
    }


@pytest.fixture
def examined(usual, tmp_path, monkeypatch, capsys):
    """Has a server's surroundings examined: levels and lines by name, and the exit status."""
    monkeypatch.chdir(tmp_path)

    async def examine(**changes):
        for name, value in {**usual, **changes}.items():
            monkeypatch.setenv(name, value)
        status = await asyncio.to_thread(main, ["doctor"])
        lines = capsys.readouterr().out.splitlines()
        return {line[9:22].strip(): (line[:7].strip(), line[24:]) for line in lines}, status

    return examine


@pytest.fixture
def sql(database_url):
    async def execute(statement, *arguments, url=database_url):
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            await connection.close()

    return execute
