"""A real server on a real PostgreSQL, and schemathesis, which asks it."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from llmring_core.signing import PrivateKey
from support.mcp import KEYS
from support.processes import Server, data_folder, run, until

HERE = Path(__file__).parent
ADMIN_TOKEN = "hostile-" + "0" * 32
SEED = "8"


@pytest.fixture
async def variables(database_url, upstream):
    """The environment of the server: everything is set up, nothing beyond loopback is reached."""
    return {
        "LLMRING_DATABASE_URL": database_url,
        "LLMRING_REGISTRY_BASE_URL": upstream.url,
        "LLMRING_RECEIPTS_PRIVATE_KEY_B64": PrivateKey.generate().seed_text(),
        "LLMRING_SECRETS_KEY": KEYS[0],
        "LLMRING_KEY_PEPPER": KEYS[1],
        "LLMRING_ADMIN_TOKEN": ADMIN_TOKEN,
        "LLMRING_METRICS": "true",
        "LLMRING_LOG_LEVEL": "warning",
    }


@pytest.fixture
async def schemathesis(variables):
    """Runs schemathesis against a server; what it prints, if it found anything."""

    async def ask(*options: str, mode: str) -> str:
        return await asyncio.to_thread(asked, options, mode)

    def asked(options: tuple[str, ...], mode: str) -> str:
        with data_folder() as folder:
            settings = {**variables, "LLMRING_AUTH_MODE": mode}
            key = _key(folder, settings) if mode == "registered" else "any-key"
            # In open mode any key is a project of its own: there is nothing that could be enforced.
            checks = [] if mode == "registered" else ["--exclude-checks", "ignored_auth"]
            server = Server(data_dir=folder, **settings)
            try:
                until(server.is_healthy)
                return _asked(server, folder, [*options, *checks], key)
            finally:
                server.close()

    return ask


def _key(folder: Path, settings: dict[str, str]) -> str:
    run("db", "migrate", data_dir=folder, **settings)
    made = run("keys", "create", "--project", "hostile", data_dir=folder, **settings)
    return re.search(r"lr_\S+", made.stdout)[0]


def _asked(server: Server, folder: Path, options: list[str], key: str) -> str:
    command = [sys.executable, "-m", "schemathesis.cli"]
    config = ["--config-file", str(HERE / "schemathesis.toml")]
    where = f"http://127.0.0.1:{server.port}/openapi.json"
    done = subprocess.run(
        [*command, *config, "run", where, "--seed", SEED, "--no-color", *options],
        cwd=folder,
        env={
            **os.environ,
            "HOSTILE_KEY": key,
            "HOSTILE_ADMIN_TOKEN": ADMIN_TOKEN,
            "HOSTILE_HOOKS": str(HERE / "schemathesis_hooks.py"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert " generated" in done.stdout, done.stdout + done.stderr
    sys.stdout.write(done.stdout)
    return done.stdout if done.returncode else ""
