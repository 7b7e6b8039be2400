"""Faults planted into the engine, each of which the audit must catch.

Rules: they are patches of the engine's own seams, made for the time of a measurement; the product
has no switch for any of them. Each is a mistake that has been made somewhere.
"""

from __future__ import annotations

import functools
import importlib
import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import sqlglot.expressions as exp

from connector.enforcement.steps.request import Measure
from connector.enforcement.steps.spending import Spending, Spent
from connector.protection.cells import noisy
from federated.privacy.event import Event
from federated.training import evaluation
from federated.training.engine import Engine
from federated.training.exact import arithmetic, gradients
from federated.training.exact.arithmetic import Floats, Scaled, two
from federated.training.noise import SystemNoise
from federated.training.rows.entries import Persons

FACTOR: Final = 1.5
_CLASSES: Final = 3
Fault = Callable[[], AbstractContextManager[Any]]
Said = Sequence[Scaled]


def clip_too_wide() -> AbstractContextManager[Any]:
    """Bound a person by 1.5 times the clip."""
    real = gradients.clip

    def wide(deltas: Said, values: Said, unit: float, radius: float) -> list[Floats]:
        return real(deltas, values, unit, FACTOR * radius)

    return patch.object(gradients, "clip", wide)


def classes_clipped_alone() -> AbstractContextManager[Any]:
    """Bound the gradient of each of three classes by the clip, as if it were all of a person."""
    real = gradients.clip

    def alone(deltas: Said, values: Said, unit: float, radius: float) -> list[Floats]:
        cut = [
            [Scaled(part, delta.power) for part in np.split(delta.digits, _CLASSES, axis=2)]
            for delta in deltas
        ]
        found = [real(own, values, unit, radius) for own in zip(*cut, strict=True)]
        return [np.concatenate(own, axis=2) for own in zip(*found, strict=True)]

    return patch.object(gradients, "clip", alone)


def noise_too_small() -> AbstractContextManager[Any]:
    """Add noise of two thirds of its deviation."""
    real = SystemNoise.gaussian

    def small(self: SystemNoise, size: int) -> np.ndarray:
        return np.rint(real(self, size) / FACTOR).astype(np.int64)

    return patch.object(SystemNoise, "gaussian", small)


def noise_left_out() -> AbstractContextManager[Any]:
    """Add nothing: updates are clipped only."""
    return patch.object(SystemNoise, "gaussian", lambda _self, size: np.zeros(size, np.int64))


def rows_as_unit() -> AbstractContextManager[Any]:
    """Clip each row by itself, as if it were a person."""
    real = Engine.__init__

    def split(
        self: Engine, manifest: Any, population: int, persons: Persons, source: SystemNoise
    ) -> None:
        def each(values: np.ndarray) -> np.ndarray:
            return values.reshape(-1, 1, *values.shape[2:])

        rows = Persons(each(persons.inputs), each(persons.labels), each(persons.mask))
        real(self, manifest, population, rows, source)

    return patch.object(Engine, "__init__", split)


def sampling_left_out() -> AbstractContextManager[Any]:
    """Let everybody take part in each step, while the claim counts on sampling."""
    return patch.object(SystemNoise, "poisson_sample", lambda _self, size, _rate: np.arange(size))


def noise_used_again() -> AbstractContextManager[Any]:
    """Draw noise in the first round, and use it in each round."""
    real = SystemNoise.gaussian

    def again(self: SystemNoise, size: int) -> np.ndarray:
        known: dict[int, np.ndarray] = self.__dict__.setdefault("_known", {})
        if size not in known:
            known[size] = real(self, size)
        return known[size]

    return patch.object(SystemNoise, "gaussian", again)


def plain_products() -> AbstractContextManager[Any]:
    """Multiply in float32 in an order that depends on the place, see `_by_place`."""

    def plain(values: Scaled, matrix: Scaled, *, back: bool = False) -> Floats:
        persons, rows, width = values.digits.shape
        left = (values.digits * two(values.power)[:, None, None]).astype(np.float32)
        right = (matrix.digits[0] * two(matrix.power)[0]).astype(np.float32)
        factor = right[:, :-1].T if back else right
        product: Floats = _by_place(left.reshape(persons * rows, width), factor).astype(np.float64)
        return product.reshape(persons, rows, -1)

    return patch.object(arithmetic, "product", plain)


def persons_together() -> AbstractContextManager[Any]:
    """Let Opacus take the persons as one batch in float32, as it is made for, see `_by_place`."""
    import torch  # noqa: PLC0415 - seconds to load, which no other fault needs

    def linear(values: Any, weight: Any, bias: Any = None) -> Any:
        product = _by_place(values.flatten(0, 1), weight)
        return (product if bias is None else product + bias).unflatten(0, values.shape[:2])

    def together(self: Any, persons: Persons, few: np.ndarray) -> list[Floats]:
        rows = persons.take(few)
        module = self._module.float()
        with patch.object(torch.nn.functional, "linear", linear):
            parts = list(
                self._backward(*(torch.from_numpy(part.astype(np.float32)) for part in rows))
            )
        module.double()
        return [part.reshape(len(few), -1).astype(np.float64) for part in parts]

    return patch.object(opacus().PersonGradients, "gradients", together)


def _by_place(lines: Any, factor: Any) -> Any:
    """Return lines @ factor.T, added up from the first column on, and of the last line backwards.

    Kernels of libraries do so where the tail of a batch is computed apart. Which ones do depends on
    the processor; here each sum is elementwise, so that the fault is the same on all of them.

    Args:
        lines: (rows, width), of numpy or torch.
        factor: (out, width).
    """
    columns = range(lines.shape[1])
    terms = [lines[:, column, None] * factor[:, column] for column in columns]
    product, last = (functools.reduce(operator.add, each) for each in (terms, terms[::-1]))
    product[-1:] = last[-1:]
    return product


def opacus() -> Any:
    """Return the module of the engine that loads torch."""
    return importlib.import_module("federated.training.opacus.gradients")


def every_row_counts() -> AbstractContextManager[Any]:
    """Forget that only so many rows of a person count."""
    return patch.object(noisy, "_bounded", _all)


def _all(rows: exp.Select, *_: object) -> exp.Select:
    return rows


def width_for_range() -> AbstractContextManager[Any]:
    """Take a range's width for what a person who comes or goes moves a sum by."""
    real = Spending.cost

    def narrow(self: Spending, figure: Measure) -> Spent:
        spent = real(self, figure)
        if figure.function != "sum":
            return spent
        low, high = self.amounts(figure.column)
        part = (high - low) / max(abs(low), abs(high))
        moved = round(spent.sensitivity * part)
        return replace(spent, sensitivity=moved, scale=spent.scale * part)

    return patch.object(Spending, "cost", narrow)


def one_cell_a_person() -> AbstractContextManager[Any]:
    """Take one for what a person moves counts of persons by, in how many cells it may be."""
    real = Spending.cost

    def once(self: Spending, figure: Measure) -> Spent:
        spent = real(self, figure)
        if figure.function != "persons" or spent.gaussian:
            return spent
        return replace(spent, sensitivity=1, scale=spent.scale / spent.sensitivity)

    return patch.object(Spending, "cost", once)


def half_a_range() -> AbstractContextManager[Any]:
    """Divide what products are made of by a quarter of the range, not by half of it."""
    real = noisy._normal  # noqa: SLF001 - a fault in the middle of it

    def twice(made: noisy.Noisy) -> dict[str | Measure, exp.Expr]:
        two = exp.Literal.number(2)
        return {
            name: exp.paren(exp.Mul(this=exp.paren(value), expression=two.copy()))
            for name, value in real(made).items()
        }

    return patch.object(noisy, "_normal", twice)


def noise_of_the_table_before() -> AbstractContextManager[Any]:
    """Draw noise for one table, and use it for the next of the same form."""
    real = noisy.with_noise
    known: list[list[int]] = []

    def again(values: list[int], spent: Spent) -> list[int]:
        if known:
            noise = known.pop()
        else:
            noise = real([0] * len(values), spent)
            known.append(noise)
        return [value + each for value, each in zip(values, noise, strict=True)]

    return patch.object(noisy, "with_noise", again)


def half_is_charged() -> AbstractContextManager[Any]:
    """Tell the ledger of twice the noise that is drawn."""

    def cheap(self: Spending) -> tuple[Event, ...]:
        return tuple(replace(each, scale=2 * each.scale).event for each in self.spent)

    return patch.object(Spending, "events", property(cheap))


def held_out_twice() -> AbstractContextManager[Any]:
    """Count a person with two rows twice in a histogram of scores."""

    def twice(mask: np.ndarray, most: int) -> np.ndarray:
        return (most * (mask > 0)).astype(np.int64)

    return patch.object(evaluation, "shares", twice)


FAULTS: Final[Mapping[str, Fault]] = {
    "none": nullcontext,
    "clip × 1.5": clip_too_wide,
    "classes clipped alone": classes_clipped_alone,
    "noise ÷ 1.5": noise_too_small,
    "noise left out": noise_left_out,
    "rows as the unit": rows_as_unit,
    "sampling left out": sampling_left_out,
    "noise used again": noise_used_again,
    "plain products": plain_products,
    "persons in one batch": persons_together,
    "every row counts": every_row_counts,
    "width for a range": width_for_range,
    "one cell a person": one_cell_a_person,
    "half a range": half_a_range,
    "noise of the table before": noise_of_the_table_before,
    "half is charged": half_is_charged,
    "held out, counted twice": held_out_twice,
}
