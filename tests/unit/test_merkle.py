"""The Merkle tree against known roots and against a second, naive computation."""

from __future__ import annotations

import hashlib

import pytest

from connector.domain.log import merkle
from connector.domain.log.merkle import EMPTY_ROOT, Frontier
from tests.support.each import over

# Inputs and roots that implementations of RFC 6962 share as test data.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [merkle.leaf_hash(data) for data in INPUTS]
NODE = merkle.from_leaves(LEAVES)


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    both = naive_root(leaves[:k]) + naive_root(leaves[k:])
    return hashlib.sha256(b"\x01" + both).digest()


def frontier_of(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    for leaf in leaves:
        frontier, _ = merkle.grow(frontier, leaf)
    return frontier


@over("size", range(1, 9))
def test_roots_are_the_known_ones(size: int) -> None:
    assert merkle.root(size, NODE).hex() == ROOTS[size - 1]
    assert frontier_of(LEAVES[:size]).root().hex() == ROOTS[size - 1]
    assert naive_root(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_empty_tree() -> None:
    assert merkle.root(0, NODE) == Frontier().root() == EMPTY_ROOT == naive_root([])


def test_leaf_and_node_hashes_differ_for_the_same_bytes() -> None:
    left, right = LEAVES[0], LEAVES[1]
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


def test_grow_names_the_subtrees_that_are_complete() -> None:
    frontier = frontier_of(LEAVES[:7])
    after, done = merkle.grow(frontier, LEAVES[7])
    assert [(tree.level, tree.index) for tree in done] == [(0, 7), (1, 3), (2, 1), (3, 0)]
    assert done[-1].hash.hex() == ROOTS[7]
    assert after.hashes == (done[-1].hash,)


@over("size", range(1, 9))
def test_every_inclusion_proof_verifies_and_no_other_does(size: int) -> None:
    root = merkle.root(size, NODE)
    for index in range(size):
        proof = merkle.inclusion(index, size, NODE)
        assert merkle.verify_inclusion(LEAVES[index], index, size, proof, root)
        for other in range(8):
            if other != index:
                assert not merkle.verify_inclusion(LEAVES[other], index, size, proof, root)
                assert not merkle.verify_inclusion(LEAVES[index], other, size, proof, root)
        assert not merkle.verify_inclusion(LEAVES[index], index, size, [*proof, root], root)
        if proof:
            assert not merkle.verify_inclusion(LEAVES[index], index, size, proof[:-1], root)
            assert not merkle.verify_inclusion(LEAVES[index], index, size, proof[1:], root)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_inclusion_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.inclusion(index, size, NODE)
    assert not merkle.verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])


def test_every_consistency_proof_verifies() -> None:
    for second in range(9):
        for first in range(second + 1):
            proof = merkle.consistency(first, second, NODE)
            roots = merkle.root(first, NODE), merkle.root(second, NODE)
            assert merkle.verify_consistency(first, second, *roots, proof)


def test_no_consistency_with_another_past() -> None:
    other = merkle.from_leaves([merkle.leaf_hash(b"other"), *LEAVES[1:]])
    for second in range(2, 9):
        for first in range(1, second):
            proof = merkle.consistency(first, second, NODE)
            past, now = merkle.root(first, NODE), merkle.root(second, NODE)
            forged = merkle.root(first, other)
            assert not merkle.verify_consistency(first, second, forged, now, proof)
            assert not merkle.verify_consistency(
                first, second, past, merkle.root(second, other), proof
            )
            assert not merkle.verify_consistency(first, second, past, now, proof[:-1])
            assert not merkle.verify_consistency(first, second, past, now, [*proof, past])


@pytest.mark.parametrize(("first", "second"), [(-1, 2), (3, 2)])
def test_no_consistency_backwards(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="no consistency"):
        merkle.consistency(first, second, NODE)
    assert not merkle.verify_consistency(first, second, EMPTY_ROOT, EMPTY_ROOT, [])


def test_consistency_at_the_borders() -> None:
    root = merkle.root(3, NODE)
    assert merkle.verify_consistency(0, 3, EMPTY_ROOT, root, [])
    assert not merkle.verify_consistency(0, 3, root, root, [])
    assert not merkle.verify_consistency(0, 3, EMPTY_ROOT, root, [root])
    assert merkle.verify_consistency(3, 3, root, root, [])
    assert not merkle.verify_consistency(3, 3, root, root, [root])
    assert not merkle.verify_consistency(3, 3, root, EMPTY_ROOT, [])
    assert not merkle.verify_consistency(3, 5, root, merkle.root(5, NODE), [])
