"""Workloads that read: statistics, a conversation, the registry. And what wrk itself can do."""

import http.client
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from bench.databases import DAYS
from bench.figures import faster, rate, row
from bench.served import constant
from bench.writes import new_conversation, twenty
from bench.wrk import ask, get, load, timed


def _stats(key):
    today = datetime.now(UTC).date()
    period = {"start_date": today - timedelta(days=DAYS), "end_date": today, "group_by": "day"}
    return get(f"/api/v1/stats?{urlencode(period)}", key=key)


def stats(stage):
    """GET /stats of ninety days over a million rows of a project, beside the peer."""
    question = _counted(stage, stage.million, 1_000_000)
    figures = stage.interleaved(
        ours=lambda seconds: timed(stage.ours, question, seconds),
        peer=lambda seconds: timed(stage.peer, question, seconds),
    )
    our, peer = figures["ours"]["ms"], figures["peer"]["ms"]
    name = "`GET /stats`, 90 days, 1 M rows"
    return [
        row(name, f"{our:.1f} ms", f"peer {peer:.0f} ms", peer / our, "≥ 200 ×"),
        row("– its time in ms", f"{our:.1f} ms", "", our, "≤ 13 ms"),
    ], {"1000000": figures}


def stats_large(stage):
    """The same over ten million, beside a million and the peer."""
    small, large = stage.million, stage.ten_million
    question, ten = _stats(small), _counted(stage, large, 10_000_000)
    figures = stage.interleaved(
        warm=0,
        ten=lambda seconds: timed(stage.ours, ten, seconds),
        million=lambda seconds: timed(stage.ours, question, seconds),
        peer=lambda seconds: timed(stage.peer, ten, seconds),
    )
    our, million, peer = (figures[name]["ms"] for name in ("ten", "million", "peer"))
    name = "`GET /stats`, 90 days, 10 M rows"
    return [
        row(name, f"{our:.1f} ms", f"1 M rows {million:.1f} ms", our / million, "≤ 1.3 ×"),
        row("– beside the peer", f"{our:.1f} ms", f"peer {peer:.0f} ms", peer / our, "≥ 1500 ×"),
    ], {"10000000": {"ours": figures["ten"], "peer": figures["peer"]}}


def _counted(stage, key, rows):
    """The question, once both have answered it with the right number of calls."""
    question = _stats(key)
    for server in (stage.ours, stage.peer):
        assert ask(server, question)["summary"]["total_requests"] == rows
    return question


def conversation(stage):
    """GET of a conversation with a hundred messages, beside the peer."""
    figures = stage.interleaved(ours=_reading(stage.ours), peer=_reading(stage.peer))
    our, peer = figures["ours"], figures["peer"]
    name = "`GET /conversations/{id}`, 100 messages, c=16"
    return [row(name, rate(our), f"peer {rate(peer)}", faster(our, peer), "≥ 6 ×")], figures


def _reading(server):
    one = new_conversation(server)
    for _ in range(5):
        ask(server, twenty(one))
    question = get(f"/api/v1/conversations/{one}?message_limit=100")
    assert len(ask(server, question)["messages"]) == 100
    return lambda seconds: load(server, question, 16, seconds)


def registry(stage):
    """GET /registry.json, beside a Starlette route with the same bytes."""
    ask(stage.ours, get("/registry.json"))
    body = _bytes(stage.ours, "/registry.json")
    limit = stage.start(constant, "starlette", body)
    question = get("/registry.json")
    figures = stage.interleaved(
        ours=lambda seconds: load(stage.ours, question, 64, seconds),
        starlette=lambda seconds: load(limit, question, 64, seconds),
    )
    our, plain = figures["ours"], figures["starlette"]
    name = f"`GET /registry.json` ({len(body) / 1000:.0f} kB), c=64"
    texts = rate(our), f"Starlette {rate(plain)}"
    return [row(name, *texts, faster(our, plain), "≥ 0.6 ×")], figures


def _bytes(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", path)
    return connection.getresponse().read()


def generator(stage):
    """What wrk drives when the server does next to nothing: it is not what limits the others."""
    bare = stage.start(constant, "bare")
    figures = stage.interleaved(bare=lambda seconds: load(bare, get("/"), 64, seconds))
    share = f"wrk takes {figures['bare']['wrk']:.0%} of a core"
    return [row("bare ASGI app, c=64 (no server is faster)", rate(figures["bare"]), share)], figures
