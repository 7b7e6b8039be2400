r"""Privacy spending as a versioned list of events. What has no known cost is refused.

Rules: an event holds public numbers only; what is unknown, missing or out of range raises, it is
never counted as zero. Standard library only. What events cost together is left to the accountant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from federated.errors import EventUnknown
from federated.privacy.rule import ADD_OR_REMOVE_ONE
from federated.reading import Member

VERSION: Final = 1
WITH_ONCE: Final = 2  # of a list that has something of the second kind
MOST_EVENTS: Final = 100_000
_MOST: Final = 10**12
_KEPT: Final = 4096  # jobs whose releases are asked for again and again


class Kind(StrEnum):
    r"""A mechanism with a known cost.

    Neighbours differ by one person, added or removed, with all of that person's rows.

    `SAMPLED_GAUSSIAN`: draws every person with probability q and releases the sum of what the drawn
    persons contribute, each bounded by C in Euclidean norm (Abadi et al. 2016, Mironov et al.
    2019)::

        S ~ Poisson(q);   release  Σ_{i in S} g_i + N(0, (σ C)² I),   ‖g_i‖₂ ≤ C

    C cancels: `noise_multiplier` is σ, `sampling_rate` is q.

    `GAUSSIAN`: f(x) + N(0, (σ C)² I), where one person moves f by at most C in Euclidean norm;
    `noise_multiplier` is σ.

    `LAPLACE`: f(x) + noise of density ∝ exp(-‖z‖₁ / (b C)), where one person moves f by at most C
    in the sum of absolute values; `scale` is b, and a release is 1/b-private.

    `DISCRETE_LAPLACE`: whole numbers with noise of mass ∝ exp(-|z| / b) each; one person moves them
    by at most `sensitivity` in the sum of absolute values; `scale` is b (Ghosh et al. 2012).

    `DISCRETE_GAUSSIAN`: one whole number with noise of mass ∝ exp(-z² / 2σ²); one person moves it
    by at most `sensitivity`; `scale` is σ (Canonne, Kamath and Steinke 2020). Numbers that the same
    person can move are as many releases.
    """

    SAMPLED_GAUSSIAN = "sampled-gaussian"
    GAUSSIAN = "gaussian"
    LAPLACE = "laplace"
    DISCRETE_LAPLACE = "discrete-laplace"
    DISCRETE_GAUSSIAN = "discrete-gaussian"


# Parameters of each mechanism: all are above 0; the most that each may be.
_MOST_OF: Final[Mapping[Kind, Mapping[str, float]]] = {
    Kind.SAMPLED_GAUSSIAN: {"noise_multiplier": _MOST, "sampling_rate": 1},
    Kind.GAUSSIAN: {"noise_multiplier": _MOST},
    Kind.LAPLACE: {"scale": _MOST},
    Kind.DISCRETE_LAPLACE: {"scale": _MOST, "sensitivity": _MOST},
    Kind.DISCRETE_GAUSSIAN: {"scale": _MOST, "sensitivity": _MOST},
}
_WHOLE: Final = frozenset({"sensitivity"})


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """Releases of one mechanism.

    Attributes:
        kind: see `Kind`.
        parameters: (name, number) of the mechanism, by name.
        count: releases composed with one another, 0 or more.
        adjacency: which data sets are neighbours; only `add-or-remove-one` is known.
    """

    kind: Kind
    parameters: tuple[tuple[str, float], ...]
    count: int
    adjacency: str = ADD_OR_REMOVE_ONE

    def __post_init__(self) -> None:
        """Refuse what has no known cost.

        Raises:
            EventUnknown: another mechanism, or numbers that are none of this one's.
        """
        most = _MOST_OF.get(self.kind)
        if most is None:
            raise EventUnknown("an event without a known cost: its kind is unknown")
        if tuple(name for name, _ in self.parameters) != tuple(sorted(most)):
            raise EventUnknown(f"the parameters of `{self.kind}` are {', '.join(sorted(most))}")
        for name, number in self.parameters:
            if not 0 < number <= most[name]:  # false for NaN, too
                raise EventUnknown(f"`{name}` must be above 0 and at most {most[name]:g}")
            if name in _WHOLE and number != int(number):
                raise EventUnknown(f"`{name}` must be a whole number")
        if self.count < 0:
            raise EventUnknown("the count of an event must be 0 or more")
        if self.adjacency != ADD_OR_REMOVE_ONE:
            raise EventUnknown("the adjacency of an event must be `add-or-remove-one`")

    def __getitem__(self, name: str) -> float:
        """Return a parameter."""
        return dict(self.parameters)[name]

    def times(self, count: int) -> Event:
        """Return so many times as many releases."""
        return replace(self, count=self.count * count)


@dataclass(frozen=True, slots=True)
class Events:
    """A list of events, as it is stored and signed.

    Attributes:
        items: the events; of a job, those of each of its rounds.
        version: of this form: 1, or 2 where something is counted once.
        once: events of a job that are counted together with its first round.
    """

    items: tuple[Event, ...]
    version: int = VERSION
    once: tuple[Event, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a form that is not known here.

        Raises:
            EventUnknown: of another version.
        """
        if self.version != (WITH_ONCE if self.once else VERSION):
            raise EventUnknown(f"events of version {self.version} have no known cost")

    def of(self, rounds: int) -> tuple[Event, ...]:
        """Return what a job of which so many rounds are counted releases."""
        return _of(self, rounds)


@lru_cache(maxsize=_KEPT)
def _of(events: Events, rounds: int) -> tuple[Event, ...]:
    return (*(each.times(rounds) for each in events.items), *(events.once if rounds else ()))


def event(kind: Kind, count: int, **parameters: float) -> Event:
    """Return an event.

    Raises:
        EventUnknown: these are no parameters of its kind.

    >>> event(Kind.LAPLACE, 14, scale=2).parameters
    (('scale', 2.0),)
    """
    return Event(kind, tuple((name, float(parameters[name])) for name in sorted(parameters)), count)


def sampled_gaussian(noise_multiplier: float, sampling_rate: float, count: int) -> Event:
    """Return so many steps of a Gaussian on a Poisson sample of persons.

    Raises:
        EventUnknown: a number is out of range.
    """
    numbers = {"noise_multiplier": noise_multiplier, "sampling_rate": sampling_rate}
    return event(Kind.SAMPLED_GAUSSIAN, count, **numbers)


def from_mapping(value: object) -> Events:
    """Read a list of events.

    Args:
        value: `version` and `events`, each `kind`, `parameters`, `count` and `adjacency`; of
            version 2 also `once`, of the same form.

    Raises:
        EventUnknown: another version or mechanism, or numbers that are none of its own.
    """
    return read(Member(value, _unknown))


def read(member: Member) -> Events:
    """Read a list of events that is a part of a document.

    Raises:
        EventUnknown: another version or mechanism, or numbers that are none of its own.
        Exception: it has another form, as the document's reader refuses.
    """
    part = member.fields("version", "events", maybe=("once",))
    version = part["version"].integer(least=VERSION, most=WITH_ONCE)
    names = [name for name in ("events", "once") if name in part]
    found = [tuple(map(_event, part[name].items(most=MOST_EVENTS))) for name in names]
    return Events(found[0], version, *found[1:])


def to_mapping(events: Events) -> dict[str, Any]:
    """Return a list of events as JSON members; `from_mapping` reads it back."""
    found = {"version": events.version, "events": [_members(each) for each in events.items]}
    return found | ({"once": [_members(each) for each in events.once]} if events.once else {})


def merged(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the events with the counts of equal mechanisms added up, in a fixed order.

    T releases composed with T' releases of the same mechanism are T + T' of it, and the order of
    non-adaptive descriptions does not change the composed loss. Events without a release fall away.
    """
    counts: dict[Event, int] = {}
    for each in events:
        one = replace(each, count=1)
        counts[one] = counts.get(one, 0) + each.count
    return tuple(sorted(one.times(count) for one, count in counts.items() if count))


def _event(member: Member) -> Event:
    part = member.fields("kind", "parameters", "count", "adjacency")
    kind = Kind(part["kind"].exactly(*Kind))
    numbers = part["parameters"].fields(*_MOST_OF[kind])
    part["adjacency"].exactly(ADD_OR_REMOVE_ONE)
    count = part["count"].integer(most=_MOST)
    return event(kind, count, **{name: each.number() for name, each in numbers.items()})


def _members(each: Event) -> dict[str, Any]:
    return {
        "kind": each.kind.value,
        "parameters": dict(each.parameters),
        "count": each.count,
        "adjacency": each.adjacency,
    }


def _unknown(pointer: str, fault: str) -> EventUnknown:
    return EventUnknown(f"an event without a known cost: {pointer or '/'} {fault}")
