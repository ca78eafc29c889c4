"""`llmring-server stats`: the sums that statistics are made of, folded and counted by hand."""

import sys
from functools import partial

from llmring_server.db_commands import with_database
from llmring_server.usage import summing

SHOWN = 20


def stats_fold() -> int:
    """Fold what was noted of new calls into the sums, as the server does by itself."""
    sys.stdout.write(f"{with_database(summing.fold)} changes were folded into the sums.\n")
    return 0


def stats_recount(*, repair: bool) -> int:
    """Compare the sums with the rows; 1 if they differ and were not to be repaired."""
    rows = with_database(partial(summing.recount, repair=repair))
    for row in rows[:SHOWN]:
        where = f"{row['grain']} of {row['start']:%Y-%m-%d %H:%M} UTC, {row['dimension']}"
        sys.stdout.write(
            f"{row['api_key_id']}  {where} {row['name']}: {row['requests']:+d} requests, "
            f"{row['cost']:+} USD\n"
        )
    if not rows:
        sys.stdout.write("Every sum is what the rows add up to.\n")
        return 0
    now = "were put right" if repair else "are not what the rows add up to (--repair)"
    sys.stdout.write(f"{len(rows)} sums {now}.\n")
    return 0 if repair else 1
