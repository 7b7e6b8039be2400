"""A worker's test of its own arithmetic, on made-up persons, before it reads a row.

What the guarantee rests on is tried on this machine: all together, few at a time, one person
alone, one person less, in another order and in other parts must give the same integers, and each
layer the same floats, under weights that blow rounding up. Rules: everything here is public and the
same for each run; one differing bit refuses the job. It takes some tenths of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from federated.errors import ArithmeticUnsound
from federated.manifest import JobManifest
from federated.training import recipes
from federated.training.exact import arithmetic
from federated.training.exact.arithmetic import Floats
from federated.training.exact.gradients import Gradients, Trace
from federated.training.rows.encode import Persons

Shape = tuple[tuple[int, ...], str, int, int]  # widths, activation, rows a person, persons
_SHAPES: Final[tuple[Shape, ...]] = (
    ((1, 1), "tanh", 1, 151),
    ((30, 1), "relu", 4, 80),
    ((7, 1, 1), "tanh", 1, 151),
    ((13, 8, 8, 1), "relu", 1, 151),
    ((5, 3, 2, 6, 1), "tanh", 2, 120),
    ((17, 64, 1), "tanh", 3, 60),
)
_FEWEST: Final = 13  # persons of the job's own shape, however large its model
_MOST: Final = 2048
_CELLS: Final = 1 << 19  # floats of gradients, or of rows, that one sum of the own shape takes
_PART: Final = 7  # persons of a small batch, which fills no register
_PRESENT: Final = 0.9  # share of rows that are there


def check(manifest: JobManifest, batch: int) -> None:
    """Try the job's own shape with a batch of its size, and some other shapes.

    Args:
        manifest: of the job.
        batch: entries of a step.

    Raises:
        ArithmeticUnsound: a sum or a layer depended on who else is in the batch, or where.
    """
    widths = recipes.widths(manifest)
    rows = manifest.unit.rows
    parameters = sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))
    persons = max(_FEWEST, min(batch, _MOST, _CELLS // max(parameters, rows * sum(widths))))
    own = (widths, manifest.model.activation, rows, persons)
    for number, shape in enumerate((own, *_SHAPES)):
        if not _holds(shape, np.random.default_rng(number)):
            raise ArithmeticUnsound("sums on this machine depend on more than each person's rows")


def _holds(shape: Shape, draw: np.random.Generator) -> bool:
    """Tell whether no sum and no layer of a shape depends on a person's place and neighbours."""
    widths, activation, rows, count = shape
    whole, parts = (
        Gradients(widths, activation, rows, radius=1e6, unit=1e-6, cells=cells)
        for cells in (1 << 17, _PART * rows * sum(widths))
    )
    persons, weights = _persons(draw, count, rows, widths[0]), _weights(draw, widths)
    matrices = [arithmetic.weights(matrix) for matrix in weights]
    order = draw.permutation(count)
    together = _said(whole.trace(matrices, persons, order))
    for start, size in [(0, 1), (count - 1, 1), *((n, _PART) for n in range(0, count, _PART))]:
        few = slice(start, start + size)
        alone = _said(whole.trace(matrices, persons, order[few]))
        if not all(np.array_equal(a[few], b) for a, b in zip(together, alone, strict=True)):
            return False
    total = whole.total(weights, persons, order)
    for person in (0, count // 2, count - 1):
        less = parts.total(weights, persons, np.delete(np.arange(count), person))
        own = whole.total(weights, persons, np.array([person]))
        if not all(np.array_equal(a, b + c) for a, b, c in zip(total, less, own, strict=True)):
            return False
    return True


def _said(trace: Trace) -> list[Floats]:
    """Return what persons say to each layer, before it is cut to few digits."""
    return [*trace.values, *trace.deltas]


def _persons(draw: np.random.Generator, count: int, rows: int, width: int) -> Persons:
    """Return persons whose inputs come in pairs that a weight can cancel; some rows are missing."""
    inputs = draw.uniform(-1, 1, (count, rows, width)).astype(np.float32)
    inputs[:, :, 1::2] = inputs[:, :, : 2 * (width // 2) : 2]
    mask = (draw.random((count, rows)) < _PRESENT).astype(np.float32)
    labels = draw.integers(0, 2, (count, rows)).astype(np.float32)
    return Persons(inputs * mask[:, :, None], labels * mask, mask)


def _weights(draw: np.random.Generator, widths: Sequence[int]) -> list[Floats]:
    """Return weights of all sizes up to the bound, nearly cancelling each other in pairs."""
    result = []
    for inputs, outputs in pairwise(widths):
        size = recipes.MOST_WEIGHT * 2.0 ** draw.integers(-20, 1, (outputs, inputs + 1))
        matrix = (size * draw.uniform(-1, 1, size.shape)).astype(np.float32)
        pairs = 2 * (inputs // 2)
        matrix[:, 1:pairs:2] = -np.nextafter(matrix[:, 0:pairs:2], np.float32(0))
        result.append(matrix.astype(np.float64))
    return result
