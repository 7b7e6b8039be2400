"""Hostile models and persons, and a test of whether sums of their gradients are exact.

`faults` names what went wrong; it is asked of the product, and of arithmetic that is planted.
Run as a program, it prints one digest of many sums, to be compared between machines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from federated.training.exact import arithmetic
from federated.training.exact.gradients import Gradients
from federated.training.recipes import MOST_WEIGHT
from federated.training.rows.encode import Persons

CLIP, SIGMA = 1.0, 1.0
RADIUS = 2.0**22 / SIGMA
WEIGHTS = ("usual", "largest", "all sizes", "cancelling", "vanishing", "zero", "tiny")
CASES = [  # widths, activation, rows a person, persons
    ((1, 1), "tanh", 1, 13),
    ((2, 1), "relu", 3, 9),
    ((30, 1), "tanh", 1, 41),
    ((64, 1), "tanh", 4, 17),
    ((3, 1, 1), "tanh", 1, 23),
    ((4, 2, 1), "relu", 2, 19),
    ((5, 3, 1), "tanh", 1, 29),
    ((6, 4, 1), "relu", 1, 31),
    ((7, 5, 1), "tanh", 5, 11),
    ((8, 6, 1), "relu", 1, 37),
    ((9, 7, 1), "tanh", 1, 35),
    ((33, 8, 1), "relu", 1, 33),
    ((13, 64, 1), "tanh", 2, 21),
    ((13, 8, 8, 1), "relu", 1, 39),
    ((10, 3, 5, 1), "tanh", 3, 15),
]


def sums(widths: Sequence[int], activation: str, rows: int, cells: int = 1 << 17) -> Gradients:
    return Gradients(widths, activation, rows, radius=RADIUS, unit=CLIP / RADIUS, cells=cells)


def model(kind: str, widths: Sequence[int], seed: int = 0) -> list[np.ndarray]:
    """Return the weights of a lead, of a kind in `WEIGHTS`."""
    draw = np.random.default_rng(seed)
    result = [_matrix(kind, (b, a + 1), draw).astype(np.float64) for a, b in pairwise(widths)]
    if kind == "vanishing":  # sums of zero for everybody of `people`, but for their rounding
        half = widths[0] // 2
        result[0][:, half : 2 * half] = -result[0][:, :half][:, ::-1]
        result[0][:, 2 * half :] = 0
    return result


def _matrix(kind: str, shape: tuple[int, int], draw: np.random.Generator) -> np.ndarray:
    plain = draw.uniform(-1, 1, shape).astype(np.float32)
    if kind == "largest":
        return np.sign(plain) * np.float32(MOST_WEIGHT)
    if kind == "all sizes":
        return plain * 2.0 ** draw.integers(-149, 10, shape).astype(np.float32)
    if kind == "cancelling":
        half = (shape[1] - 1) // 2
        plain *= np.float32(MOST_WEIGHT)
        plain[:, half : 2 * half] = -np.nextafter(plain[:, :half][:, ::-1], np.float32(0))
        return plain
    size = {"usual": 1, "vanishing": MOST_WEIGHT, "zero": 0, "tiny": 1e-42}[kind]
    return plain * np.float32(size)


def people(count: int, rows: int, width: int, seed: int = 1) -> Persons:
    """Return persons with missing rows, inputs in pairs of equals, and some without any row."""
    draw = np.random.default_rng(seed)
    inputs = draw.uniform(-1, 1, (count, rows, width)).astype(np.float32)
    inputs[draw.random(inputs.shape) < 0.05] = 0
    half = width // 2  # the second half is the first one backwards
    inputs[:, :, half : 2 * half] = inputs[:, :, :half][:, :, ::-1]
    mask = (draw.random((count, rows)) < 0.85).astype(np.float32)
    labels = draw.integers(0, 2, (count, rows)).astype(np.float32)
    return Persons(inputs * mask[:, :, None], labels * mask, mask)


def faults(
    widths: Sequence[int], activation: str, rows: int, weights: list[np.ndarray], persons: Persons
) -> list[str]:
    """Return what depends on more than each person's own rows and the model."""
    engine, count, found = sums(widths, activation, rows), len(persons), []
    everybody = np.arange(count)
    total = flat(engine.total(weights, persons, everybody))
    alone = [flat(engine.total(weights, persons, everybody[n : n + 1])) for n in range(count)]
    if any(np.linalg.norm(vector) * CLIP / RADIUS > CLIP * (1 + 1e-6) for vector in alone):
        found.append("a person is longer than the clip")
    for person in {0, 1, count // 2, count - 2, count - 1}:
        less = flat(engine.total(weights, persons, np.delete(everybody, person)))
        if not np.array_equal(total - less, alone[person]):
            found.append(f"the sum moved by {np.linalg.norm(total - less) / RADIUS:.3g} clips")
    draw = np.random.default_rng(2)
    for cells in (1, 7 * sum(v.size for v in weights), 1 << 21):
        parts = sums(widths, activation, rows, cells)
        if not np.array_equal(total, flat(parts.total(weights, persons, draw.permutation(count)))):
            found.append(f"the sum in another order, {cells} cells at once, is another")
    matrices = [arithmetic.weights(matrix) for matrix in weights]
    whole = engine.trace(matrices, persons, everybody)
    for person in everybody:
        one = engine.trace(matrices, persons, everybody[person : person + 1])
        pairs = zip([*whole.values, *whole.deltas], [*one.values, *one.deltas], strict=True)
        if not all(np.array_equal(a[person : person + 1], b) for a, b in pairs):
            found.append(f"person {person} says another thing alone")
    return found


def flat(layers: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([layer.ravel() for layer in layers])


def digest() -> str:
    """Return one digest of the sums of every case."""
    total = hashlib.sha256()
    for (widths, activation, rows, count), kind in zip(CASES, 3 * WEIGHTS, strict=False):
        weights, persons = model(kind, widths), people(count, rows, widths[0])
        for layer in sums(widths, activation, rows).total(weights, persons, np.arange(count)):
            total.update(layer.tobytes())
    return total.hexdigest()


if __name__ == "__main__":
    print(digest())  # noqa: T201 - what it is for
