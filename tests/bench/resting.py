"""What a server costs beside its work: memory, and the time until it answers."""

from bench import peer, served
from bench.figures import row
from bench.writes import BATCH, LOG
from bench.wrk import load

MAX_MB = 130
FLAT = 1.05


def memory(stage):
    """Resident memory before and after everything, and whether it has stopped growing."""
    loads = [(LOG, 64), (BATCH, 4), (LOG, 64)]
    for question, connections in loads:
        load(stage.ours, question, connections, stage.seconds)
    after = stage.ours.memory()
    for question, connections in loads:
        load(stage.ours, question, connections, stage.seconds)
    later, theirs = stage.ours.memory(), stage.peer.memory()
    our, peers = stage.idle["ours"], stage.idle["peer"]
    texts = f"{after:.0f} MB", f"peer {theirs:.0f} MB"
    again = f"{later:.0f} MB", f"before {after:.0f} MB"
    return [
        row("resident memory, idle", f"{our:.0f} MB", f"peer {peers:.0f} MB", our / peers, "≤ 1 ×"),
        row("– after all of this, in MB", *texts, after, f"≤ {MAX_MB} MB"),
        row("– after the same load again", *again, later / after, f"≤ {FLAT} ×"),
    ], {"idle": our, "after": after, "later": later, "peer_idle": peers, "peer_after": theirs}


def start(stage):
    """From the start of the process to the first 200 of /health, on a database that is there."""
    assert stage.ours
    assert stage.peer
    figures = stage.interleaved(
        ours=_starting(stage, served.ours, stage.url),
        peer=_starting(stage, peer.peer, stage.peer_url),
    )
    our, theirs = figures["ours"]["ms"], figures["peer"]["ms"]
    name = "start → first 200 of `/health`"
    return [row(name, f"{our:.0f} ms", f"peer {theirs:.0f} ms", our / theirs, "≤ 0.9 ×")], figures


def _starting(stage, make, url):
    def once(_):
        server = make(stage.folder, url, stage.registry.url)
        try:
            return {"ms": server.ready() * 1000}
        finally:
            server.close()

    return once
