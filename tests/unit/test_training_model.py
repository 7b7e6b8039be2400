"""The model's arrays: where they start, how they are stored, what they predict, the yardsticks."""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federated.errors import DataFault, DataFileUnreadable, FederatedError, RoundRefused
from federated.training import checkpoint, score
from federated.training.baseline import Plain, unsafe_train
from federated.training.recipes import Arrays, check, initial, predicted, shapes
from federated.training.rows.encode import encode
from federated.training.rows.entries import Persons, pooled
from federated.training.rows.features import encode_features
from federated.training.rows.labels import encode_labels
from federated.training.rows.parts import read_table
from federated.training.rows.table import Table, from_columns
from tests.support.each import over
from tests.support.training_rig import manifest, write_rows

JOB = manifest()


def _model(hidden: list[int], activation: str) -> dict[str, Any]:
    return {"kind": "mlp", "hidden": hidden, "activation": activation}


def _rows(folder: Path, persons: int = 60, seed: int = 0) -> Table:
    path = write_rows(folder / f"rows-{persons}-{seed}.csv", persons, seed=seed)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return read_table(path, "csv", digest, JOB.columns).whole()


# Recipes


def test_shapes_are_those_of_the_net() -> None:
    from tests.support.torch_net import DenseNet  # noqa: PLC0415 - loads torch

    job = manifest(model=_model([5, 2], "relu"))
    assert shapes(job) == {
        "layers.0.weight": (5, 3),
        "layers.0.bias": (5,),
        "layers.1.weight": (2, 5),
        "layers.1.bias": (2,),
        "layers.2.weight": (1, 2),
        "layers.2.bias": (1,),
    }
    state = DenseNet(job).state_dict()
    assert {name: tuple(array.shape) for name, array in state.items()} == shapes(job)
    assert list(state) == list(shapes(job))


def test_a_job_starts_from_the_same_arrays_each_time() -> None:
    one, two = initial(JOB), initial(JOB)
    assert all(np.array_equal(one[name], two[name]) for name in one)
    other = initial(manifest(job="urn:uuid:other"))
    assert any(not np.array_equal(one[name], other[name]) for name in one)
    assert all(np.abs(array).max() <= 1 / np.sqrt(3) for array in one.values())
    assert check(one, JOB).keys() == one.keys()


@over("hidden", [[], [4], [6, 3]])
@over("activation", ["tanh", "relu"])
def test_what_numpy_predicts_is_what_torch_predicts(hidden: list[int], activation: str) -> None:
    from tests.support.torch_net import DenseNet, torch  # noqa: PLC0415 - loads torch

    job = manifest(model=_model(hidden, activation))
    arrays = initial(job)
    inputs = np.random.default_rng(1).uniform(-1, 1, (50, 3)).astype(np.float32)
    net = DenseNet(job, arrays)
    with torch.no_grad():
        expected = torch.sigmoid(net(torch.from_numpy(inputs))).numpy()
    assert np.allclose(predicted(arrays, job, inputs), expected, atol=1e-6)


def test_huge_logits_do_not_overflow() -> None:
    arrays = {name: np.full(shape, 1e6, np.float32) for name, shape in shapes(JOB).items()}
    chances = predicted(arrays, JOB, np.array([[1, 1, 1], [-1, -1, -1]], np.float32))
    assert chances.tolist() == [1.0, 0.5 * (1 + np.tanh(-1.5e6))]


# Checkpoints


def test_a_checkpoint_is_read_and_written_without_loss() -> None:
    arrays = initial(JOB)
    data = checkpoint.save(arrays)
    again = checkpoint.load(data)
    assert list(again) == list(arrays)
    assert all(np.array_equal(again[name], arrays[name]) for name in arrays)
    assert checkpoint.save(again) == data


def _pickled() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, a=np.array([{"x": 1}], dtype=object))
    return buffer.getvalue()


def _zipped(name: str, data: bytes, count: int = 1) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"{number}{name}", data)
    return buffer.getvalue()


BAD_FILES = {
    "empty": b"",
    "no zip": b"nonsense",
    "pickle": pickle.dumps({"a": 1}),
    "objects inside": _pickled(),
    "no array inside": _zipped(".npy", b"nonsense"),
    "cut array inside": _zipped(".npy", b"\x93NUMPY\x01\x00\x46\x00"),
    "too many arrays": _zipped(".npy", b"", 265),
}


@over("data", BAD_FILES.values(), BAD_FILES)
def test_what_is_no_checkpoint_is_refused(data: bytes) -> None:
    with pytest.raises(DataFileUnreadable):
        checkpoint.load(data)


def test_what_would_unpack_too_large_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MOST_BYTES", 1 << 20)
    data = _zipped(".npy", bytes(2 << 20))
    assert len(data) < 10_000
    with pytest.raises(DataFileUnreadable, match="larger"):
        checkpoint.load(data)


# Scores


def test_the_area_counts_pairs() -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 60).astype(float)
    scores = draw.integers(0, 8, 60) / 8  # many ties
    positive, negative = scores[labels == 1], scores[labels == 0]
    pairs = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    assert score.area(labels, scores) == pytest.approx(pairs.mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "area"), [([0.1, 0.2, 0.8, 0.9], 1.0), ([0.9, 0.8, 0.2, 0.1], 0.0), ([1.0] * 4, 0.5)]
)
def test_areas_that_are_known(scores: list[float], area: float) -> None:
    assert score.area(np.array([0, 0, 1, 1]), np.array(scores)) == area


@pytest.mark.parametrize("labels", [[], [1.0, 1.0], [0.0]])
def test_without_both_labels_there_is_no_area(labels: list[float]) -> None:
    with pytest.raises(DataFault, match="both labels"):
        score.area(np.array(labels), np.array(labels))


def test_every_row_gets_a_prediction_and_labelled_ones_count() -> None:
    rows = from_columns(
        {
            "age": [5, 15, None],
            "class": ["small", "regular", "small"],
            "score": [1, 500, None],
            "grade": ["K", "K", "K"],
        }
    )
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes(JOB).items()}
    arrays["layers.0.weight"][0, 0] = 1
    arrays["layers.1.weight"][0, 0] = 1
    model = checkpoint.save(arrays)
    chances = score.predict(model, JOB, rows)
    assert chances.shape == (3,)
    assert chances[0] < chances[2] == 0.5 < chances[1]
    assert score.evaluate(model, JOB, rows)["auc"] == 1.0


@over(
    "change",
    [
        lambda arrays: {**arrays, "more": np.zeros(1, np.float32)},
        lambda arrays: {name: array.astype(np.float64) for name, array in arrays.items()},
        lambda arrays: {name: array.T for name, array in arrays.items()},
        lambda arrays: dict(reversed(arrays.items())),
        lambda arrays: {name: array * np.float32(np.inf) for name, array in arrays.items()},
    ],
)
def test_the_model_of_another_job_is_refused(change: Callable[[Arrays], Arrays]) -> None:
    rows = from_columns({"age": [5], "class": ["small"]})
    with pytest.raises(RoundRefused):
        score.predict(checkpoint.save(change(initial(JOB))), JOB, rows)
    assert score.predict(checkpoint.save(initial(JOB)), JOB, rows).shape == (1,)


def test_rows_without_a_column_are_refused() -> None:
    with pytest.raises(FederatedError):
        score.predict(checkpoint.save(initial(JOB)), JOB, from_columns({"age": [5]}))


# Yardsticks


def _right(arrays: Arrays, rows: Table) -> float:
    """Return the share of rows whose label is predicted."""
    chances = score.predict(checkpoint.save(arrays), JOB, rows)
    return float(np.mean((chances > 0.5) == encode_labels(rows, JOB.target)))


def test_the_yardsticks_learn(tmp_path: Path) -> None:
    shares = [encode(_rows(tmp_path, 60, seed), JOB) for seed in (1, 2)]
    held = _rows(tmp_path, 80, 3)
    plain = Plain(rounds=4, steps=40, batch=32, learning_rate=0.5)
    assert _right(initial(JOB), held) < 0.8
    assert _right(unsafe_train(JOB, shares, plain), held) > 0.9
    assert _right(unsafe_train(JOB, [pooled(shares)], plain), held) > 0.9
    assert _right(unsafe_train(JOB, shares[:1], plain), held) > 0.9


def test_a_yardstick_can_be_repeated(tmp_path: Path) -> None:
    share = encode(_rows(tmp_path, 30), JOB)
    plain = Plain(rounds=1, steps=5, batch=8, learning_rate=0.5, seed=3)
    one, two = unsafe_train(JOB, [share], plain), unsafe_train(JOB, [share], plain)
    assert all(np.array_equal(one[name], two[name]) for name in one)
    other = unsafe_train(JOB, [share], Plain(1, 5, 8, 0.5, seed=4))
    assert any(not np.array_equal(one[name], other[name]) for name in one)


def test_pooling_keeps_every_person(tmp_path: Path) -> None:
    shares = [encode(_rows(tmp_path, count), JOB) for count in (5, 7)]
    whole = pooled(shares)
    assert len(whole) == 12
    assert np.array_equal(whole.inputs[5:], shares[1].inputs)
    assert whole.mask.sum() == 24


def test_nobody_cannot_be_trained_on(tmp_path: Path) -> None:
    share = encode(_rows(tmp_path, 5), JOB)
    nobody = Persons(share.inputs[:0], share.labels[:0], share.mask[:0])
    plain = Plain(1, 1, 8, 0.5)
    for shares in ([], [share, nobody]):
        with pytest.raises(DataFault):
            unsafe_train(JOB, shares, plain)


def test_scoring_encodes_as_training_does(tmp_path: Path) -> None:
    rows = _rows(tmp_path, 10)
    persons = encode(rows, JOB)
    flat = encode_features(rows, JOB.features)
    assert np.array_equal(persons.inputs.reshape(-1, 3), flat)
