"""The Merkle tree of RFC 6962 (section 2.1): roots, proofs, and their verification; pure.

Leaves and inner nodes are hashed with different prefixes, so that neither can pass for the other.
Whoever stores a log keeps the hash of each perfect subtree, addressed by (level, index): level 0
are the leaves, and (l, i) covers leaves i·2^l … (i+1)·2^l - 1. A `Node` function reads them; with
it a root or proof costs O(log n) reads. `grow` says which subtrees an appended leaf completes.
A verifier needs neither: it recomputes from the proof alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Node = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Subtree:
    """Hash of one perfect subtree.

    Attributes:
        level: its height; 2^level leaves.
        index: position among the subtrees of that height, from 0.
        hash: 32 bytes.
    """

    level: int
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that appending needs: the roots of the perfect subtrees that make up the tree.

    INVARIANT: one hash for each 1-bit of `size`, tallest subtree first.

    Attributes:
        size: leaves.
        hashes: 32 bytes each.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """Return the tree's root; of the empty tree, SHA-256 of nothing (RFC 6962 2.1)."""
        if not self.hashes:
            return EMPTY_ROOT
        result = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            result = node_hash(left, result)
        return result


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def grow(frontier: Frontier, leaf: bytes) -> tuple[Frontier, tuple[Subtree, ...]]:
    """Append a leaf hash.

    Returns:
        The new frontier, and the perfect subtrees that are now complete, leaf first.
    """
    hashes = list(frontier.hashes)
    done = [Subtree(0, frontier.size, leaf)]
    remaining = frontier.size
    while remaining & 1:  # a carry: the two shortest subtrees have the same height
        last = done[-1]
        merged = node_hash(hashes.pop(), last.hash)
        done.append(Subtree(last.level + 1, last.index >> 1, merged))
        remaining >>= 1
    return Frontier(frontier.size + 1, (*hashes, done[-1].hash)), tuple(done)


def from_leaves(leaves: Sequence[bytes]) -> Node:
    """Return a `Node` function over leaf hashes held in memory."""
    known: dict[tuple[int, int], bytes] = {}
    frontier = Frontier()
    for leaf in leaves:
        frontier, done = grow(frontier, leaf)
        known.update({(tree.level, tree.index): tree.hash for tree in done})
    return lambda level, index: known[level, index]


def root(size: int, node: Node) -> bytes:
    """Return the root of the first `size` leaves."""
    return _range(0, size, node) if size else EMPTY_ROOT


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """Return the audit path of a leaf (RFC 6962 section 2.1.1), leaf's sibling first.

    Raises:
        ValueError: `index` is not in a tree of `size`.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range(middle, end, node))
            end = middle
        else:
            path.append(_range(start, middle, node))
            start = middle
    return path[::-1]


def consistency(first: int, second: int, node: Node) -> list[bytes]:
    """Return the proof that the tree of `second` extends the one of `first` (section 2.1.2).

    Raises:
        ValueError: not 0 <= first <= second.
    """
    if not 0 <= first <= second:
        raise ValueError(f"no consistency from {first} to {second}")
    if first in (0, second):
        return []
    path: list[bytes] = []
    start, end = 0, second
    while first != end:  # SUBPROOF: `first` lies inside [start, end)
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_range(middle, end, node))
            end = middle
        else:
            path.append(_range(start, middle, node))
            start = middle
    if start:  # b = false: the verifier does not know this subtree
        path.append(_range(start, end, node))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Return whether `proof` shows `leaf` at `index` in the tree of `size` with that root.

    Follows RFC 9162 section 2.1.3.2. A proof of another length never passes.
    """
    if not 0 <= index < size:
        return False
    result, place, last = leaf, index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            result = node_hash(sibling, result)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and hmac.compare_digest(result, expected)


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether `proof` shows that the second tree extends the first.

    Follows RFC 9162 section 2.1.4.2. The empty tree is extended by every tree.
    """
    if not 0 <= first <= second:
        return False
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    if first == second:
        return not proof and hmac.compare_digest(first_root, second_root)
    # When `first` is a power of two, its root is a subtree and is left out of the proof.
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    return _climb(first - 1, second - 1, path) == (first_root, second_root)


def _climb(place: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return (old, new) if last == 0 else None


def _range(start: int, end: int, node: Node) -> bytes:
    width = end - start
    if width & (width - 1) == 0:  # RFC 6962 splits keep such ranges aligned
        level = width.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(width)
    return node_hash(_range(start, middle, node), _range(middle, end, node))


def _split(width: int) -> int:
    """Return the largest power of two below `width` (width > 1)."""
    return 1 << (width - 1).bit_length() - 1
