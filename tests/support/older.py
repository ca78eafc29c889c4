"""The SQL of the version before the newest migration, recorded so that no git history is needed.

Before a new migration is committed: `python tests/support/older.py HEAD NAME_OF_THE_MIGRATION`.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

RECORDED = Path(__file__).parents[1] / "faults" / "older_statements.json"
# Several statements each, with names that the code puts in.
SCRIPTS = {"create_month", "drop_month", "create_schema", "create_ledger", "attach_month"}
_PLACEHOLDER = re.compile(r"\{(?!schema\}|mcp_schema\})\w+\}")


def recorded():
    """The migration that came after, and its statements by file and name."""
    values = json.loads(RECORDED.read_text())
    return values["before"], values["statements"]


def record(commit, migration):
    """Write down every statement of a commit."""
    files = _git("ls-tree", "-r", "--name-only", commit, "functions", "shared").splitlines()
    statements = {}
    for file in files:
        if file.endswith(".sql") and "migrations/" not in file and not file.endswith("schema.sql"):
            for part in re.split(
                r"^-- name: ", _git("show", f"{commit}:{file}"), flags=re.MULTILINE
            )[1:]:
                name, _, sql = part.partition("\n")
                if name not in SCRIPTS and not _PLACEHOLDER.search(sql):
                    statements[f"{file}: {name}"] = sql.strip()
    text = json.dumps({"before": migration, "statements": statements}, indent=1)
    RECORDED.write_text(text + "\n")


def _git(*arguments):
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    record(*sys.argv[1:])
