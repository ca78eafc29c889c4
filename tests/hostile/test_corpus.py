"""Every endpoint is sent all that is odd: no fault, no delay, no memory lost, and plain words.

Every request goes to two servers, one of which takes no short path; they must answer alike.
"""

import os
from itertools import count

import pytest

from hostile import corpus
from hostile.endpoints import every_endpoint, places, spelled
from hostile.pair import JSON, Asker

ENDPOINTS = every_endpoint()
# The same as what is at /conversations, which is asked with all bodies.
AGAIN = "/api/v1/conversations"
WITH_BODY = [each for each in ENDPOINTS if each.has_body and not each.path.startswith(AGAIN)]


def share(things, turn, count):
    """One part of many things; each turn has another. All of them with HOSTILE=all."""
    return things if os.environ.get("HOSTILE") == "all" else things[turn % count :: count]


def test_every_endpoint_has_an_example_that_gets_past_its_door(pair):
    first = pair.first_answers.items()
    assert {name: answer for name, answer in first if answer.status_code >= 300} == {}
    assert len(first) == len(ENDPOINTS)


def test_odd_bodies(pair):
    for turn, endpoint in enumerate(WITH_BODY):
        asks = Asker(pair, endpoint)
        light, heavy = corpus.bodies(endpoint.example), corpus.heavy_bodies(endpoint.example)
        for body in [*light, *share(heavy, turn, 6)]:
            asks(body)


def test_bodies_about_as_large_as_may_be(pair):
    for turn, endpoint in enumerate(WITH_BODY):
        asks = Asker(pair, endpoint)
        for body in share(corpus.large_bodies(endpoint.example), turn, 3):
            answer = asks(body)
            assert answer.status_code == 413 or len(body) <= corpus.CAP


def test_odd_values_of_every_member(pair):
    turns = count()
    for endpoint in WITH_BODY:
        asks = Asker(pair, endpoint)
        example = endpoint.example
        for name in (name for name in endpoint.members if isinstance(example, dict)):
            for spelling in [
                *share(corpus.FEW, next(turns), 2),
                *share(corpus.SPELLINGS, next(turns), 10),
            ]:
                asks(spelled(example, (name,), spelling))
        for place in (place for place in places(example) if len(place) > 1):
            for spelling in share(corpus.FEW, next(turns), 4):
                asks(spelled(example, place, spelling))


def test_odd_headers(pair):
    for turn, endpoint in enumerate(ENDPOINTS):
        asks = Asker(pair, endpoint)
        for header in share(corpus.HEADERS, turn, 7):
            asks(headers=[header])
        asks(headers=corpus.MANY)


def test_odd_paths(pair):
    turns = count()
    for endpoint in ENDPOINTS:
        asks = Asker(pair, endpoint)
        for name in endpoint.names:
            for value in share(corpus.NAMES, next(turns), 3):
                asks(odd=(name, value))
        for tail in share(corpus.TAILS, next(turns), 3):
            asks(tail=tail)


def test_odd_queries(pair):
    turns = count()
    for endpoint in ENDPOINTS:
        asks = Asker(pair, endpoint)
        mark = b"&" if endpoint.query else b"?"
        for name in endpoint.parameters:
            for value in share(corpus.VALUES_OF_QUERIES, next(turns), 5):
                named = value.replace(b"{name}", name.encode())
                asks(tail=mark + name.encode() + b"=" + named)


@pytest.mark.parametrize("path", [b"/api/v1/log", b"/health", b"/conversations"])
def test_heads_that_can_be_read_in_two_ways(pair, path):
    for headers in corpus.HEADS:
        pair.both("POST", path, [(b"X-API-Key", b"k"), JSON, *headers], b"{}")


def test_odd_targets(pair):
    for target in corpus.TARGETS:
        for method in ("GET", "POST", "OPTIONS", "HEAD"):
            pair.both(method, target, [(b"X-API-Key", b"k"), JSON], b"{}")
