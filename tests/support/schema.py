"""A schema as pg_dump writes it, without what differs from month to month."""

import re
import subprocess
from importlib import resources
from pathlib import Path

from llmring_core import postgres_binaries

PICTURE = Path(str(resources.files("llmring_core"))) / "schema.sql"


def drawn(url):
    """The schema of a database."""
    pg_dump = postgres_binaries.programs(Path("/"), None) / "pg_dump"
    options = ["--schema-only", "--no-owner", "--no-privileges", "--exclude-table=*.*_2*"]
    done = subprocess.run([pg_dump, *options, url], capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if not re.match(r"--|SET |SELECT |\\", line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
