"""Figures told: rows of a table, the machine they are of, and the file that keeps them."""

import json
import os
import platform
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.databases import run
from bench.environments import FOLDER, keep_out_of_git

FILE = FOLDER / "figures.json"
HEAD = ("workload", "ours", "peer or limit", "ratio", "bar", "reached?")


def row(workload, ours, limit, ratio=None, bar=""):
    """A row of the table; the bar is a sign and a number, with a word or unit after it or not."""
    shown = "–" if ratio is None else f"{ratio:.3g}" if ratio < 100 else f"{ratio:.0f}"
    return (workload, ours, limit, shown, bar or "–", reached(ratio, bar) if bar else "–")


def reached(value, bar):
    sign, number = bar.split()[:2]
    return "yes" if (value >= float(number) if sign == "≥" else value <= float(number)) else "no"


def rate(figures, unit="/s", times=1):
    """How much a second, its latency where it is known, and its failures where there are any."""
    text = f"{figures['rate'] * times:.0f}{unit}"
    if "p50" in figures:
        text += f" (p50 {figures['p50']:.1f}, p99 {figures['p99']:.1f} ms)"
    return text + (f", **{figures['failed']} failed**" if figures["failed"] else "")


def faster(one, other):
    return one["rate"] / other["rate"] if other["rate"] else float("inf")


def machine(stage):
    """One line on what all this ran on."""
    try:
        model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):
        model = platform.processor()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    version = run(stage.postgres.url, "show server_version")
    commit = run(stage.postgres.url, "show synchronous_commit")
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GB, {platform.system()}; "
        f"PostgreSQL {version} with synchronous_commit={commit}; Python "
        f"{platform.python_version()}; server, PostgreSQL and wrk share the machine; medians of "
        f"{stage.rounds} interleaved rounds of {stage.seconds} s; load average before "
        f"{os.getloadavg()[0]:.1f}; {datetime.now(UTC):%Y-%m-%d}"
    )


def write_table(rows, about):
    sys.stdout.write(f"{about}\n\n| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|\n")
    for each in rows:
        sys.stdout.write(f"| {' | '.join(each)} |\n")


def keep(name, series, about):
    """Keep the figures of a workload for the plot, beside those of others that ran before."""
    keep_out_of_git()
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    kept[name] = {"about": about, **series}
    FILE.write_text(json.dumps(kept, indent=1))
