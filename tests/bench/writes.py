"""Workloads that write: calls one by one, priced, in batches; messages."""

import threading
import time

from bench import databases, limits
from bench.figures import faster, rate, row
from bench.limits import CALL, COST
from bench.served import ours
from bench.wrk import ask, get, load, post

LOG = post(CALL | {"cost": COST}, "/api/v1/log")
PRICED = post(CALL, "/api/v1/log")
BATCH = post([CALL | {"cost": COST}] * 1000, "/api/v1/log/batch")
CONCURRENCY = (1, 16, 64)
BARS = {64: "≥ 10", 16: "≥ 8", 1: "≥ 2"}
PEERS_PRICED_SECONDS = 15  # 64 answers at once take it five seconds
CHECKS = 50
CONVERSATIONS = 8
MESSAGE = {"role": "user", "content": "What does a receipt certify? " * 10, "input_tokens": 60}


def log(stage):
    """POST /log with its cost, beside the peer and one insert per commit."""
    ask(stage.ours, LOG), ask(stage.peer, LOG)
    limits.equal_table(stage.url)
    series = {c: stage.interleaved(**_logging(stage, c)) for c in CONCURRENCY}
    rows = []
    for c in reversed(CONCURRENCY):
        our, peer, pgbench = (series[c][name] for name in ("ours", "peer", "pgbench"))
        name, bar = f"`POST /log`, cost given, c={c}", BARS[c]
        rows.append(row(name, rate(our), f"peer {rate(peer)}", faster(our, peer), bar + " ×"))
        shares = (f"{our['p99']:.1f} ms", f"peer {peer['p99']:.1f} ms", our["p99"] / peer["p99"])
        rows.append(row("– its p99", *shares, "≤ 0.125 ×" if c == max(CONCURRENCY) else ""))
        shares = (rate(our), f"pgbench {rate(pgbench)}", faster(our, pgbench))
        bar = "≥ 0.7 × (stretch)" if c == max(CONCURRENCY) else ""
        rows.append(row("– beside one insert per commit", *shares, bar))
    return rows, {"by_concurrency": series}


def _logging(stage, c):
    return {
        "ours": lambda seconds: load(stage.ours, LOG, c, seconds),
        "peer": lambda seconds: load(stage.peer, LOG, c, seconds),
        "pgbench": lambda seconds: limits.commits(stage.url, stage.folder, c, seconds),
    }


def priced(stage):
    """POST /log without a cost, beside the same with one, and the peer."""
    assert ask(stage.ours, PRICED)["cost"] == COST
    assert ask(stage.peer, PRICED)["cost"] > 0  # without the cached tokens
    slow = max(PEERS_PRICED_SECONDS, stage.seconds)
    figures = stage.interleaved(
        priced=lambda seconds: load(stage.ours, PRICED, 64, seconds),
        given=lambda seconds: load(stage.ours, LOG, 64, seconds),
        peer=lambda seconds: load(stage.peer, PRICED, 64, slow if seconds > 1 else 1),
    )
    our, given, peer = figures["priced"], figures["given"], figures["peer"]
    texts = rate(our), f"cost given {rate(given)}"
    return [
        row("`POST /log`, priced, c=64", *texts, faster(our, given), "≥ 0.9 ×"),
        row("– beside the peer", rate(our), f"peer {rate(peer)}", faster(our, peer), "≥ 500 ×"),
    ], figures


def batch(stage):
    """POST /log/batch of a thousand, beside COPY."""
    assert ask(stage.ours, BATCH)["stored"] == 1000
    limits.equal_table(stage.url)
    figures = stage.interleaved(
        ours=lambda seconds: load(stage.ours, BATCH, 4, seconds),
        copy=lambda seconds: limits.copied(stage.url, seconds),
    )
    our, copy = figures["ours"], figures["copy"]
    ratio = our["rate"] * 1000 / copy["rate"]
    texts = rate(our, " rows/s", 1000), f"COPY {rate(copy, ' rows/s')}"
    return [row("`POST /log/batch` of 1000, c=4", *texts, ratio, "≥ 0.5 ×")], figures


def visible(stage):
    """A row that was acknowledged is in the statistics, also while others write."""
    writers = threading.Thread(target=load, args=(stage.ours, LOG, 16, stage.seconds + 2))
    writers.start()
    time.sleep(1)
    for number in range(CHECKS):
        origin = f"visible-{number}"
        ask(stage.ours, post(CALL | {"cost": COST, "origin": origin}, "/api/v1/log"))
        stats = ask(stage.ours, get("/api/v1/stats"))
        assert stats["by_origin"][origin]["requests"] == 1, origin
    writers.join()
    shown = f"0 s ({CHECKS} of {CHECKS} at once, 16 others writing)"
    return [row("row acknowledged → visible in stats", shown, "", 0, "≤ 0 s")], {}


def log_large(stage):
    """POST /log on ten million rows, beside an empty database."""
    empty = databases.create(stage.postgres, "empty")
    fresh = stage.start(ours, empty, stage.registry.url)
    assert stage.ten_million
    databases.run(stage.url, "checkpoint")  # what is measured is ten million rows, not their coming
    figures = stage.interleaved(
        large=lambda seconds: load(stage.ours, LOG, 64, seconds),
        empty=lambda seconds: load(fresh, LOG, 64, seconds),
    )
    large, small = figures["large"], figures["empty"]
    name = "`POST /log` with 10 M rows stored, c=64"
    texts = rate(large), f"none stored {rate(small)}"
    return [row(name, *texts, faster(large, small), "≥ 0.9 ×")], figures


def messages(stage):
    """Batches of twenty messages into eight conversations, beside the peer."""
    figures = stage.interleaved(
        ours=_batches(stage.ours),
        peer=_batches(stage.peer),
    )
    our, peer = figures["ours"], figures["peer"]
    texts = rate(our), f"peer {rate(peer)}"
    return [row("batch of 20 messages, c=8", *texts, faster(our, peer), "≥ 8 ×")], figures


def _batches(server):
    ids = [new_conversation(server) for _ in range(CONVERSATIONS)]
    question = twenty(*ids)
    ask(server, question)
    return lambda seconds: load(server, question, CONVERSATIONS, seconds)


def new_conversation(server):
    return ask(server, post({"title": "bench"}, "/api/v1/conversations/"))["id"]


def twenty(*ids):
    """Twenty messages, into conversations in turn."""
    body = {"conversation_id": ids[0], "messages": [MESSAGE] * 20, "logging_level": "full"}
    return post(body, *(f"/api/v1/conversations/{each}/messages/batch" for each in ids))
