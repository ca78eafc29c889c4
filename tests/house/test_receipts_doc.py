"""The verifier that docs/receipts.md shows works, on real receipts and proofs."""

import re
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature

from support.projects import RECEIPTS, a_call

DOC = Path(__file__).parents[2] / "docs" / "receipts.md"


@pytest.fixture(scope="module")
def shown():
    """What the code in the document defines."""
    (code,) = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)
    names = {}
    exec(compile(code, DOC, "exec"), names)
    return names


@pytest.fixture
async def proof(alice):
    for number in range(5):
        await alice.logs(a_call(metadata={"number": number / 3}))
    receipt = await alice.generates(since_last_receipt=True)
    logs = await alice.reads(f"{RECEIPTS}/{receipt['id']}/logs")
    return await alice.reads(f"{RECEIPTS}/{receipt['id']}/logs/{logs[4]['log_id']}/proof")


async def test_it_takes_what_is_right(shown, proof, http):
    keys = (await http.get("/receipts/public-keys.json")).json()
    shown["verify_proof"](proof, keys)


async def test_it_refuses_a_changed_log(shown, proof, http):
    keys = (await http.get("/receipts/public-keys.json")).json()
    proof["leaf"]["cost"] = 0
    with pytest.raises(ValueError, match="does not lead to the root"):
        shown["verify_proof"](proof, keys)


async def test_it_refuses_what_a_rotated_key_signed_afterwards(shown, proof, http):
    keys = (await http.get("/receipts/public-keys.json")).json()
    keys["keys"][0]["not_after"] = "2026-01-01T00:00:00Z"
    with pytest.raises(ValueError, match="rotated out"):
        shown["verify_receipt"](proof["receipt"], keys)


async def test_it_refuses_a_changed_receipt(shown, proof, http):
    keys = (await http.get("/receipts/public-keys.json")).json()
    proof["receipt"]["certified"]["logs"] = 6
    with pytest.raises(InvalidSignature):
        shown["verify_receipt"](proof["receipt"], keys)
