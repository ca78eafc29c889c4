"""Merkle trees as RFC 6962 draws them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmring_server.receipts.merkle import WrongPath, audit_path, leaf_hash, root, root_of_path

# The leaves and roots that the Certificate Transparency implementations are tested with.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
LEAVES += ["606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
hashes = st.lists(st.binary(max_size=8).map(leaf_hash), min_size=1, max_size=70)


def as_section_2_1_defines_it(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    left, right = map(as_section_2_1_defines_it, (leaves[:k], leaves[k:]))
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("size", range(9))
def test_the_known_roots_come_out(size):
    assert root([leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES[:size]]).hex() == ROOTS[size]


@given(hashes)
def test_the_root_is_that_of_the_definition(leaves):
    assert root(leaves) == as_section_2_1_defines_it(leaves)


@given(hashes, st.data())
def test_the_path_of_every_leaf_leads_to_the_root(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = audit_path(leaves, index)
    assert root_of_path(leaves[index], index, len(leaves), path) == root(leaves)


@given(hashes, st.data())
def test_a_leaf_that_is_not_there_does_not_lead_to_the_root(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    other = leaf_hash(b"something else altogether")
    path = audit_path(leaves, index)
    assert root_of_path(other, index, len(leaves), path) != root(leaves)


def test_a_node_is_hashed_apart_from_a_leaf():
    """Else an inner node would pass for a leaf that nobody certified."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != root([left, right])


@pytest.mark.parametrize(
    ("index", "size", "length"), [(-1, 4, 2), (4, 4, 2), (0, 4, 1), (0, 4, 3), (0, 0, 0), (2, 3, 2)]
)
def test_a_path_that_is_none_of_such_a_tree_is_refused(index, size, length):
    with pytest.raises(WrongPath):
        root_of_path(bytes(32), index, size, [bytes(32)] * length)
