"""The same model without privacy: yardsticks for whoever holds all the rows.

Rules: no node imports this module; nothing here is protected, and its randomness is seeded so that
a comparison can be repeated. Same encoding, net, loss and first arrays as the real job; a share of
one site alone, or of all rows pooled, is a federation of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from federated.errors import DataFault
from federated.manifest import JobManifest
from federated.training.encode import Persons
from federated.training.engine import DenseNet
from federated.training.recipes import Arrays, initial, shapes


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
        arrays = _average(trained, weights / weights.sum())
    return arrays


def pooled(shares: Sequence[Persons]) -> Persons:
    """Return all persons of the shares as one share."""
    return Persons(
        inputs=np.concatenate([share.inputs for share in shares]),
        labels=np.concatenate([share.labels for share in shares]),
        mask=np.concatenate([share.mask for share in shares]),
    )


def _local(
    manifest: JobManifest,
    share: Persons,
    arrays: Arrays,
    plain: Plain,
    draw: np.random.Generator,
) -> Arrays:
    names = tuple(shapes(manifest))
    net = DenseNet(manifest)
    net.load_state_dict({name: torch.tensor(arrays[name]) for name in names})
    optimizer = torch.optim.SGD(net.parameters(), lr=plain.learning_rate)
    size = min(plain.batch, len(share))
    for _ in range(plain.steps):
        batch = draw.choice(len(share), size, replace=False)
        logits = net(torch.from_numpy(share.inputs[batch]))
        rows = binary_cross_entropy_with_logits(
            logits, torch.from_numpy(share.labels[batch]), reduction="none"
        )
        optimizer.zero_grad()
        loss = (rows * torch.from_numpy(share.mask[batch])).sum() / size
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not say
        optimizer.step()
    state = net.state_dict()
    return {name: state[name].numpy().copy() for name in names}


def _average(trained: Sequence[Arrays], weights: np.ndarray) -> Arrays:
    return {
        name: np.sum(
            [weight * arrays[name] for weight, arrays in zip(weights, trained, strict=True)],
            axis=0,
        ).astype(np.float32)
        for name in trained[0]
    }
