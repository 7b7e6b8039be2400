"""What a data scientist does with a trained model, and with jobs of a node."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from safetensors.numpy import load

from connector.errors import (
    ColumnMissing,
    ConfigurationInvalid,
    JobCancelled,
    PreauError,
    WorldFault,
)
from connector.management.views.jobs import JobView
from connector.sdk import Model, Node, compare
from connector.sdk.training.shown import Shown
from federated.training import checkpoint
from federated.training.recipes import initial, outputs
from tests.support.doubles import NOON
from tests.support.learnable import category, number
from tests.support.training_rig import manifest, task

FEATURES = [number("age", 0, 9), category("vr", "low", "high"), category("sex", "f", "m")]
ROWS = {
    "age": [1, 4, 9, None],
    "vr": ["low", "high", "other", "high"],
    "sex": ["f", "m", "m", "f"],
    "score": [1, 0, 1, 0],
}


def model_of(model: dict[str, Any], target: dict[str, Any] | None = None) -> Model:
    stated = target or {"kind": "binary", "column": "score"}
    job = manifest(**task(features=FEATURES, target=stated, model=model))
    arrays = {name: 4 * array for name, array in initial(job).items()}
    return Model(job, checkpoint.save(arrays))


MODELS = (
    {"kind": "logistic"},
    {"kind": "mlp", "hidden": [3, 2], "activation": "relu"},
    {"kind": "embedding", "width": 2, "hidden": [3], "activation": "tanh"},
)


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind["kind"])
def test_a_module_of_torch_computes_what_the_model_does(kind: dict[str, Any]) -> None:
    import torch  # noqa: PLC0415 - every process that collects tests would load it

    model = model_of(kind)
    inputs = model.encode(ROWS)
    with torch.no_grad():
        found = model.torch()(torch.from_numpy(inputs)).numpy()
    assert found == pytest.approx(outputs(model.arrays(), model.manifest, inputs), abs=1e-5)
    assert dict(model.torch().named_parameters()).keys() == model.arrays().keys()
    chances = 1 / (1 + np.exp(-found[:3, 0]))
    assert model.predict(ROWS)[:3] == pytest.approx(chances, abs=1e-5)
    assert np.isnan(model.predict(ROWS)[3])  # it misses what it may not


def test_rows_may_be_columns_a_frame_a_table_or_a_file(tmp_path: Path) -> None:
    model, file = model_of(MODELS[0]), tmp_path / "own.csv"
    frame = pd.DataFrame(ROWS)
    frame.to_csv(file, index=False)
    expected = model.evaluate(ROWS)
    for rows in (frame, pa.table(ROWS), file, str(file)):
        assert model.evaluate(rows) == expected
    with pytest.raises(ColumnMissing, match="`vr`"):
        model.predict({"age": [1], "sex": ["f"]})


def test_safetensors_hold_the_arrays_and_name_the_model_file() -> None:
    model = model_of(MODELS[2])
    content = model.safetensors()
    assert all(np.array_equal(load(content)[n], array) for n, array in model.arrays().items())
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    said = json.loads(head["preau"])
    assert said["arrays"] == list(model.arrays())
    assert said["job"] == model.manifest.job
    assert model.safetensors() == content


class Kept(Node):
    """A node whose job stands as a test says, one state after another."""

    def __init__(self, *states: str, code: str = "") -> None:
        self._states, self._code = list(states), code

    def job(self, job: str) -> JobView:
        state = self._states.pop(0) if self._states[1:] else self._states[0]
        values = {"id": job, "side": "lead", "lead": "did:web:lab.example", "agreement": ""}
        ended = {"code": self._code, "reason": "why" if self._code else "", "result": ""}
        times = {"created_at": NOON, "updated_at": NOON}
        return JobView(**values, **ended, **times, state=state, round=1, rounds=4)


@pytest.mark.parametrize(
    ("state", "code", "kind"),
    [("CANCELLED", "JOB_CANCELLED", JobCancelled), ("RUNNING", "", WorldFault)],
)
def test_a_job_that_does_not_complete_is_told(
    state: str, code: str, kind: type[PreauError], capsys: pytest.CaptureFixture[str]
) -> None:
    job = Kept("SUBMITTED", state, code=code).attach("urn:uuid:9")
    with pytest.raises(kind):
        job.wait(seconds=0.3)
    assert capsys.readouterr().err == f"{state} round 1/4; answered last: none\n"
    assert list(compare([job])) == [{"job": "urn:uuid:9", "state": state}]


def test_progress_is_one_line_that_is_written_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    Kept("RUNNING", "COMPLETED").attach("urn:uuid:9").wait(seconds=5)
    lines = capsys.readouterr().err.split("\r\x1b[2K")
    assert [line.split()[0] for line in lines[1:]] == ["RUNNING", "COMPLETED", "COMPLETED"]
    assert lines[-1].endswith("\n")


def test_without_mlflow_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigurationInvalid, match="MLflow is not installed"):
        Kept("COMPLETED").attach("urn:uuid:9").to_mlflow()


def test_a_table_is_drawn_as_text_and_as_html() -> None:
    shown = Shown([{"job": "<a>", "auc": 0.81234}, {"job": "b", "sites": 3}])
    assert str(shown).splitlines() == ["job  auc     sites", "<a>  0.8123", "b            3"]
    assert "<td>&lt;a&gt;</td>" in shown._repr_html_()
    assert list(shown.pandas().columns) == ["job", "auc", "sites"]
