"""Merkle trees over hashes: one root stands for all rows, a short path proves each (RFC 6962)."""

import hashlib
from collections.abc import Sequence

_LEAF = b"\x00"
_NODE = b"\x01"


class WrongPath(ValueError):
    """The path does not belong to a tree of this size."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash what a leaf stands for (RFC 6962, section 2.1)."""
    return hashlib.sha256(_LEAF + leaf).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of leaf hashes, in their order (section 2.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def audit_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from a leaf to the root, the lowest first (section 2.1.1)."""
    path = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index //= 2
        level = _level_above(level)
    return path


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that a path leads to from a leaf hash, in a tree of `size` leaves.

    Follows RFC 9162, section 2.1.3.2, whose trees are those of RFC 6962.

    Raises:
        WrongPath: the path is too short or too long for that place in such a tree.
    """
    if not 0 <= index < size:
        raise WrongPath("the leaf lies outside the tree")
    node, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise WrongPath("the path is too long")
        if node % 2 or node == last:
            found = _node_hash(sibling, found)
            # A last node without a right sibling is its own parent.
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            found = _node_hash(found, sibling)
        node, last = node // 2, last // 2
    if last:
        raise WrongPath("the path is too short")
    return found


def _level_above(level: Sequence[bytes]) -> list[bytes]:
    """Hash neighbours in pairs; a last one without a neighbour rises as it is.

    This is the tree that section 2.1 defines by splitting at the largest power of two.
    """
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [_node_hash(left, right) for left, right in pairs]
    return [*above, level[-1]] if len(level) % 2 else above


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
