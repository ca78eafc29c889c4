"""`llmring-server stats`: the sums that statistics are made of, folded and counted by hand."""

import sys

from llmring_server.db_commands import with_database
from llmring_server.usage import summing

SHOWN = 20


def stats_fold() -> int:
    """Fold what was noted of new calls into the sums, as the server does by itself."""
    sys.stdout.write(f"{with_database(summing.fold)} changes were folded into the sums.\n")
    return 0


def stats_recount() -> int:
    """Compare the sums with the rows; 1 if they differ."""
    rows = with_database(summing.recount)
    for row in rows[:SHOWN]:
        where = f"{row['grain']} of {row['start']:%Y-%m-%d %H:%M} UTC, {row['dimension']}"
        sys.stdout.write(
            f"{row['api_key_id']}  {where} {row['name']}: {row['requests']:+d} requests, "
            f"{row['cost']:+} USD\n"
        )
    if rows:
        sys.stdout.write(f"{len(rows)} sums are not what the rows add up to.\n")
        return 1
    sys.stdout.write("Every sum is what the rows add up to.\n")
    return 0
