"""Two servers for all tests of this folder, and a table of what came of it."""

import logging

import pytest

from hostile.endpoints import every_endpoint
from hostile.pair import Figures, two_servers, warm_up

# After everything was asked for once, thousands of requests may leave so much: caches that fill
# up to their limits, prepared statements, holes. A leak of 10 KB a request leaves more.
MARGIN_BYTES = 32 * 1024**2
MOST_TOLD = 40


@pytest.fixture(scope="session")
def servers():
    with two_servers() as pair:
        warm_up(pair)
        yield pair


@pytest.fixture
def pair(servers, record_property):
    """The two servers, which answer in order and have as much memory afterwards as before."""
    servers.figures = figures = Figures()
    before = [each.memory() for each in servers.servers]
    logging.disable(logging.INFO)  # the MCP server, which is in this process, draws its lines
    try:
        yield servers
    finally:
        logging.disable(logging.NOTSET)
    after = [each.memory() for each in servers.servers]
    record_property("hostile", _line(figures, before, after))
    told = map(str, figures.problems[:MOST_TOLD])
    assert not figures.problems, "\n".join([f"{len(figures.problems)} problems", *told])
    for old, new in zip(before, after, strict=True):
        assert new - old < MARGIN_BYTES, (old, new)


def _line(figures, before, after):
    sizes = " and ".join(
        f"{old / 1024**2:.0f} → {new / 1024**2:.0f} MB"
        for old, new in zip(before, after, strict=True)
    )
    return (
        f"{len(every_endpoint())} endpoints, {figures.requests} requests, {figures.faults} faults; "
        f"slowest {figures.slowest * 1000:.0f} ms ({figures.slowest_request}); memory {sizes}"
    )


def pytest_terminal_summary(terminalreporter):
    """Print the figures, however many processes ran the tests."""
    lines = [
        f"{report.nodeid.rpartition('::')[2]}: {value}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "teardown"
        for name, value in report.user_properties
        if name == "hostile"
    ]
    if lines:
        terminalreporter.section("hostile input")
        for line in sorted(lines):
            terminalreporter.write_line(line)
