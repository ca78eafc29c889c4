"""What receipts cost beside bare Ed25519: interleaved rounds in one run, microseconds (medians).

Run it with `make bench`. Compare ratios within a run, not figures of two runs.
"""

import sys
import time
from datetime import UTC, datetime
from statistics import median

import nacl.signing
import rfc8785

from llmring_core import canonical
from llmring_core.key_ring import KnownKey
from llmring_core.signing import PrivateKey
from llmring_server.receipts import merkle
from llmring_server.receipts.issuing import sign
from llmring_server.receipts.verifying import check, claim_of

ROUNDS = 15
CALLS = 400
MEMBERS = {
    "id": "01a20a03-c47a-79f3-95c4-9062e62da541",
    "timestamp": "2026-11-23T20:05:48.794Z",
    "model": "openai:gpt-4.1",
    "alias": "summarizer",
    "profile": "default",
    "lock_digest": "sha256:" + "ab" * 32,
    "tokens": {"input": 1200, "output": 350, "cached_input": 200},
    "cost": {
        "amount": 0.0049,
        "calculation": "(1000 * 2.0 + 200 * 0.5 + 350 * 8.0) / 1000000 USD; openai:gpt-4.1, "
        "registry version 7",
    },
}


def main():
    key = PrivateKey.generate()
    bare = nacl.signing.SigningKey(nacl.signing.SigningKey.generate().encode())
    for size, extra in (("0.6 KB", 0), ("3.7 KB", 60)):
        members = {
            **MEMBERS,
            "metadata": {f"name {n}": f"value {n} " + "x" * 30 for n in range(extra)},
        }
        report(size, key, bare, members)
    leaves = [merkle.leaf_hash(str(number).encode()) for number in range(10_000)]
    took = timed({"root of 10 000 leaves": lambda: merkle.root(leaves)}, calls=1)
    write("Merkle", took)


def report(size, key, bare, members):
    receipt = sign(members, key)
    known = KnownKey(key.public, datetime.now(UTC), None)
    message = claim_of(receipt.members).signed
    signature = bare.sign(message).signature
    took = timed(
        {
            "bare nacl sign": lambda: bare.sign(message),
            "complete receipt signed": lambda: sign(members, key),
            "bare nacl verify": lambda: bare.verify_key.verify(message, signature),
            "receipt read and verified": lambda: check(
                claim_of(canonical.loads(receipt.canonical)), known
            ),
            "canonical form, ours": lambda: canonical.dumps(members),
            "canonical form, rfc8785": lambda: rfc8785.dumps(members),
        }
    )
    write(f"A receipt of {size} ({len(receipt.canonical)} bytes)", took)
    share = took["bare nacl verify"] / took["receipt read and verified"]
    sys.stdout.write(f"  verification runs at {share:.0%} of the bare rate\n\n")


def timed(things, calls=CALLS):
    """The median over interleaved rounds, in microseconds per call."""
    rounds = {name: [] for name in things}
    for _ in range(ROUNDS):
        for name, thing in things.items():
            started = time.perf_counter()
            for _ in range(calls):
                thing()
            rounds[name].append((time.perf_counter() - started) / calls * 1e6)
    return {name: median(each) for name, each in rounds.items()}


def write(title, took):
    sys.stdout.write(f"{title}\n")
    for name, microseconds in took.items():
        sys.stdout.write(f"  {name:28}{microseconds:10.1f} µs{1e6 / microseconds:12.0f} /s\n")


if __name__ == "__main__":
    main()
