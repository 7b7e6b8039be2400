"""Laws of the Merkle tree, for logs of any length and content."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from connector.domain.log import merkle

logs = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


def naive_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    both = naive_root(leaves[:k]) + naive_root(leaves[k:])
    return hashlib.sha256(b"\x01" + both).digest()


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


@given(logs)
def test_the_frontier_has_the_root_of_the_naive_tree(log: list[bytes]) -> None:
    leaves = [merkle.leaf_hash(data) for data in log]
    frontier = merkle.Frontier()
    for leaf in leaves:
        frontier, _ = merkle.grow(frontier, leaf)
    assert (
        frontier.root() == naive_root(leaves) == merkle.root(len(log), merkle.from_leaves(leaves))
    )
    assert len(frontier.hashes) == len(log).bit_count()


@given(logs, st.data())
def test_inclusion_holds_and_one_flipped_bit_breaks_it(
    log: list[bytes], data: st.DataObject
) -> None:
    leaves = [merkle.leaf_hash(item) for item in log]
    node = merkle.from_leaves(leaves)
    size = data.draw(st.integers(1, len(log)))
    index = data.draw(st.integers(0, size - 1))
    root = merkle.root(size, node)
    proof = merkle.inclusion(index, size, node)
    assert merkle.verify_inclusion(leaves[index], index, size, proof, root)
    bit = data.draw(st.integers(0, 255))
    assert not merkle.verify_inclusion(flipped(leaves[index], bit), index, size, proof, root)
    assert not merkle.verify_inclusion(leaves[index], index, size, proof, flipped(root, bit))
    for place, step in enumerate(proof):
        broken = [*proof[:place], flipped(step, bit), *proof[place + 1 :]]
        assert not merkle.verify_inclusion(leaves[index], index, size, broken, root)


@given(logs, st.data())
def test_consistency_holds_and_one_flipped_bit_breaks_it(
    log: list[bytes], data: st.DataObject
) -> None:
    node = merkle.from_leaves([merkle.leaf_hash(item) for item in log])
    second = data.draw(st.integers(1, len(log)))
    first = data.draw(st.integers(1, second))
    roots = merkle.root(first, node), merkle.root(second, node)
    proof = merkle.consistency(first, second, node)
    assert merkle.verify_consistency(first, second, *roots, proof)
    bit = data.draw(st.integers(0, 255))
    for changed in (
        (flipped(roots[0], bit), roots[1]),
        (roots[0], flipped(roots[1], bit)),
    ):
        assert not merkle.verify_consistency(first, second, *changed, proof)
    for place, step in enumerate(proof):
        broken = [*proof[:place], flipped(step, bit), *proof[place + 1 :]]
        assert not merkle.verify_consistency(first, second, *roots, broken)


@given(logs, st.binary(max_size=8), st.data())
def test_a_rewritten_past_has_no_proof(log: list[bytes], other: bytes, data: st.DataObject) -> None:
    """No proof of the true log connects a root of a log that differs in one entry."""
    second = data.draw(st.integers(1, len(log)))
    first = data.draw(st.integers(1, second))
    place = data.draw(st.integers(0, first - 1))
    leaves = [merkle.leaf_hash(item) for item in log]
    rewritten = [*leaves[:place], merkle.leaf_hash(b"other " + other), *leaves[place + 1 :]]
    node, forged = merkle.from_leaves(leaves), merkle.from_leaves(rewritten)
    past, now = merkle.root(first, forged), merkle.root(second, node)
    for proof in (
        merkle.consistency(first, second, node),
        merkle.consistency(first, second, forged),
    ):
        assert not merkle.verify_consistency(first, second, past, now, proof)
