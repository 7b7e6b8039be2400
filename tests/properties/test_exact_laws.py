"""Laws of exact sums: what is rounded, what is never rounded, and that order cannot matter."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from federated.training.engine import Mechanism
from federated.training.exact import arithmetic
from federated.training.exact.arithmetic import DIGITS, EXACT, LEAST, Scaled, scaled
from federated.training.exact.gradients import RADIUS, Gradients, clip
from federated.training.exact.losses import BINARY
from federated.training.exact.net import Net
from federated.training.recipes import MOST_WEIGHT
from tests.support.exact_sums import faults, people

VALUES = st.floats(-1e30, 1e30, allow_subnormal=True)
THREE = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 9))


@given(st.data())
def test_scaling_rounds_to_few_digits_of_each_persons_largest_value(data: st.DataObject) -> None:
    values = data.draw(arrays.arrays(np.float64, data.draw(THREE), elements=VALUES))
    bits = data.draw(st.integers(8, 30))
    found = scaled(values, bits)
    assert np.array_equal(found.digits, np.rint(found.digits))
    assert np.abs(found.digits).max() <= 2**bits
    for person, power in enumerate(found.power):
        back = found.digits[person] * 2.0 ** int(power)
        assert np.abs(back - values[person]).max() <= 2.0 ** (int(power) - 1)
        alone = scaled(values[person : person + 1], bits)
        assert np.array_equal(alone.digits[0], found.digits[person])
        assert alone.power[0] == power


@given(st.data())
def test_a_product_is_exact(data: st.DataObject) -> None:
    shape = data.draw(THREE)
    outputs = data.draw(st.integers(1, 5))
    values = scaled(data.draw(arrays.arrays(np.float64, shape, elements=VALUES)))
    bounded = st.floats(-MOST_WEIGHT, MOST_WEIGHT, width=32)
    drawn = data.draw(arrays.arrays(np.float32, (outputs, shape[2]), elements=bounded))
    matrix = arithmetic.weights(drawn.astype(np.float64))
    found = arithmetic.product(values, matrix)
    for person, row, output in np.ndindex(found.shape):
        digits = zip(values.digits[person, row], matrix.digits[0, output], strict=True)
        whole = sum(int(a) * int(b) for a, b in digits)
        assert abs(whole) <= 2**EXACT
        power = int(values.power[person] + matrix.power[0])
        assert Fraction(found[person, row, output]) == whole * Fraction(2) ** power


def test_the_widest_product_stays_exact() -> None:
    values = Scaled(np.full((1, 1, 4097), 2.0**DIGITS), np.zeros(1, np.int64))
    matrix = arithmetic.weights(np.full((512, 4097), MOST_WEIGHT))
    assert 4097 * 2.0**DIGITS * np.abs(matrix.digits).max() <= 2**EXACT
    found = arithmetic.product(values, matrix)[0, 0, 0]
    assert Fraction(found) == 4097 * 2**DIGITS * Fraction(MOST_WEIGHT)


@given(arrays.arrays(np.float64, st.integers(1, 40), elements=st.floats(-700, 700)))
def test_the_logistic_function_is_right_and_its_own_mirror(values: np.ndarray) -> None:
    found = arithmetic.logistic(values)
    for value, ours in zip(values, found, strict=True):
        near = min(max(value, -60.0), 60.0)
        assert ours == pytest.approx(1 / (1 + math.exp(-near)), rel=1e-9)
    assert np.allclose(arithmetic.tanh(values), np.tanh(values), rtol=0, atol=2e-7)
    assert np.allclose(arithmetic.logistic(-values) + found, 1, rtol=0, atol=1e-9)
    outputs, labels = values[None, :, None], np.ones((1, len(values)))
    assert np.allclose(BINARY.derivative(outputs, labels)[0, :, 0], found - 1, atol=1e-9)


@given(st.integers(-149, 9), st.integers(-30, 0))
def test_no_number_of_a_hidden_layer_is_subnormal(weight: int, value: int) -> None:
    # A processor may take longer over those: time would follow rows.
    values = arithmetic.within_one(np.float32([[[2.0**value]]]))
    matrix = arithmetic.weights(np.array([[2.0**weight, 0.0], [-(2.0**weight), 0.0]]))
    outputs = arithmetic.product(values, matrix)
    for found in (outputs.astype(np.float32), arithmetic.tanh(outputs)):
        assert np.all((found == 0) | (np.abs(found) >= np.finfo(np.float32).tiny))


@given(st.integers(-700, 900))
def test_powers_of_two_are_exact(power: int) -> None:
    assert arithmetic.two(np.array([power]))[0] == math.ldexp(1.0, power)
    below = np.nextafter(math.ldexp(1.0, power), 0)
    assert arithmetic.exponent(np.array([below]))[0] == max(power, LEAST)
    assert arithmetic.exponent(np.array([math.ldexp(1.0, power)]))[0] == max(power + 1, LEAST)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 12),
    cancel=st.booleans(),
    unit=st.floats(1e-9, 1e9),
)
def test_a_clipped_vector_is_no_longer_than_the_radius_whatever_rows_cancel(
    *, seed: int, rows: int, cancel: bool, unit: float
) -> None:
    draw, persons = np.random.default_rng(seed), 3
    layers = draw.integers(1, 6, (draw.integers(1, 4), 2))

    def said(width: int, least: int) -> Scaled:
        digits = draw.integers(least, 2**DIGITS, (persons, rows, width), endpoint=True)
        if cancel:  # the later rows are the first one, one way and the other, but for a digit
            digits[:, 1:] = digits[:, :1] + draw.integers(0, 2, digits[:, 1:].shape)
            digits[:, 1::2] *= -1 if least < 0 else 1
        return Scaled(digits.astype(np.float64), draw.integers(-40, 40, persons))

    deltas = [said(width, -(2**DIGITS)) for width, _ in layers]
    values = [said(width, 2 ** (DIGITS - 1)) for _, width in layers]
    found = clip(deltas, values, unit, RADIUS)
    square, lengths = np.zeros(persons, object), np.zeros((persons, rows))
    for cut, value in zip(found, values, strict=True):
        left, right = cut.astype(np.int64).astype(object), value.digits.astype(np.int64)
        square += (np.einsum("pro,pri->poi", left, right.astype(object)) ** 2).sum(axis=(1, 2))
        lengths += np.abs(cut).max(axis=2) * value.digits.max(axis=2)
    assert max(square) <= int(RADIUS) ** 2
    if rows > 1:  # no partial sum of a block passes what is exact
        block = Gradients(Net((1, 1)), rows, clip=1.0)._block
        assert block * lengths.sum(axis=1).max() <= len(layers) * 2.0**EXACT


@given(st.data())
def test_a_rounded_sum_moves_by_no_more_than_the_clip(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 30))
    mechanism = Mechanism(data.draw(st.floats(0.11, 1e4)), 0.2, 1.0, 100)
    parts = mechanism.parts(size)
    others = data.draw(arrays.arrays(np.int64, size, elements=st.integers(-(2**55), 2**55)))
    direction = data.draw(arrays.arrays(np.float64, size, elements=st.floats(-1, 1)))
    length = max(float(np.linalg.norm(direction)), 1e-3)
    own = np.trunc(direction / length * RADIUS * (1 - 1e-9)).astype(np.int64)
    both = [(total + parts // 2) // parts for total in (others, others + own)]
    moved = sum(int(each) ** 2 for each in both[1] - both[0])
    assert moved <= Fraction(mechanism.radius) ** 2


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nobodys_vector_depends_on_the_others(data: st.DataObject) -> None:
    widths = (data.draw(st.integers(1, 12)), *data.draw(st.lists(st.integers(1, 9), max_size=3)), 1)
    rows, count = data.draw(st.integers(1, 3)), data.draw(st.integers(2, 14))
    activation = data.draw(st.sampled_from(["tanh", "relu"]))
    lead = st.one_of(
        st.floats(-MOST_WEIGHT, MOST_WEIGHT, width=32),
        st.sampled_from([0.0, MOST_WEIGHT, -MOST_WEIGHT, 1e-45, -1e-38]),
    )
    weights = [
        data.draw(arrays.arrays(np.float32, (b, a + 1), elements=lead)).astype(np.float64)
        for a, b in pairwise(widths)
    ]
    net = Net(widths, activation)
    persons = people(count, rows, net, seed=data.draw(st.integers(0, 99)))
    assert faults(net, rows, weights, persons) == []
