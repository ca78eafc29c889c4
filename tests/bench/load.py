"""Our server under load, beside the peer and beside what PostgreSQL can do: one table.

Interleaved rounds in one run, on an embedded PostgreSQL that waits for its disk. It needs wrk
(apt install wrk), and the package index once, for the peer. Compare ratios within a run, not
figures of two runs. The figures are kept in `.bench/figures.json`; `plot.py` draws them.
"""

import argparse
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench import figures, reads, resting, writes
from bench.stage import Stage

# In this order: what fills the database and the memory comes after what it would slow down.
WORKLOADS = {
    "generator": reads.generator,
    "log": writes.log,
    "priced": writes.priced,
    "batch": writes.batch,
    "visible": writes.visible,
    "messages": writes.messages,
    "conversation": reads.conversation,
    "registry": reads.registry,
    "start": resting.start,
    "stats": reads.stats,
    "stats-large": reads.stats_large,
    "log-large": writes.log_large,
    "memory": resting.memory,
}
LARGE = ("stats-large", "log-large")


def main():
    options = parser().parse_args()
    chosen = options.only.split(",") if options.only else WORKLOADS.keys() - LARGE
    chosen = {*chosen, *LARGE} if options.large else set(chosen)
    if unknown := chosen - WORKLOADS.keys():
        sys.exit(f"no such workload: {', '.join(unknown)}")
    if not options.only:
        figures.FILE.unlink(missing_ok=True)  # those of one run, or of none
    if shutil.which("wrk") is None:
        sys.exit("This needs wrk: apt install wrk")
    stage = Stage(options.rounds, options.seconds)
    try:
        measure(stage, [name for name in WORKLOADS if name in chosen])
    finally:
        stage.close()


def parser():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=4, help="of one measurement")
    options.add_argument(
        "--only", metavar="NAME,...", help=f"only some workloads of {', '.join(WORKLOADS)}"
    )
    options.add_argument(
        "--large", action="store_true", help=f"also {' and '.join(LARGE)}: ten million rows"
    )
    return options


def measure(stage, names):
    about, rows = figures.machine(stage), []
    assert stage.ours  # idle, before anything else
    for name in names:
        sys.stderr.write(f"{name}\n")
        more, series = WORKLOADS[name](stage)
        rows += more
        figures.keep(name, series, about)
        sys.stderr.write(f"  memory: {stage.ours.memory():.0f} MB\n")
    figures.write_table(rows, about)
    for line in stage.ours.complaints()[:10]:
        sys.stderr.write(f"our server said: {line}\n")


if __name__ == "__main__":
    main()
