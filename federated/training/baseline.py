"""The same model without privacy: yardsticks for whoever holds all the rows.

Rules: no node imports this module; nothing here is protected, and its randomness is seeded so that
a comparison can be repeated. Same encoding, net, loss and first arrays as the real job; a share of
one site alone, or of all rows pooled, is a federation of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federated.errors import DataFault
from federated.manifest import JobManifest
from federated.training.exact import arithmetic
from federated.training.exact.gradients import Gradients
from federated.training.recipes import Arrays, average, initial, joined, net, split
from federated.training.rows.entries import Persons

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plain:
    """Settings of training without privacy.

    Attributes:
        rounds: of averaging; one share needs no averaging, but trains as many.
        steps: of each share in a round.
        batch: persons in a step, drawn without replacement; all of a smaller share.
        learning_rate: of plain stochastic gradient descent on the mean loss of a person.
        seed: of the batches.
    """

    rounds: int
    steps: int
    batch: int
    learning_rate: float
    seed: int = 0


def unsafe_train(manifest: JobManifest, shares: Sequence[Persons], plain: Plain) -> Arrays:
    """Return arrays trained on the shares by federated averaging, without clipping or noise.

    Args:
        manifest: model, features and target.
        shares: encoded persons of each site; weighted by their number.
        plain: settings.

    Raises:
        DataFault: a share is empty.
    """
    if not shares or any(len(share) == 0 for share in shares):
        raise DataFault("a share without persons cannot be trained on")
    draw = np.random.default_rng(plain.seed)
    weights = np.array([len(share) for share in shares], dtype=np.float64)
    arrays = initial(manifest)
    for _ in range(plain.rounds):
        trained = [_local(manifest, share, arrays, plain, draw) for share in shares]
        arrays = average(trained, weights)
    return arrays


def _local(
    manifest: JobManifest,
    share: Persons,
    arrays: Arrays,
    plain: Plain,
    draw: np.random.Generator,
) -> Arrays:
    shape, weights = net(manifest), joined(arrays)
    gradients = Gradients(shape, manifest.unit.rows, clip=1.0)  # nobody is clipped
    size = min(plain.batch, len(share))
    for _ in range(plain.steps):
        batch = draw.choice(len(share), size, replace=False)
        gradient = _gradient(gradients, weights, share, batch)
        rate = plain.learning_rate / size
        weights = [w - rate * part for w, part in zip(weights, gradient, strict=True)]
    return split(weights, len(shape.tables))


def _gradient(
    gradients: Gradients, weights: Sequence[Floats], share: Persons, batch: NDArray[np.int64]
) -> list[Floats]:
    """Return the gradient of the loss summed over the rows of a batch, a matrix a layer."""
    trace = gradients.trace([arithmetic.weights(matrix) for matrix in weights], share, batch)
    pairs = zip(trace.deltas, trace.values, strict=True)
    return [
        np.einsum("pro,pri->oi", delta.whole, values.whole, optimize=True)
        for delta, values in pairs
    ]
