"""Any value of a domain dataclass, for property tests: strategies read off its annotations."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from connector.domain.privacy.budget import Reservation
from federated.privacy.event import Event, Events, Kind, event, sampled_gaussian
from federated.privacy.rule import LEAST_ORDER, MOST_ORDER, Accounting, Rule

TEXTS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\x00"),
    max_size=12,
)
TIMES = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone itself
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001 - same
    timezones=st.just(UTC),
)
_SCALES = st.floats(0.5, 50)
_COUNTS = st.integers(1, 20)
_GRID = {"scale": _SCALES, "sensitivity": st.integers(1, 4)}
EVENTS = st.one_of(
    st.builds(sampled_gaussian, _SCALES, st.floats(1e-3, 1), _COUNTS),
    st.builds(event, st.just(Kind.GAUSSIAN), _COUNTS, noise_multiplier=_SCALES),
    st.builds(event, st.just(Kind.LAPLACE), _COUNTS, scale=_SCALES),
    st.builds(event, st.just(Kind.DISCRETE_LAPLACE), _COUNTS, **_GRID),
    st.builds(event, st.just(Kind.DISCRETE_GAUSSIAN), _COUNTS, **_GRID),
)
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(min_value=-(2**63), max_value=2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=40),
    datetime: TIMES,
}


def values_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy of values of a domain dataclass."""
    if kind in _STATED:
        return _STATED[kind]
    hints = get_type_hints(kind)
    parts = {item.name: _of(hints[item.name]) for item in fields(kind)}
    return st.builds(kind, **parts | _LAWFUL.get(kind, {}))


def _of(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if get_origin(hint) in (Union, UnionType):
        return st.one_of(*(st.none() if arg is type(None) else _of(arg) for arg in get_args(hint)))
    if get_origin(hint) is tuple:
        each, *rest = get_args(hint)
        if rest != [...]:
            return st.tuples(*map(_of, (each, *rest)))
        return st.lists(_of(each), max_size=3).map(tuple)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    assert is_dataclass(hint)
    return values_of(hint)


_STATED: dict[type[Any], st.SearchStrategy[Any]] = {
    Accounting: st.one_of(
        st.just(Accounting(Rule.SUMS)),
        st.builds(Accounting, st.just(Rule.RENYI), st.integers(LEAST_ORDER, MOST_ORDER)),
    ),
    Event: EVENTS,
    Events: st.lists(EVENTS, min_size=1, max_size=3).map(lambda events: Events(tuple(events))),
}
# No figure is negative, and no more is committed than was reserved.
_LAWFUL: dict[type[Any], dict[str, st.SearchStrategy[Any]]] = {
    Reservation: dict.fromkeys(
        ("epsilon", "delta"), st.floats(0, allow_nan=False, allow_infinity=False)
    )
    | {"rounds": st.integers(100, 2**63 - 1), "committed_rounds": st.integers(0, 100)}
}
