"""What a finished model predicts, and how well, for those who hold rows to evaluate on.

Rules: rows are encoded exactly as in training; a score is computed by whoever holds the rows, on
their own machine. Sites never evaluate for the lead: a metric of private rows would leave without
being accounted for. Needs numpy and pyarrow only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from federated.errors import DataFault
from federated.manifest import JobManifest
from federated.training.checkpoint import load
from federated.training.recipes import check, probabilities
from federated.training.rows.encode import encode_features, encode_labels
from federated.training.rows.table import Table


def predict(model: bytes, manifest: JobManifest, rows: Table) -> NDArray[np.float64]:
    """Return the chance of a positive label for each row, in [0, 1].

    Args:
        model: npz, as a job ends with.
        manifest: of that job.
        rows: with the manifest's feature columns; see `table.from_columns`.

    Raises:
        DataFileUnreadable: the model is no npz of arrays.
        RoundRefused: the model is not the manifest's.
        ColumnMissing: the rows lack a column.
    """
    arrays = check(load(model), manifest)
    return probabilities(arrays, manifest.model, encode_features(rows, manifest.features))


def evaluate(model: bytes, manifest: JobManifest, rows: Table) -> float:
    """Return the area under the ROC curve over the rows that have a label.

    Raises:
        DataFault: the labels are all the same, or there are none.
        DataFileUnreadable: the model is no npz of arrays.
        RoundRefused: the model is not the manifest's.
        ColumnMissing: the rows lack a column.
    """
    labels = encode_labels(rows, manifest.target)
    known = ~np.isnan(labels)
    return area(labels[known], predict(model, manifest, rows)[known])


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
