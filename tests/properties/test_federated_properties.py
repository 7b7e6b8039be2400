"""Algebra of manifests, budgets and encodings, for whatever Hypothesis comes up with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federated.errors import ManifestInvalid
from federated.job import parse, render
from federated.privacy.event import (
    Event,
    Events,
    from_mapping,
    merged,
    sampled_gaussian,
    to_mapping,
)
from federated.training.rows.encode import encode
from federated.training.rows.table import from_columns
from federated.training.score import area
from tests.support.training_rig import document, manifest, task
from tests.support.values import EVENTS

MECHANISMS = EVENTS | st.builds(
    sampled_gaussian,
    st.sampled_from([0.5, 1.0, 3.0]),
    st.sampled_from([0.1, 1.0]),
    st.integers(0, 50),
)


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [at, *(path for key, child in children for path in _paths(child, (*at, key)))]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    place=st.sampled_from([(make, path) for make in (document, task) for path in _paths(make())]),
    value=JSON,
)
def test_whatever_stands_in_a_manifest_it_is_read_whole_or_refused(
    place: tuple[Callable[[], Any], tuple[Any, ...]], value: Any
) -> None:
    make, path = place
    whole = make()
    holder: Any = whole
    for step in path[:-1]:
        holder = holder[step]
    if path:
        holder[path[-1]] = value
    else:
        whole = value
    try:
        found = parse(json.dumps(whole).encode())
    except ManifestInvalid as exc:
        assert "\n" not in exc.reason  # noqa: PT017  (either outcome is right)
    else:
        assert render(found) == whole


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        parse(data)


@given(events=st.lists(MECHANISMS, max_size=8))
def test_merging_keeps_steps_and_forgets_order(events: list[Event]) -> None:
    together = merged(events)
    assert sum(event.count for event in together) == sum(event.count for event in events)
    assert merged(reversed(events)) == together
    assert merged(together) == together
    assert from_mapping(to_mapping(Events(tuple(events)))).items == tuple(events)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", None]),
        st.sampled_from(["K", "1", "2", None]),
        st.sampled_from([-5.0, 8.0, 99.0, None]),
        st.sampled_from(["small", "regular", "other", None]),
        st.sampled_from([400.0, 430.0, 600.0, None]),
    ),
    max_size=12,
)
HEADER = ("pupil", "grade", "age", "class", "score")


def _encoded(rows: list[tuple[Any, ...]]) -> dict[bytes, int]:
    """Return the entries as a multiset."""
    columns = {name: [row[i] for row in rows] for i, name in enumerate(HEADER)}
    persons = encode(from_columns(columns), manifest())
    keys = [
        b"".join(
            np.ascontiguousarray(part[i]).tobytes()
            for part in (persons.inputs, persons.labels, persons.mask)
        )
        for i in range(len(persons))
    ]
    assert np.abs(persons.inputs).max(initial=0) <= 1
    assert all(persons.mask.sum(axis=1) >= 1)
    return {key: keys.count(key) for key in keys}


@settings(deadline=None)
@given(rows=ROWS, person=st.sampled_from(["a", "b", "c"]))
def test_taking_a_person_out_changes_one_entry_at_most(
    rows: list[tuple[Any, ...]], person: str
) -> None:
    whole = _encoded(rows)
    without = _encoded([row for row in rows if row[0] != person])
    gone = {key: count - without.get(key, 0) for key, count in whole.items()}
    assert all(count >= 0 for count in gone.values())
    assert set(without) <= set(whole)
    assert sum(gone.values()) <= 1


@given(
    labels=st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=30),
    seed=st.integers(0, 1000),
)
def test_an_area_is_turned_round_by_turning_scores_round(labels: list[float], seed: int) -> None:
    labels = [0.0, 1.0, *labels]
    scores = np.random.default_rng(seed).integers(0, 5, len(labels)).astype(float)
    found = area(np.array(labels), scores)
    assert 0 <= found <= 1
    assert area(np.array(labels), -scores) == pytest.approx(1 - found)
