"""Real processes, hurt on purpose: a data folder each, and one table of what came of it."""

from dataclasses import asdict, dataclass

import pytest

from support.household import Household
from support.load import noting_server
from support.mcp import serving
from support.processes import data_folder

_COLUMNS = ("fault", "rounds", "acknowledged", "lost", "duplicated", "seen")


@dataclass(frozen=True)
class Figures:
    """A line of the table: what was done, how often, and what became of acknowledged writes."""

    fault: str
    rounds: int = 1
    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    seen: str = ""


@pytest.fixture
def figures(record_property):
    """Adds a line to the table: `figures("kill -9 of PostgreSQL", rounds=20, acknowledged=…)`."""

    def add(fault, **counts):
        record_property("figures", asdict(Figures(fault, **counts)))

    return add


@pytest.fixture
def folder():
    with data_folder() as folder:
        yield folder


@pytest.fixture
def noted():
    """What the tool of the MCP server of a load noted: its mark, each time that it ran."""
    return []


@pytest.fixture
def household(folder, noted):
    """A server to be started and hurt, and a load for it."""
    with serving(noting_server(noted).streamable_http_app()) as port:
        household = Household(folder, f"http://127.0.0.1:{port}/mcp")
        yield household
        household.close()


def pytest_terminal_summary(terminalreporter):
    """Print the table, however many processes ran the tests."""
    lines = [
        [str(value[column]) for column in _COLUMNS]
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == "figures"
    ]
    if not lines:
        return
    terminalreporter.section("faults")
    rows = [list(_COLUMNS), *sorted(lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminalreporter.write_line("  ".join(cells).rstrip())
