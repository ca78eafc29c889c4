"""`kill -9` at random moments under a mixed load: what was acknowledged is there exactly once.

FAULT_ROUNDS says how often each, FAULT_SEED repeats what chance decided.
"""

import os
import time

import pytest

from support.household import Household
from support.processes import HEADERS, run

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "20"))


@pytest.mark.parametrize(
    ("fault", "harm"),
    [
        ("kill -9 of PostgreSQL", Household.kill_postgres),
        ("kill -9 of the server", Household.kill_server),
        ("kill -9 of both", Household.kill_both),
    ],
)
def test_what_was_acknowledged_is_there_exactly_once(household, noted, figures, fault, harm):
    household.start()
    slowest = max(round_of(household, harm) for _ in range(ROUNDS))
    load, findings = household.load, household.assert_honest()
    figures(
        fault,
        rounds=ROUNDS,
        **findings.counts(),
        seen=f"{load.told()}; back within {slowest:.1f} s",
    )
    assert_tools_ran_once(load, noted)
    recount = run("stats", "recount", data_dir=household.folder)
    assert (recount.returncode, recount.stdout) == (0, "Every sum is what the rows add up to.\n")
    assert_receipts_verify(load)


def round_of(household, harm):
    """Load, harm, first requests, comparison; how long the harm took until all was well again."""
    load = household.load
    with load.running():
        time.sleep(household.random.uniform(0.05, 0.6))  # the moment is what chance decides
        began = time.monotonic()
        harm(household)
        took = time.monotonic() - began
        first = load.one_of_each()
    load.settle()
    household.compare()
    assert set(first.values()) == {200}, household.trace(first)
    return took


def assert_tools_ran_once(load, noted):
    """A tool never runs twice for one request, and it ran where that was said."""
    assert len(noted) == len(set(noted))
    said = {write.mark for write in load.writes if write.kind == "tool" and write.is_acknowledged}
    assert said <= set(noted)


def assert_receipts_verify(load):
    certified = [
        write for write in load.writes if write.kind == "generate" and write.is_acknowledged
    ]
    for write in certified[-10:]:
        path = f"{load.url}/api/v1/receipts/{write.answer['id']}/verify"
        assert load.http.get(path, headers=HEADERS).json()["valid"]
