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
from typing import Final, NamedTuple

import numpy as np

from federated.training.exact import arithmetic
from federated.training.exact.arithmetic import (
    EXACT,
    Floats,
    Integers,
    Reals,
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
_CELLS: Final = 1 << 18  # floats of the arrays of several persons: 2 MiB
_KEPT: Final = 7 << 16  # floats: 3.5 MiB
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
    uncut: list[Reals]


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
        # Once so much was given back, glibc keeps twice as much that is free: see
        # M_MMAP_THRESHOLD in mallopt(3). Else each step asks the system for its pages again.
        np.empty(_KEPT)

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
            self._add_all(sums, trace)
            del trace  # before the next one is made
        return sums

    def _add_all(self, sums: Sequence[Integers], trace: Trace) -> None:
        bounded = clip(trace.deltas, trace.values, self._unit, RADIUS)
        for total, deltas, values in zip(sums, bounded, trace.values, strict=True):
            self._add(total, deltas, values.digits)

    def _add(self, total: Integers, deltas: Floats, values: Floats) -> None:
        """Add Σ d ⊗ a of persons, some after others, so that each part is exact."""
        blocks = len(deltas) // self._block
        rest = blocks * self._block
        if blocks:
            left, right = (
                each[:rest].reshape(blocks, -1, each.shape[2]) for each in (deltas, values)
            )
            total += (left.transpose(0, 2, 1) @ right).astype(np.int64).sum(axis=0)
        last, beside = (each[rest:].reshape(-1, each.shape[2]) for each in (deltas, values))
        total += (last.T @ beside).astype(np.int64)

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
        values, hidden, outputs = self._forward(matrices, drawn)
        layers = matrices[len(self._net.tables) :]
        slope = self._net.loss.derivative(outputs, drawn.labels)
        uncut = [slope * drawn.mask[:, :, None]]
        deltas = [scaled(uncut[-1])]
        for matrix, below in zip(layers[:0:-1], hidden[::-1], strict=True):
            delta = arithmetic.product(deltas[-1], matrix, back=True)
            uncut.append(self._times_slope(delta, below))
            deltas.append(scaled(uncut[-1]))
        looked_up = self._by_tables(deltas[-1], layers[0])
        return Trace(values, [*looked_up, *deltas[::-1]], [*hidden, *uncut])

    def _forward(
        self, matrices: Sequence[Scaled], drawn: Persons
    ) -> tuple[list[Scaled], list[Reals], Floats]:
        """Return the inputs of each table and layer, hidden ones before a cut, and the outputs."""
        inputs, nothing = drawn.inputs, np.zeros(1, np.int64)
        picked = [Scaled(np.rint(inputs[:, :, a:b]), nothing) for a, b in self._net.tables]
        layers, values, uncut = matrices[len(picked) :], list[Scaled](), list[Reals]()
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

    def _times_slope(self, delta: Floats, below: Reals) -> Floats:
        if self._tanh:  # 1 - tanh², without a square, which could be subnormal
            slope = 1.0 - below
            slope *= 1.0 + below
            delta *= slope
        else:
            delta *= below > 0.0
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
    lengths = [_Lengths.of(delta.digits, value.digits) for delta, value in pairs]
    each = list(zip(lengths, [scale * scale for scale in scales], strict=True))
    spread = added(np.sqrt(_sum([layer.squares * square for layer, square in each])))
    bound = radius / np.maximum(spread, 1.0)
    if deltas[0].digits.shape[1] > 1:
        whole = _sum([layer.whole * square for layer, square in each])
        # The second term is what rounding can hide where rows cancel one another.
        length = np.sqrt(whole + spread * spread * 2.0**-47)
        lost = [
            math.sqrt(delta.digits.shape[2]) * added(np.sqrt(layer.sizes))
            for delta, layer in zip(deltas, lengths, strict=True)
        ]
        room = np.maximum(radius - _sum(lost), 0.0)
        bound = np.minimum(room / np.maximum(length, 1.0), SPREAD * bound)
    factor = np.minimum(bound, 1.0) * _DOWN
    bounded = [
        delta.digits * (scale * factor)[:, None, None]
        for delta, scale in zip(deltas, scales, strict=True)
    ]
    return [np.trunc(each, out=each) for each in bounded]


class _Lengths(NamedTuple):
    """How long what persons say to a layer is, in digits.

    Attributes:
        sizes: ‖a_r‖² of each row, (rows, persons).
        squares: ‖δ_r ⊗ a_r‖² of each row, (rows, persons).
        whole: ‖Σ_r δ_r ⊗ a_r‖², (persons,): exact terms, added up in a fixed order.
    """

    sizes: Floats
    squares: Floats
    whole: Floats

    @classmethod
    def of(cls, deltas: Floats, values: Floats) -> _Lengths:
        """Return them for deltas, (persons, rows, out), and values, (persons, rows, in + 1)."""
        persons, rows, out = deltas.shape
        width = values.shape[2]
        formed = rows * rows * (out + width) > (rows + _PASSES) * out * width
        sizes, squares = (_products(each, 1 if formed else rows) for each in (values, deltas))
        squares *= sizes
        if rows == 1:
            return cls(sizes, squares, squares[0])
        if formed:
            terms = np.matmul(deltas.transpose(0, 2, 1), values).reshape(persons, -1)
            terms = np.ascontiguousarray(terms.T)
            terms *= terms
        else:
            terms = squares.copy()
            terms[rows:] *= 2.0
        return cls(sizes[:rows], squares[:rows], added(terms))


def _products(each: Floats, most: int) -> Floats:
    """Return products of two rows of a person, (pairs, persons): exact, below 2**51.

    Args:
        each: (persons, rows, width).
        most: rows of a pair are less than this apart; each row with itself comes first.
    """
    persons, rows, _ = each.shape
    lines = each.reshape(persons * rows, -1)
    own = np.einsum("ni,ni->n", lines, lines).reshape(persons, rows)
    if most == 1:
        return np.ascontiguousarray(own.T)
    result = np.empty((rows * (rows + 1) // 2, persons))
    result[:rows], start = own.T, rows
    for apart in range(1, rows):
        end = start + rows - apart
        pairs = np.einsum("pri,pri->pr", each[:, apart:], each[:, :-apart])
        result[start:end], start = pairs.T, end
    return result


def _sum(parts: Sequence[Floats]) -> Floats:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _scaled_with_one(values: Reals) -> Scaled:
    result = np.ones((*values.shape[:2], values.shape[2] + 1))
    result[:, :, :-1] = values
    return scaled(result)
