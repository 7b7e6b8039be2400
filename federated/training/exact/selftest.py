"""A worker's test of its own arithmetic, on made-up persons, before it reads a row.

What the guarantee rests on is tried on this machine: all together, few at a time, one person
alone, one person less, in another order and in other parts must give the same integers, and each
layer the same floats, under weights that blow rounding up. Rules: everything here is public and the
same for each run; one differing bit refuses the job. It takes a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from federated.errors import ArithmeticUnsound
from federated.manifest import JobManifest
from federated.task.engine import EXACT
from federated.task.target import BINARY, CLASSES, COUNT, NUMBER
from federated.training import recipes
from federated.training.engines import Sums, sums_of
from federated.training.exact import arithmetic
from federated.training.exact.arithmetic import Floats, Integers, Reals
from federated.training.exact.gradients import Gradients, Trace
from federated.training.exact.losses import Loss
from federated.training.exact.net import Net
from federated.training.rows.entries import Persons

Shape = tuple[Net, int, int]  # net, rows a person, persons
_SHAPES: Final[tuple[Shape, ...]] = (
    (Net((1, 1)), 1, 151),
    (Net((30, 1), "relu"), 4, 80),
    (Net((7, 1, 1)), 1, 71),
    (Net((13, 8, 8, 1), "relu"), 1, 93),
    (Net((5, 3, 2, 6, 1)), 2, 120),
    (Net((17, 64, 1)), 3, 60),
    (Net((9, 5), loss=Loss(CLASSES, 5)), 2, 41),
    (Net((6, 4, 1), loss=Loss(COUNT, 1, 30)), 1, 50),
    (Net((9, 7, 3), "relu", Loss(CLASSES, 3), ((1, 5), (5, 12)), 3, 14), 2, 37),
)
_FEWEST: Final = 13  # persons of the job's own shape, however large its model
_ALONE: Final = 5  # persons, where each is computed alone: they have neighbours in sums only
_MOST: Final = 2048
_CELLS: Final = 1 << 19  # floats of gradients, or of rows, that one sum of the own shape takes
_PART: Final = 7  # persons of a small batch, which fills no register
_ENDS: Final = ((0, 1), (1, 1), (0, _PART), (0.5, _PART), (1, _PART))  # where few are, how many
_PRESENT: Final = 0.9  # share of rows that are there


def check(manifest: JobManifest, batch: int) -> None:
    """Try the job's own shape with a batch of its size, and some other shapes.

    Args:
        manifest: of the job.
        batch: entries of a step.

    Raises:
        ArithmeticUnsound: a sum or a layer depended on who else is in the batch, or where.
    """
    net, rows = recipes.net(manifest), manifest.unit.rows
    persons = max(_FEWEST, min(batch, _MOST, _CELLS // max(net.parameters, rows * net.units)))
    own = (net, rows, persons)
    for number, shape in enumerate((own, *_SHAPES)):
        if not _holds(manifest.engine, shape, np.random.default_rng(number)):
            raise ArithmeticUnsound("sums on this machine depend on more than each person's rows")


def _holds(engine: str, shape: Shape, draw: np.random.Generator) -> bool:
    """Tell whether no sum and no layer of a shape depends on a person's place and neighbours."""
    net, rows, count = shape
    if engine != EXACT:
        return _alone_hold(partial(sums_of, engine, rows=rows), shape, draw)
    persons, weights = people(draw, net, count, rows), _weights(draw, net)
    order = draw.permutation(count)
    whole, parts = (
        Gradients(net, rows, clip=1.0, cells=cells) for cells in (1 << 17, _PART * rows * net.units)
    )
    matrices = [arithmetic.weights(matrix) for matrix in weights]
    together = said(whole.trace(matrices, persons, order))
    # All again at other places, then few: the first, some within, the last.
    for places in (draw.permutation(count), *(_few(count, *each) for each in _ENDS)):
        again = said(whole.trace(matrices, persons, order[places]))
        if not all(np.array_equal(a[places], b) for a, b in zip(together, again, strict=True)):
            return False
    return _sums_hold(whole, parts, weights, persons, order)


def steady(make: Callable[..., Sums]) -> bool:
    """Tell whether the sums of some shapes depend on no place and no neighbour.

    Args:
        make: sums of persons who are computed alone, from a net and `clip`.
    """
    draws = map(np.random.default_rng, range(len(_SHAPES)))
    return all(map(partial(_alone_hold, make), _SHAPES, draws))


def _alone_hold(make: Callable[..., Sums], shape: Shape, draw: np.random.Generator) -> bool:
    net, rows, _ = shape
    persons, weights = people(draw, net, _ALONE, rows), _weights(draw, net)
    sums = make(net, clip=1.0)
    return _sums_hold(sums, sums, weights, persons, draw.permutation(_ALONE))


def _sums_hold(
    whole: Sums, parts: Sums, weights: Sequence[Floats], persons: Persons, order: Integers
) -> bool:
    """Tell whether a sum moves by just what a person adds alone when that person leaves."""
    count = len(persons)
    total = whole.total(weights, persons, order)
    for person, sums in ((0, whole), (count // 2, parts), (count - 1, whole)):
        less = sums.total(weights, persons, np.delete(np.arange(count), person))
        own = whole.total(weights, persons, np.array([person]))
        if not all(np.array_equal(a, b + c) for a, b, c in zip(total, less, own, strict=True)):
            return False
    return True


def _few(count: int, share: float, size: int) -> Integers:
    """Return some places next to one another, the last ones where the share is 1."""
    start = int(share * (count - size))
    return np.arange(start, start + size)


def said(trace: Trace) -> list[Reals]:
    """Return what persons say to each layer, also before it is cut to few digits."""
    return [*trace.uncut, *(each.whole for each in (*trace.values, *trace.deltas))]


def people(draw: np.random.Generator, net: Net, count: int, rows: int) -> Persons:
    """Return made-up persons whose inputs come in pairs that a weight can cancel; some rows lack.

    Args:
        draw: where they come from.
        net: whose inputs and labels they have.
        count: how many.
        rows: of each.
    """
    width = net.encoded
    inputs = draw.uniform(-1, 1, (count, rows, width)).astype(np.float32)
    inputs[:, :, 1::2] = inputs[:, :, : 2 * (width // 2) : 2]
    for first, last in net.tables:  # one value, or none
        value = draw.integers(-1, last - first, (count, rows))
        inputs[:, :, first:last] = np.equal.outer(value, np.arange(last - first))
    mask = (draw.random((count, rows)) < _PRESENT).astype(np.float32)
    labels = _labels(draw, net.loss, (count, rows)).astype(np.float32)
    return Persons(inputs * mask[:, :, None], labels * mask, mask)


def _labels(draw: np.random.Generator, loss: Loss, shape: tuple[int, int]) -> Floats:
    if loss.kind == NUMBER:
        return draw.uniform(-1, 1, shape)
    most = {BINARY: 1, CLASSES: loss.outputs - 1, COUNT: loss.most}[loss.kind]
    return draw.integers(0, most + 1, shape).astype(np.float64)


def _weights(draw: np.random.Generator, net: Net) -> list[Floats]:
    """Return weights of all sizes up to the bound, nearly cancelling each other in pairs."""
    result = []
    for outputs, inputs in net.shapes():
        size = recipes.MOST_WEIGHT * 2.0 ** draw.integers(-20, 1, (outputs, inputs))
        matrix = (size * draw.uniform(-1, 1, size.shape)).astype(np.float32)
        pairs = 2 * ((inputs - 1) // 2)
        matrix[:, 1:pairs:2] = -np.nextafter(matrix[:, 0:pairs:2], np.float32(0))
        result.append(matrix.astype(np.float64))
    return result
