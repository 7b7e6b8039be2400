r"""Clipped gradients of persons, as integers on a public grid, and their sum.

The model is a `net.Net`, the loss of a row one of `losses.py`. With a the inputs of a layer (and a
1 for the bias), δ the derivative by its outputs, both of few digits, C the clip and
U = C / `RADIUS` the unit::

    g_i = Σ_{rows r of i} δ_r ⊗ a_r              one person's gradient, all layers together
    d_r = trunc(c_i δ_r / U)                     the factor c_i ≤ 1 from the length of g_i
    v_i = Σ_{rows r of i} d_r ⊗ a_r              integers, ‖v_i‖₂ ≤ `RADIUS`
    Σ_i v_i                                      exact, in any order

No gradient of a person is formed: its length follows from products of its rows with one another,
‖g_i‖² = Σ_{r,s} (δ_r · δ_s) (a_r · a_s), and all persons together are one product of a library.
A table of categories is a layer without a bias, whose inputs are zeros but for one 1: what it gives
is one of its columns, exactly. Rules: those of the package; `clip` is the only place that bounds a
person. What is proven of it: decision record 0140.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from federated.training.exact import arithmetic
from federated.training.exact.arithmetic import (
    EXACT,
    Floats,
    Integers,
    Scaled,
    added,
    scaled,
    two,
    within_one,
)
from federated.training.exact.net import Net
from federated.training.rows.entries import Entries, Persons

RADIUS: Final = 2.0**42  # what a person's vector is at most long, in units
SPREAD: Final = 16  # how often the clip a person's rows may add up to that cancel one another
_CELLS: Final = 1 << 17  # floats of the arrays of several persons, which a cache holds
_DOWN: Final = 1 - 2.0**-45  # keeps a factor below its bound, however its products are rounded
_PASSES: Final = 4  # over a gradient that is formed, in place of as many rows


@dataclass(frozen=True, slots=True)
class Trace:
    """What persons say to each layer, from the first to the last.

    Attributes:
        values: inputs of the layer and a 1, (persons, rows, in + 1); of a table, its inputs.
        deltas: derivative of the loss by the layer's outputs, (persons, rows, out).
        uncut: what hidden layers and derivatives were before they were cut to few digits.
    """

    values: list[Scaled]
    deltas: list[Scaled]
    uncut: list[Floats]


class Gradients:
    """Sums of the clipped gradients of persons under one model.

    Attributes:
        chunk: persons that are computed together; no sum depends on it.
    """

    def __init__(self, net: Net, rows: int, *, clip: float, cells: int = _CELLS) -> None:
        """Keep the model and the grid.

        Args:
            net: the model.
            rows: of each person, at most 1,000.
            clip: C, what a person's gradient is at most long.
            cells: floats of an array of several persons; no sum depends on it.
        """
        self._net = net
        self._plain = net.plain
        self._tanh = net.activation == "tanh"
        self._unit = clip / RADIUS
        self.chunk = max(1, cells // (rows * net.units))
        # INVARIANT: so many persons add up to less than 2**53, whatever cancels.
        self._block = int(2.0**EXACT / RADIUS) // (1 if rows == 1 else SPREAD)

    def total(self, weights: Sequence[Floats], persons: Entries, batch: Integers) -> list[Integers]:
        """Return the sum of the clipped vectors of a batch in units, an integer matrix a layer.

        Args:
            weights: of each table and layer, see `Net.shapes`.
            persons: encoded rows.
            batch: indices of persons.
        """
        matrices = [arithmetic.weights(matrix) for matrix in weights]
        sums = [np.zeros(matrix.shape, np.int64) for matrix in weights]
        for start in range(0, len(batch), self.chunk):
            trace = self.trace(matrices, persons, batch[start : start + self.chunk])
            bounded = clip(trace.deltas, trace.values, self._unit, RADIUS)
            for total, deltas, values in zip(sums, bounded, trace.values, strict=True):
                self._add(total, deltas, values.digits)
        return sums

    def _add(self, total: Integers, deltas: Floats, values: Floats) -> None:
        """Add Σ d ⊗ a of persons, some after others, so that each part is exact."""
        for start in range(0, len(deltas), self._block):
            left, right = (
                each[start : start + self._block].reshape(-1, each.shape[2])
                for each in (deltas, values)
            )
            total += (left.T @ right).astype(np.int64)

    def outputs(self, weights: Sequence[Floats], persons: Persons) -> Floats:
        """Return the outputs for each row, (persons, rows, outputs), whoever else is there.

        Args:
            weights: of each table and layer, see `Net.shapes`.
            persons: encoded rows, of so many persons as may be held at once.
        """
        return self._forward([arithmetic.weights(matrix) for matrix in weights], persons)[-1]

    def trace(self, matrices: Sequence[Scaled], persons: Entries, batch: Integers) -> Trace:
        """Return what the persons of a batch say to each layer.

        Args:
            matrices: weights of each table and layer, scaled.
            persons: encoded rows.
            batch: indices of persons.
        """
        drawn = persons.take(batch)
        values, uncut, outputs = self._forward(matrices, drawn)
        tables = len(self._net.tables)
        layers, dense = matrices[tables:], values[tables:]
        slope = self._net.loss.derivative(outputs, drawn.labels)
        uncut.append(slope * drawn.mask[:, :, None])
        deltas = [scaled(uncut[-1])]
        for matrix, below in zip(layers[:0:-1], dense[:0:-1], strict=True):
            delta = arithmetic.product(deltas[-1], matrix, back=True)
            uncut.append(self._times_slope(delta, below))
            deltas.append(scaled(uncut[-1]))
        looked_up = self._by_tables(deltas[-1], layers[0])
        return Trace(values, [*looked_up, *deltas[::-1]], uncut)

    def _forward(
        self, matrices: Sequence[Scaled], drawn: Persons
    ) -> tuple[list[Scaled], list[Floats], Floats]:
        """Return the inputs of each table and layer, hidden ones before a cut, and the outputs."""
        inputs, nothing = drawn.inputs, np.zeros(1, np.int64)
        picked = [Scaled(np.rint(inputs[:, :, a:b]), nothing) for a, b in self._net.tables]
        layers, values, uncut = matrices[len(picked) :], list[Scaled](), list[Floats]()
        if picked:
            found = [arithmetic.product(*pair) for pair in zip(picked, matrices, strict=False)]
            values.append(_scaled_with_one(np.concatenate([inputs[:, :, self._plain], *found], 2)))
        else:
            values.append(within_one(inputs))
        for number, matrix in enumerate(layers, start=1):
            outputs = arithmetic.product(values[-1], matrix)
            if number < len(layers):
                uncut.append(arithmetic.tanh(outputs) if self._tanh else np.maximum(outputs, 0.0))
                values.append((within_one if self._tanh else _scaled_with_one)(uncut[-1]))
        return [*picked, *values], uncut, outputs

    def _by_tables(self, delta: Scaled, layer: Scaled) -> list[Scaled]:
        """Return the derivative by what each table gives."""
        if not self._net.tables:
            return []
        back = arithmetic.product(delta, layer, back=True)
        starts = range(len(self._plain), back.shape[2], self._net.looked_up)
        return [scaled(back[:, :, start : start + self._net.looked_up]) for start in starts]

    def _times_slope(self, delta: Floats, below: Scaled) -> Floats:
        values = below.digits[:, :, :-1]
        if self._tanh:  # 1 - tanh²
            slope = values * values
            slope *= -(2.0 ** (-2 * arithmetic.DIGITS))
            slope += 1.0
            delta *= slope
        else:
            delta *= values > 0.0
        return delta


def clip(
    deltas: Sequence[Scaled], values: Sequence[Scaled], unit: float, radius: float
) -> list[Floats]:
    """Return digits of the deltas under which each person's vector is no longer than `radius`.

    A person's vector is Σ_r d_r ⊗ a_r, all layers together, with d what is returned and a the
    digits of `values`. Of one row, cutting d towards zero shortens it. Of several, what was cut off
    could add up: room for it is left. Rows that cancel one another are bounded one by one, too: by
    `SPREAD` times the radius together, so that no partial sum passes that.

    Args:
        deltas: of each layer, (persons, rows, out).
        values: of each layer, (persons, rows, in + 1).
        unit: what a unit is worth.
        radius: most length of a person's vector, in units.
    """
    pairs = list(zip(deltas, values, strict=True))
    scales = [two(delta.power + value.power) / unit for delta, value in pairs]
    sizes = [_products(value.digits, value.digits) for value in values]
    squares = [
        _products(delta.digits, delta.digits) * size
        for delta, size in zip(deltas, sizes, strict=True)
    ]
    each = [
        square * (scale * scale)[:, None] for square, scale in zip(squares, scales, strict=True)
    ]
    length = spread = added(np.sqrt(_sum(each)))
    room: Floats | float = radius
    if squares[0].shape[1] > 1:
        whole = [
            _whole(delta.digits, value.digits, square) * (scale * scale)
            for (delta, value), square, scale in zip(pairs, squares, scales, strict=True)
        ]
        # The second term is what rounding can hide where rows cancel one another.
        length = np.sqrt(_sum(whole) + spread * spread * 2.0**-47)
        lost = [
            math.sqrt(delta.digits.shape[2]) * added(np.sqrt(size))
            for delta, size in zip(deltas, sizes, strict=True)
        ]
        room = np.maximum(radius - _sum(lost), 0.0)
    bound = np.minimum(room / np.maximum(length, 1.0), SPREAD * radius / np.maximum(spread, 1.0))
    factor = np.minimum(bound, 1.0) * _DOWN
    bounded = [
        delta.digits * (scale * factor)[:, None, None]
        for delta, scale in zip(deltas, scales, strict=True)
    ]
    return [np.trunc(each, out=each) for each in bounded]


def _products(left: Floats, right: Floats) -> Floats:
    """Return the product of each row with another, (persons, rows): exact, below 2**51."""
    products: Floats = np.einsum("pri,pri->pr", left, right)
    return products


def _whole(deltas: Floats, values: Floats, squares: Floats) -> Floats:
    """Return ‖Σ_r δ_r ⊗ a_r‖² of each person: of exact terms, added up in a fixed order.

    Args:
        deltas: (persons, rows, out).
        values: (persons, rows, in + 1).
        squares: ‖δ_r ⊗ a_r‖² of each row, (persons, rows).
    """
    persons, rows, out = deltas.shape
    width = values.shape[2]
    if rows * rows * (out + width) > (rows + _PASSES) * out * width:
        formed = np.matmul(deltas.transpose(0, 2, 1), values).reshape(persons, -1)
        return added(formed * formed)
    total = added(squares)
    for apart in range(1, rows):
        pairs = [_products(each[:, apart:], each[:, :-apart]) for each in (deltas, values)]
        total += 2.0 * added(pairs[0] * pairs[1])
    return total


def _sum(parts: Sequence[Floats]) -> Floats:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _scaled_with_one(values: Floats) -> Scaled:
    result = np.ones((*values.shape[:2], values.shape[2] + 1))
    result[:, :, :-1] = values
    return scaled(result)
