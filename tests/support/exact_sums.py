"""Hostile models and persons, and a test of whether sums of their gradients are exact.

`faults` names what went wrong; it is asked of the product, and of arithmetic that is planted.
Run as a program, it prints one digest of many sums, to be compared between machines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from federated.task.target import CLASSES, COUNT, NUMBER
from federated.training.engines import Sums
from federated.training.exact import arithmetic, selftest
from federated.training.exact.gradients import RADIUS, Gradients
from federated.training.exact.losses import Loss
from federated.training.exact.net import Net
from federated.training.recipes import MOST_WEIGHT
from federated.training.rows.entries import Persons

Make = Callable[..., Sums]  # of a net, rows and cells
CLIP = 1.0
WEIGHTS = ("usual", "largest", "all sizes", "cancelling", "vanishing", "zero", "tiny")
CASES = [  # net, rows a person, persons
    (Net((1, 1)), 1, 13),
    (Net((30, 1)), 1, 41),
    (Net((64, 1)), 4, 17),
    (Net((4, 2, 1), "relu"), 2, 19),
    (Net((7, 5, 1)), 5, 11),
    (Net((33, 8, 1), "relu"), 1, 33),
    (Net((13, 64, 1)), 2, 21),
    (Net((13, 8, 8, 1), "relu"), 1, 39),
    (Net((30, 3), loss=Loss(CLASSES, 3)), 2, 23),
    (Net((7, 5, 4), "relu", Loss(CLASSES, 4)), 1, 31),
    (Net((9, 1), loss=Loss(NUMBER)), 3, 21),
    (Net((6, 4, 1), loss=Loss(NUMBER)), 1, 33),
    (Net((12, 1), loss=Loss(COUNT, 1, 40)), 2, 19),
    (Net((7, 5, 3), "tanh", Loss(CLASSES, 3), ((0, 4), (5, 12)), 2, 14), 2, 27),
    (Net((5, 1), "relu", Loss(COUNT, 1, 9), ((2, 9),), 3, 9), 1, 25),
]


def sums(net: Net, rows: int, cells: int = 1 << 17) -> Gradients:
    return Gradients(net, rows, clip=CLIP, cells=cells)


def by_opacus(net: Net, rows: int, cells: int = 1 << 17) -> Sums:
    from federated.training.opacus.gradients import (  # noqa: PLC0415 - loads torch
        PersonGradients,
    )

    del rows  # what persons have, they are computed with
    return PersonGradients(net, clip=CLIP, cells=cells)


def model(kind: str, net: Net, seed: int = 0) -> list[np.ndarray]:
    """Return the weights of a lead, of a kind in `WEIGHTS`."""
    draw = np.random.default_rng(seed)
    result = [_matrix(kind, shape, draw).astype(np.float64) for shape in net.shapes()]
    first = result[len(net.tables)]
    if kind == "vanishing":  # sums of zero for everybody of `people`, but for their rounding
        half = net.widths[0] // 2
        first[:, half : 2 * half] = -first[:, :half][:, ::-1]
        first[:, 2 * half :] = 0
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


def people(count: int, rows: int, net: Net, seed: int = 1) -> Persons:
    """Return persons with missing rows, inputs in pairs of equals, and some without any row."""
    draw = np.random.default_rng(seed)
    width = net.inputs or net.widths[0]
    inputs = draw.uniform(-1, 1, (count, rows, width)).astype(np.float32)
    inputs[draw.random(inputs.shape) < 0.05] = 0
    half = width // 2  # the second half is the first one backwards
    inputs[:, :, half : 2 * half] = inputs[:, :, :half][:, :, ::-1]
    for first, last in net.tables:  # one value, or none
        value = draw.integers(-1, last - first, (count, rows))
        inputs[:, :, first:last] = np.equal.outer(value, np.arange(last - first))
    mask = (draw.random((count, rows)) < 0.85).astype(np.float32)
    most = {CLASSES: net.loss.outputs - 1, COUNT: net.loss.most}.get(net.loss.kind, 1)
    labels = draw.integers(0, most + 1, (count, rows)).astype(np.float32)
    if net.loss.kind == NUMBER:
        labels = draw.uniform(-1, 1, (count, rows)).astype(np.float32)
    return Persons(inputs * mask[:, :, None], labels * mask, mask)


def faults(net: Net, rows: int, weights: list[np.ndarray], persons: Persons) -> list[str]:
    """Return what depends on more than each person's own rows and the model."""
    return faults_of(sums, net, rows, weights, persons) + _of_layers(net, rows, weights, persons)


def faults_of(
    make: Make, net: Net, rows: int, weights: list[np.ndarray], persons: Persons
) -> list[str]:
    """Return what sums depend on, of any engine, besides each person's own rows and the model."""
    engine, count, found = make(net, rows), len(persons), []
    everybody = np.arange(count)
    total = flat(engine.total(weights, persons, everybody))
    alone = [flat(engine.total(weights, persons, everybody[n : n + 1])) for n in range(count)]
    if any(sum(int(v) ** 2 for v in vector) > int(RADIUS) ** 2 for vector in alone):
        found.append("a person is longer than the clip")
    for person in {0, 1, count // 2, count - 2, count - 1}:
        less = flat(engine.total(weights, persons, np.delete(everybody, person)))
        if not np.array_equal(total - less, alone[person]):
            found.append(f"the sum moved by {np.linalg.norm(total - less) / RADIUS:.3g} clips")
    draw = np.random.default_rng(2)
    for cells in (1, 7 * sum(v.size for v in weights), 1 << 21):
        parts = make(net, rows, cells)
        if not np.array_equal(total, flat(parts.total(weights, persons, draw.permutation(count)))):
            found.append(f"the sum in another order, {cells} cells at once, is another")
    return found


def _of_layers(net: Net, rows: int, weights: list[np.ndarray], persons: Persons) -> list[str]:
    engine, everybody, found = sums(net, rows), np.arange(len(persons)), []
    matrices = [arithmetic.weights(matrix) for matrix in weights]
    whole = engine.trace(matrices, persons, everybody)
    for person in everybody:
        one = engine.trace(matrices, persons, everybody[person : person + 1])
        pairs = zip(selftest.said(whole), selftest.said(one), strict=True)
        if not all(np.array_equal(a[person : person + 1], b) for a, b in pairs):
            found.append(f"person {person} says another thing alone")
    return found


def flat(layers: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([layer.ravel() for layer in layers])


def digest() -> str:
    """Return one digest of the sums of every case."""
    total = hashlib.sha256()
    for (net, rows, count), kind in zip(CASES, 3 * WEIGHTS, strict=False):
        weights, persons = model(kind, net), people(count, rows, net)
        for layer in sums(net, rows).total(weights, persons, np.arange(count)):
            total.update(layer.tobytes())
    return total.hexdigest()


if __name__ == "__main__":
    print(digest())  # noqa: T201 - what it is for
