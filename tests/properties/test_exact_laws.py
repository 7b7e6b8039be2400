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

from federated.training.exact import arithmetic
from federated.training.exact.arithmetic import DIGITS, EXACT, Scaled, scaled
from federated.training.exact.gradients import clip
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
    assert np.array_equal(found.largest, np.abs(found.digits).max(axis=2))
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
    values = Scaled(np.full((1, 1, 4097), 2.0**DIGITS), np.zeros(1, np.int64), np.ones((1, 1)))
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
    assert np.allclose(arithmetic.tanh(values), np.tanh(values), rtol=0, atol=1e-9)
    assert np.allclose(arithmetic.logistic(-values) + found, 1, rtol=0, atol=1e-9)
    outputs, labels = values[None, :, None], np.ones((1, len(values)))
    assert np.allclose(BINARY.derivative(outputs, labels)[0, :, 0], found - 1, atol=1e-9)


@given(st.integers(-700, 900))
def test_powers_of_two_are_exact(power: int) -> None:
    assert arithmetic.two(np.array([power]))[0] == math.ldexp(1.0, power)
    below = np.nextafter(math.ldexp(1.0, power), 0)
    assert arithmetic.exponent(np.array([below]))[0] == max(power, -200)
    assert arithmetic.exponent(np.array([math.ldexp(1.0, power)]))[0] == max(power + 1, -200)


@given(st.data())
def test_a_clipped_vector_is_an_integer_one_no_longer_than_the_radius(data: st.DataObject) -> None:
    persons = data.draw(st.integers(1, 5))
    digits = st.integers(-(2**21), 2**21).map(float)
    shapes = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=3))
    parts = [data.draw(arrays.arrays(np.float64, (persons, n), elements=digits)) for n in shapes]
    scale = data.draw(arrays.arrays(np.float64, persons, elements=st.floats(1e-9, 1e9)))
    radius = data.draw(st.floats(419.0, 2.0**26))
    before = np.concatenate(parts, axis=1)
    after = np.concatenate(clip([part.copy() for part in parts], scale, radius), axis=1)
    assert np.array_equal(after, np.trunc(after))
    for vector, given_, units in zip(after, before, scale, strict=True):
        assert sum(int(v) ** 2 for v in vector) <= Fraction(radius) ** 2
        length = max(math.sqrt(sum(int(v) ** 2 for v in given_)), 1.0)
        wanted = given_ * min(units, radius / length)
        assert np.all(np.abs(vector) <= np.abs(wanted) * (1 + 1e-12))
        assert np.all(np.abs(vector - wanted) <= 1 + 1e-9 * np.abs(wanted))  # cut, not rounded up


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
