"""`schema.sql` is the picture that the migrations draw."""

import re
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from llmring_core import postgres_binaries

PICTURE = Path(str(resources.files("llmring_core"))) / "schema.sql"


@pytest.fixture
async def drawn(database_url):
    """The schema as pg_dump writes it, without what differs from month to month."""
    pg_dump = postgres_binaries.programs(Path("/"), None) / "pg_dump"
    options = ["--schema-only", "--no-owner", "--no-privileges", "--exclude-table=*.*_2*"]
    done = subprocess.run(
        [pg_dump, *options, database_url], capture_output=True, text=True, check=True
    )
    lines = [line for line in done.stdout.splitlines() if not re.match(r"--|SET |SELECT |\\", line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


async def test_the_picture_is_what_the_migrations_draw(drawn, request):
    if request.config.getoption("--draw-schema"):
        PICTURE.write_text(drawn)
    assert PICTURE.read_text() == drawn, "run `make schema`"
