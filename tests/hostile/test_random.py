"""Requests that would be taken, changed at random: nobody thought of them, and none is a fault.

On CI the same ones are made each time (Hypothesis's own profile for it); elsewhere new ones.
`HOSTILE_SECONDS=600` goes on for longer.
"""

import json
import os
import time
from urllib.parse import quote

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hostile.endpoints import every_endpoint, places
from hostile.pair import Asker

SECONDS = float(os.environ.get("HOSTILE_SECONDS", "8"))
MOST_A_SECOND = 60
# Deleting what all others ask for would leave nothing to ask for.
LASTING = [each for each in every_endpoint() if each.method != "DELETE"]

TEXTS = st.text(max_size=40) | st.sampled_from(
    ["2026-03-01", "1e400", "\x00", "\ud800", "__proto__", "x" * 300, "{{a}}", "../..", "NaN"]
)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([2**53, 2**63, -0.0, 1e308])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [b"Accept", b"Idempotency-Key", b"Content-Encoding", b"If-None-Match", b"Origin", b"X-API-Key",
     b"Range", b"traceparent", b"Cookie", b"X-Forwarded-For", b"Content-Type", b"Authorization"]
)  # fmt: skip
FIELD = st.binary(max_size=60).map(lambda value: value.translate(None, b"\r\n\x00"))


@st.composite
def changed_bodies(draw, example):
    """A body that would be taken, after some changes to its members and perhaps to its bytes."""
    value = json.loads(json.dumps(example))
    for _ in range(draw(st.integers(0, 3))):
        within = list(places(value)) if isinstance(value, dict | list) else []
        if not within:
            break
        *way, last = draw(st.sampled_from(within))
        holder = value
        for key in way:
            holder = holder[key]
        if draw(st.booleans()):
            holder[last] = draw(VALUES)
        elif isinstance(holder, dict):
            holder[draw(TEXTS)] = holder.pop(last)
        else:
            holder.insert(last, draw(VALUES))
    body = json.dumps(value).encode()
    if draw(st.integers(0, 4)) == 0:
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 5)))
        body = body[:start] + draw(st.binary(max_size=6)) + body[end:]
    return body


@st.composite
def requests(draw):
    """An endpoint, and what to ask it."""
    endpoint = draw(st.sampled_from(LASTING))
    body = draw(changed_bodies(endpoint.example)) if endpoint.has_body else None
    named = st.sampled_from(endpoint.parameters) if endpoint.parameters else TEXTS
    pairs = draw(st.lists(st.tuples(named | TEXTS, TEXTS), max_size=3))
    query = "&".join(
        "=".join(quote(part, errors="surrogatepass") for part in each) for each in pairs
    )
    headers = draw(st.lists(st.tuples(NAMES, FIELD), max_size=2))
    return endpoint, body, query.encode(), headers


def test_requests_changed_at_random(pair):
    ends_at = time.monotonic() + SECONDS
    askers = {}

    @settings(
        max_examples=int(SECONDS * MOST_A_SECOND),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests())
    def check(request):
        if time.monotonic() > ends_at:
            return
        endpoint, body, query, headers = request
        if endpoint not in askers:
            askers[endpoint] = Asker(pair, endpoint)
        mark = b"&" if endpoint.query else b"?"
        assume(len(query) < 10_000)
        pair.figures.problems.clear()
        askers[endpoint](body, tail=mark + query if query else b"", headers=headers)
        assert not pair.figures.problems, pair.figures.problems

    check()
