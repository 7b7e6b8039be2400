"""The model of a manifest: names and shapes of its arrays, where it starts, what it predicts.

Rules: everything follows from the manifest, so that lead and sites agree without telling one
another. Training is left to `engine.py`, which computes the same net.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federated.errors import RoundRefused
from federated.manifest import JobManifest, Model

Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Arrays = dict[str, Floats]
MOST_WEIGHT: Final = 1e3  # inputs lie in [-1, 1]: one such weight saturates any unit


def shapes(manifest: JobManifest) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array, in order: `layers.<i>.weight` (out, in) and `….bias`."""
    result: dict[str, tuple[int, ...]] = {}
    for index, (inputs, outputs) in enumerate(pairwise(widths(manifest))):
        result[f"layers.{index}.weight"] = (outputs, inputs)
        result[f"layers.{index}.bias"] = (outputs,)
    return result


def widths(manifest: JobManifest) -> tuple[int, ...]:
    """Return the width of each layer from the inputs to the one output."""
    return (manifest.width, *manifest.model.hidden, 1)


def initial(manifest: JobManifest) -> Arrays:
    """Return the arrays that a job starts from, the same at each call.

    Weights and biases are uniform in ±1/√inputs, drawn from a generator seeded by the job's
    identifier. This is public randomness: it protects nobody and need not.
    """
    seed = hashlib.sha256(manifest.job.encode()).digest()
    draw = np.random.default_rng(np.frombuffer(seed, dtype=np.uint32))
    limits = np.repeat([1 / np.sqrt(inputs) for inputs in widths(manifest)[:-1]], 2)
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
            raise RoundRefused(f"the array `{name}` has another shape or type than it must")
        checked[name] = array.astype(np.float32)
        if not np.all(np.abs(checked[name]) <= MOST_WEIGHT):  # false for NaN, too
            raise RoundRefused(f"the array `{name}` holds a weight out of bounds")
    return checked


def joined(arrays: Arrays) -> list[Floats64]:
    """Return each layer's weight and bias as one matrix (out, in + 1), the bias last."""
    values = list(arrays.values())
    return [
        np.concatenate([weight, bias[:, None]], axis=1, dtype=np.float64)
        for weight, bias in zip(values[::2], values[1::2], strict=True)
    ]


def split(weights: Sequence[Floats64]) -> Arrays:
    """Return the arrays of matrices that `joined` made."""
    arrays: Arrays = {}
    for index, matrix in enumerate(weights):
        arrays[f"layers.{index}.weight"] = matrix[:, :-1].astype(np.float32)
        arrays[f"layers.{index}.bias"] = matrix[:, -1].astype(np.float32)
    return arrays


def bounded(values: NDArray[np.floating]) -> Floats:
    """Return values as weights that sites accept: those beyond `MOST_WEIGHT` are brought back."""
    kept: Floats = np.clip(values, -MOST_WEIGHT, MOST_WEIGHT).astype(np.float32)
    return kept


def probabilities(arrays: Arrays, model: Model, inputs: Floats) -> Floats64:
    """Return the chance of a positive label for each row.

    Args:
        arrays: checked.
        model: of the manifest.
        inputs: (rows, width), encoded.
    """
    values = inputs.astype(np.float64)
    weights = joined(arrays)
    for number, matrix in enumerate(weights, start=1):
        values = values @ matrix[:, :-1].T + matrix[:, -1]
        if number < len(weights):
            values = activation(values, model)
    return sigmoid(values[:, 0])


def activation(values: Floats64, model: Model) -> Floats64:
    """Return what a hidden layer makes of its sums."""
    return np.tanh(values) if model.activation == "tanh" else np.maximum(values, 0)


def sigmoid(logits: Floats64) -> Floats64:
    """Return 1 / (1 + exp(-logits)), without overflow."""
    chance: Floats64 = 0.5 * (1 + np.tanh(logits / 2))
    return chance
