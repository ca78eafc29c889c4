"""Two versions of a definition are compared where that takes no time worth telling."""

import json

import pytest

from llmring_server.mcp import comparing
from llmring_server.mcp.comparing import Comparing


def diff(before, after):
    return Comparing().diff(json.dumps(before), json.dumps(after), 2)


def nested(depth):
    return [] if depth == 0 else [nested(depth - 1)]


def test_a_member_that_changed_is_shown():
    assert '-  "a": 1\n+  "a": 2' in diff({"a": 1}, {"a": 2})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": "x" * 40_000}, {"a": "y" * 40_000}),
        (list(range(1100)), list(range(1, 1101))),
        ({"a": [1] * 1750}, {"a": [1, 2] * 95}),
        (nested(180), nested(181)),
    ],
    ids=["long texts", "many lines", "many equal lines", "deep nesting"],
)
def test_what_would_take_long_is_not_compared(before, after):
    assert diff(before, after).startswith("Too long to be compared: ")


def test_a_long_definition_of_which_little_changed_is_compared():
    before = {f"p{n}": {"type": "string", "title": str(n)} for n in range(100)}
    assert diff(before, {**before, "p50": None}).startswith("--- version 1")


def test_a_page_that_took_its_time_compares_no_more(monkeypatch):
    monkeypatch.setattr(comparing, "PAGE_SECONDS", -1)
    assert diff({"a": 1}, {"a": 2}).startswith("Not compared: ")
