"""A job on made-up rows: what is made up, and what a try says of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from federated.errors import RoundRefused
from federated.training.flower.messages import LEAD_NODE, identify
from federated.training.rehearsal import rehearse
from federated.training.rows.encode import encode
from federated.training.rows.synthetic import MOST_PERSONS, Described, made_up
from tests.support.each import over
from tests.support.flower import as_lead
from tests.support.training_rig import SITES, manifest, task

TARGETS: dict[str, tuple[dict[str, Any], int]] = {
    "binary": ({}, 2),
    "category": ({"positive": ["a", "b"]}, 2),
    "threshold": ({"above": 430}, 2),
    "threshold-by-group": ({"by": "grade", "thresholds": {"K": 430, "1": 520}}, 2),
    "classes": ({"values": ["a", "b", "c"]}, 3),
    "number": ({"low": 0, "high": 9}, 100),
    "count": ({"most": 4}, 5),
}
NET = {"kind": "mlp", "hidden": [2], "activation": "tanh"}


@over("kind", TARGETS)
def test_rows_that_no_dictionary_describes_are_those_of_the_manifest(kind: str) -> None:
    more, labels = TARGETS[kind]
    job = manifest(**task(model=NET, target={"kind": kind, "column": "score", **more}))
    persons = encode(made_up(job, {}, 100), job)
    assert 80 < len(persons) <= 100
    assert len(np.unique(persons.labels[persons.mask > 0])) >= labels


def test_rows_are_as_the_dictionary_says_some_without_a_value_and_bounded() -> None:
    job = manifest(**task())
    said = {
        "age": Described(number=True, range=(100, 101)),
        "class": Described(number=False, values=("other",)),
        "grade": Described(number=False, values=("K",)),
    }
    table = made_up(job, said, 10**6)
    assert table.rows == 2 * MOST_PERSONS
    ages = table.numbers("age")
    assert 0.02 < np.isnan(ages).mean() < 0.1
    assert np.nanmin(ages) >= 100
    assert set(table.text("grade").to_pylist()) == {"K"}
    assert table.data.equals(made_up(job, said, 10**6).data)
    assert len(encode(table, job)) == 0  # `class` refuses what is not listed


def test_a_try_says_who_takes_part_and_stops_when_its_time_is_over() -> None:
    job = manifest(**task())
    lost = {SITES[0]: {"grade": Described(number=False, values=("k", "l"))}}
    with as_lead():
        identify(job, LEAD_NODE)
        found = rehearse(job, lost, seconds=0)
    assert [found.sites[site].usable > 0 for site in SITES] == [False, True, True]
    assert (found.rounds, found.refused) == (1, {})
    assert all(each.round_seconds > 0 and each.needs > 0 for each in found.sites.values())


def test_a_job_that_its_lead_cannot_start_is_refused_with_the_reason() -> None:
    started = manifest(**task(start={"digest": "0" * 64, "source": "x"}))
    with as_lead(), pytest.raises(RoundRefused, match="no such round"):
        rehearse(started, {}, seconds=1)
