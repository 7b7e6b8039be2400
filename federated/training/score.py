"""What a finished model predicts, and how well, for those who hold rows to evaluate on.

Rules: rows are encoded exactly as in training; a score is computed by whoever holds the rows, on
their own machine. What sites say of a model has noise, and is charged: `evaluation.py`. Needs numpy
and pyarrow only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federated.errors import DataFault
from federated.manifest import JobManifest
from federated.task import target as targets
from federated.task.target import Number, Target
from federated.training.checkpoint import load
from federated.training.recipes import check, predicted
from federated.training.rows.features import encode_features, taking_part
from federated.training.rows.labels import encode_labels
from federated.training.rows.table import Table

Floats = NDArray[np.float64]
_LEAST: Final = 1e-12  # of a chance or a rate in a logarithm


def predict(model: bytes, manifest: JobManifest, rows: Table) -> Floats:
    """Return what the model predicts for each row; NaN for one that misses what it may not.

    Args:
        model: npz, as a job ends with.
        manifest: of that job.
        rows: with the manifest's feature columns; see `table.from_columns`.

    Returns:
        (rows,): the chance of a positive label in [0, 1], a number in the unit of its column, or
        an expected count; of a target of kind `classes` (rows, classes), their chances.

    Raises:
        DataFileUnreadable: the model is no npz of arrays.
        RoundRefused: the model is not the manifest's.
        ColumnMissing: the rows lack a column.
    """
    arrays = check(load(model), manifest)
    found = predicted(arrays, manifest, encode_features(rows, manifest.features))
    found[~taking_part(rows, manifest.features)] = np.nan
    return found


def evaluate(model: bytes, manifest: JobManifest, rows: Table) -> dict[str, float]:
    """Return how well the model predicts the rows that have a label and miss nothing.

    Returns:
        `rows`: how many these are; `loss`, per row, of the kind that training lowers; `constant`,
        that loss of the best prediction that is the same for all; and of labels that are

        - positive or not: `accuracy`, and `auc`, the area under the ROC curve;
        - classes: `accuracy`;
        - numbers: `rmse` and `mae`, in the unit of the column, and `r2`, the share of variance;
        - counts: `mae`.

    Raises:
        DataFault: no row has a label, or all labels are the same.
        DataFileUnreadable: the model is no npz of arrays.
        RoundRefused: the model is not the manifest's.
        ColumnMissing: the rows lack a column.
    """
    labels = encode_labels(rows, manifest.target).astype(np.float64)
    found = predict(model, manifest, rows)
    known = ~np.isnan(labels) & taking_part(rows, manifest.features)
    labels, found = labels[known], found[known]
    if not len(labels) or np.all(labels == labels[0]):
        raise DataFault("an evaluation needs rows of more than one label")
    figures = _FIGURES[manifest.target.loss](labels, found, manifest.target)
    return {"rows": float(len(labels)), **figures}


def area(labels: NDArray[np.floating], scores: NDArray[np.floating]) -> float:
    """Return the chance that a positive row scores above a negative one, ties counting half.

    Source: Mann and Whitney 1947; mean ranks for ties.

    Raises:
        DataFault: the labels are all the same, or there are none.
    """
    positive = int(np.sum(labels == 1))
    negative = len(labels) - positive
    if not positive or not negative:
        raise DataFault("an area under the curve needs rows of both labels")
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    total = float(rank[labels == 1].sum()) - positive * (positive + 1) / 2
    return total / (positive * negative)


def _binary(labels: Floats, found: Floats, _: Target) -> dict[str, float]:
    share = labels.mean()
    return {
        "auc": area(labels, found),
        "accuracy": float(np.mean((found > 0.5) == labels)),  # noqa: PLR2004 - the likelier label
        "loss": _surprise(np.where(labels == 1, found, 1 - found)),
        "constant": _surprise(np.where(labels == 1, share, 1 - share)),
    }


def _classes(labels: Floats, found: Floats, _: Target) -> dict[str, float]:
    place = labels.astype(np.int64)
    shares = np.bincount(place, minlength=found.shape[1]) / len(place)
    return {
        "accuracy": float(np.mean(found.argmax(axis=1) == place)),
        "loss": _surprise(found[np.arange(len(place)), place]),
        "constant": _surprise(shares[place]),
    }


def _number(labels: Floats, found: Floats, target: Target) -> dict[str, float]:
    assert isinstance(target, Number)  # noqa: S101 - the table below says so
    true = target.low + (labels + 1) / 2 * (target.high - target.low)
    off = found - true
    squares, constant = float(np.mean(off**2)), float(true.var())
    return {
        "rmse": squares**0.5,
        "mae": float(np.abs(off).mean()),
        "r2": 1 - squares / constant,
        "loss": squares / 2,
        "constant": constant / 2,
    }


def _count(labels: Floats, found: Floats, _: Target) -> dict[str, float]:
    return {
        "mae": float(np.abs(found - labels).mean()),
        "loss": _poisson(labels, found),
        "constant": _poisson(labels, np.full(len(labels), labels.mean())),
    }


def _surprise(chances: Floats) -> float:
    return float(-np.log(np.maximum(chances, _LEAST)).mean())


def _poisson(labels: Floats, rates: Floats) -> float:
    """Return half of the mean deviance of counts: 0 where each rate is its count."""
    bounded, there = np.maximum(rates, _LEAST), np.maximum(labels, _LEAST)
    return float((bounded - labels + labels * np.log(there / bounded)).mean())


_FIGURES: Final[Mapping[str, Callable[[Floats, Floats, Target], dict[str, float]]]] = (
    MappingProxyType(
        {
            targets.BINARY: _binary,
            targets.CLASSES: _classes,
            targets.NUMBER: _number,
            targets.COUNT: _count,
        }
    )
)
