"""Laws of both engines: the same gradients, and nothing that depends on others or on a place."""

from __future__ import annotations

from itertools import cycle, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federated.task.target import CLASSES, COUNT, NUMBER
from federated.training.exact.losses import Loss
from federated.training.exact.net import Net
from tests.support.exact_sums import (
    CASES,
    RADIUS,
    WEIGHTS,
    by_opacus,
    faults_of,
    flat,
    model,
    people,
    sums,
)

_DIGIT = 2.0**-19  # what an activation is rounded to in the closed form, over the largest
_LOSSES = st.one_of(
    st.just(Loss()),
    st.integers(2, 5).map(lambda outputs: Loss(CLASSES, outputs)),
    st.just(Loss(NUMBER)),
    st.integers(1, 40).map(lambda most: Loss(COUNT, 1, most)),
)


@st.composite
def _nets(draw: st.DrawFn) -> Net:
    loss, hidden = draw(_LOSSES), draw(st.lists(st.integers(1, 9), max_size=3))
    activation = draw(st.sampled_from(["tanh", "relu"]))
    plain, tables = draw(st.integers(1, 9)), draw(st.lists(st.integers(1, 5), max_size=2))
    ends = np.cumsum([plain, *tables]).tolist()
    width = draw(st.integers(1, 3)) if tables else 0
    return Net(
        (plain + width * len(tables), *hidden, loss.outputs),
        activation,
        loss,
        tuple(pairwise(ends)),
        width,
        ends[-1],
    )


@settings(max_examples=40, deadline=None)
@given(_nets(), st.integers(1, 4), st.integers(0, 99))
def test_gradients_are_equal(net: Net, rows: int, seed: int) -> None:
    weights, persons = model("usual", net, seed), people(3, rows, net, seed)
    exact, other = sums(net, rows), by_opacus(net, rows)
    near = 4 * _DIGIT * np.sqrt(net.parameters) * len(net.widths)
    for person in np.arange(3)[:, None]:
        one, two = (flat(each.total(weights, persons, person)) for each in (exact, other))
        assert np.linalg.norm(one - two) <= near * RADIUS


@pytest.mark.parametrize(
    ("case", "kind"),
    list(zip(CASES, cycle(WEIGHTS), strict=False)),
    ids=lambda value: value if isinstance(value, str) else value[0].loss.kind,
)
def test_nothing_depends_on_more_than_a_persons_own_rows(
    case: tuple[Net, int, int], kind: str
) -> None:
    net, rows, _ = case
    assert faults_of(by_opacus, net, rows, model(kind, net), people(9, rows, net)) == []
