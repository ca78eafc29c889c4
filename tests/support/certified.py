"""What a project reads of a receipt over its usage logs."""

import hashlib

import jcs

from support.projects import RECEIPTS


async def logs_of(project, receipt, **params):
    return await project.reads(f"{RECEIPTS}/{receipt['id']}/logs", **params)


async def proof_of(project, receipt, log_id):
    return await project.reads(f"{RECEIPTS}/{receipt['id']}/logs/{log_id}/proof")


async def verified_anew(project, receipt):
    return await project.reads(f"{RECEIPTS}/{receipt['id']}/verify")


def leads_to_root(proof):
    """Follow an inclusion proof by the text of RFC 9162, section 2.1.3.2, step by step."""
    found = hashlib.sha256(b"\0" + jcs.canonicalize(proof["leaf"])).digest()
    fn, sn = proof["leaf_index"], proof["tree_size"] - 1
    for step in map(bytes.fromhex, proof["audit_path"]):
        if fn & 1 or fn == sn:
            found = hashlib.sha256(b"\1" + step + found).digest()
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = hashlib.sha256(b"\1" + found + step).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and found.hex() == proof["receipt"]["certified"]["merkle_root"]
