"""The model of a manifest: names and shapes of its arrays, where it starts, what it predicts.

Rules: everything follows from the manifest, so that lead and sites agree without telling one
another. Training is left to `engine.py`, which computes the same net. Arrays are named as in torch:
`embeddings.<i>.weight` (values, width) of each category of a model that looks them up, then
`layers.<i>.weight` (out, in) and `….bias`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federated.errors import RoundRefused
from federated.manifest import JobManifest
from federated.task.feature import CategoryFeature
from federated.task.model import EMBEDDING, dense_inputs
from federated.task.target import Classes, Count, Number
from federated.training.exact.losses import Loss, rates, softmax
from federated.training.exact.net import Net

Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Arrays = dict[str, Floats]
_TABLE: Final = "embeddings."
MOST_WEIGHT: Final = 1e3  # inputs lie in [-1, 1]: one such weight saturates any unit


def net(manifest: JobManifest) -> Net:
    """Return the net of a manifest's model."""
    model, tables, at = manifest.model, [], 0
    for feature in manifest.features:
        if model.kind == EMBEDDING and isinstance(feature, CategoryFeature):
            tables.append((at, at + feature.width))
        at += feature.width
    return Net(
        widths(manifest),
        model.activation,
        Loss.of(manifest.target),
        tuple(tables),
        model.width if tables else 0,
        at,
    )


def shapes(manifest: JobManifest) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array, in order."""
    result: dict[str, tuple[int, ...]] = {}
    for index, (first, last) in enumerate(net(manifest).tables):
        result[f"{_TABLE}{index}.weight"] = (last - first, manifest.model.width)
    for index, (inputs, outputs) in enumerate(pairwise(widths(manifest))):
        result[f"layers.{index}.weight"] = (outputs, inputs)
        result[f"layers.{index}.bias"] = (outputs,)
    return result


def widths(manifest: JobManifest) -> tuple[int, ...]:
    """Return the width of each dense layer, from what the first one takes to the outputs."""
    inputs = dense_inputs(manifest.model, manifest.features)
    return (inputs, *manifest.model.hidden, manifest.target.outputs)


def initial(manifest: JobManifest) -> Arrays:
    """Return the arrays that a job starts from, the same at each call.

    Weights and biases are uniform in ±1/√inputs, those of a table in ±1, drawn from a generator
    seeded by the job's identifier. This is public randomness: it protects nobody and need not. A
    job that starts from a public model does not start from these.
    """
    seed = hashlib.sha256(manifest.job.encode()).digest()
    draw = np.random.default_rng(np.frombuffer(seed, dtype=np.uint32))
    limits = [1.0] * len(net(manifest).tables)
    limits += np.repeat([1 / np.sqrt(inputs) for inputs in widths(manifest)[:-1]], 2).tolist()
    return {
        name: draw.uniform(-limit, limit, shape).astype(np.float32)
        for (name, shape), limit in zip(shapes(manifest).items(), limits, strict=True)
    }


def check(arrays: Mapping[str, NDArray[np.generic]], manifest: JobManifest) -> Arrays:
    """Return the arrays when they are a model of this manifest.

    Bounds matter at a site: sums are exact only for what is finite. Within them, no product of a
    net that a manifest may ask for leaves the range of a float64.

    Raises:
        RoundRefused: other names, shapes or types, or a weight that is not finite or too large.
    """
    expected = shapes(manifest)
    if list(arrays) != list(expected):
        raise RoundRefused("the arrays are not those of the manifest's model")
    checked: Arrays = {}
    for name, shape in expected.items():
        array = arrays[name]
        if array.dtype != np.float32 or array.shape != shape:
            raise RoundRefused(f"the array `{name}` does not have the required shape or type")
        checked[name] = array.astype(np.float32)
        if not np.all(np.abs(checked[name]) <= MOST_WEIGHT):  # false for NaN, too
            raise RoundRefused(f"the array `{name}` holds a weight out of bounds")
    return checked


def joined(arrays: Arrays) -> list[Floats64]:
    """Return a matrix a table (out, in), then each layer's weight and bias (out, in + 1)."""
    tables = [array.T.astype(np.float64) for name, array in arrays.items() if _is_table(name)]
    dense = [array for name, array in arrays.items() if not _is_table(name)]
    layers = [
        np.concatenate([weight, bias[:, None]], axis=1, dtype=np.float64)
        for weight, bias in zip(dense[::2], dense[1::2], strict=True)
    ]
    return [*tables, *layers]


def split(weights: Sequence[Floats64], tables: int = 0) -> Arrays:
    """Return the arrays of matrices that `joined` made, of which so many are tables, in C order."""
    arrays: Arrays = {}
    for index, matrix in enumerate(weights[:tables]):
        arrays[f"{_TABLE}{index}.weight"] = matrix.T.astype(np.float32, order="C")
    for index, matrix in enumerate(weights[tables:]):
        arrays[f"layers.{index}.weight"] = matrix[:, :-1].astype(np.float32)
        arrays[f"layers.{index}.bias"] = matrix[:, -1].astype(np.float32)
    return arrays


def bounded(values: NDArray[np.floating]) -> Floats:
    """Return values as weights that sites accept: those beyond `MOST_WEIGHT` are brought back."""
    kept: Floats = np.clip(values, -MOST_WEIGHT, MOST_WEIGHT).astype(np.float32)
    return kept


def average(trained: Sequence[Arrays], weights: Sequence[float] | Floats64) -> Arrays:
    """Return the mean of models, weighted; the weights need not add up to 1."""
    share = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    return {
        name: np.sum(
            [w * arrays[name] for w, arrays in zip(share, trained, strict=True)], axis=0
        ).astype(np.float32)
        for name in trained[0]
    }


def outputs(arrays: Arrays, manifest: JobManifest, inputs: Floats) -> Floats64:
    """Return the outputs of the net for each row, (rows, outputs).

    Args:
        arrays: checked.
        manifest: whose model it is.
        inputs: (rows, width), encoded.
    """
    shape, weights = net(manifest), joined(arrays)
    values = inputs.astype(np.float64)
    places = list(zip(shape.tables, weights, strict=False))
    if places:
        found = (values[:, first:last] @ matrix.T for (first, last), matrix in places)
        values = np.concatenate([values[:, shape.plain], *found], axis=1)
    layers = weights[len(places) :]
    for number, matrix in enumerate(layers, start=1):
        values = values @ matrix[:, :-1].T + matrix[:, -1]
        if number < len(layers):
            values = np.tanh(values) if shape.activation == "tanh" else np.maximum(values, 0)
    return values


def predicted(arrays: Arrays, manifest: JobManifest, inputs: Floats) -> Floats64:
    """Return what the model says of each row.

    Returns:
        (rows,): the chance of a positive label in [0, 1], a number within the target's range in
        its own unit, or the expected count; of classes (rows, classes), their chances.
    """
    found, target = outputs(arrays, manifest, inputs), manifest.target
    if isinstance(target, Classes):
        return softmax(found)
    if isinstance(target, Count):
        return rates(found[:, 0], target.most)
    if isinstance(target, Number):
        share = (np.clip(found[:, 0], -1, 1) + 1) / 2
        return target.low + share * (target.high - target.low)
    chance: Floats64 = 0.5 * (1 + np.tanh(found[:, 0] / 2))
    return chance


def _is_table(name: str) -> bool:
    return name.startswith(_TABLE)
