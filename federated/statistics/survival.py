r"""Life tables and discrete-time survival of enrolment, from counts by step.

Either a row is a person, with the last step that was begun and whether it ended by the event; then
n_t, those who begin step t, are all whose last step is t or later. Or a row is a person in a step;
then n_t are the rows of step t. d_t are those with the event. Both are linear in the counts r.

1. Hazard  h_t = d_t / n_t,  survival  S_t = Π_{s<=t} (1 - h_s).  The interval is normal on log S_t,
   of variance  Σ d_s / (n_s (n_s - d_s))  (Greenwood 1926) plus the noise: log S_t is
   Σ log(n_s - d_s) - log n_s,  linearised in r.
2. Discrete-time survival (Singer and Willett 1993): logistic regression of the event on a term for
   each step and the columns, over persons in steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from federated.errors import StatisticUnfit
from federated.statistics.answer import Floats, Pool, spelled
from federated.statistics.cells import Row, groups
from federated.statistics.interval import normal_cover


def life_table(
    found: Pool,
    step: str,
    event: tuple[str, str],
    steps: Sequence[Any],
    level: float,
    *,
    periods: bool = False,
) -> list[Row]:
    """Return a life table, one row a group and step.

    Args:
        found: with `count`, by step, event and what groups.
        step: dimension of the steps.
        event: dimension and its value that is the event.
        steps: values of the step in order.
        level: of the intervals.
        periods: whether a row of the data is a person in a step, not a person.

    Raises:
        StatisticUnfit: no cell has the event.
    """
    check_event(found, event)
    rows = []
    for group, part in groups(found, (step, event[0])):
        numbers, outcomes = maps(part, step, event, steps, periods=periods)
        told = {"sites": int(part.sites.max()), "withheld": int(part.withheld.max())}
        survival = _survival(part, numbers, outcomes, level)
        for at, each in enumerate(steps):
            counts = {
                "begun": float(numbers[at] @ part.values["count"]),
                "ended": float(outcomes[at] @ part.values["count"]),
            }
            hazard = counts["ended"] / counts["begun"] if counts["begun"] > 0 else None
            hazard = None if hazard is None else min(max(hazard, 0.0), 1.0)
            value, low, high = survival[at]
            if part.withheld.any():
                low = high = None
            curve = {"hazard": hazard, "value": value, "low": low, "high": high}
            rows.append({**group, step: each, **counts, **curve, **told})
    return rows


def maps(
    found: Pool,
    step: str,
    event: tuple[str, str],
    steps: Sequence[Any],
    *,
    by: Sequence[str] = (),
    periods: bool = False,
) -> tuple[Floats, Floats]:
    """Return N and D, which take the counts of cells to n and d: a row a group and step.

    Args:
        found: the cells, of a value in each dimension.
        step: dimension of the steps.
        event: dimension and its value that is the event.
        steps: values of the step in order, all of them.
        by: dimensions of the groups; their rows are in the order of `group_keys`.
        periods: whether a row of the data is a person in a step, not a person.
    """
    place = {each: at for at, each in enumerate(steps)}
    ends = [place[each] for each in found.where(step)]
    happened = outcomes_of(found, event)
    keys = group_keys(found, by)
    own = list(zip(*(found.where(name) for name in by), strict=True)) or [()] * len(found.keys)
    numbers = np.zeros((len(keys) * len(steps), len(found.keys)))
    outcomes = np.zeros_like(numbers)
    for cell, end in enumerate(ends):
        first = keys.index(own[cell]) * len(steps)
        begun = [end] if periods else range(end + 1)
        numbers[[first + at for at in begun], cell] = 1.0
        outcomes[first + end, cell] = float(happened[cell])
    return numbers, outcomes


def check_event(found: Pool, event: tuple[str, str]) -> None:
    """Check that a value is one of its dimension.

    Raises:
        StatisticUnfit: no cell has it.
    """
    if not any(outcomes_of(found, event)):
        raise StatisticUnfit(f"no cell has `{event[0]}` = `{event[1]}`")


def outcomes_of(found: Pool, event: tuple[str, str]) -> list[bool]:
    """Return of each cell whether it is of the event, (dimension, value)."""
    return [spelled(each) == event[1] for each in found.where(event[0])]


def group_keys(found: Pool, by: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the values of some dimensions that cells have, each once."""
    return list(dict.fromkeys(zip(*(found.where(name) for name in by), strict=True))) or [()]


def _survival(
    found: Pool, numbers: Floats, outcomes: Floats, level: float
) -> list[tuple[float | None, float | None, float | None]]:
    counts, noise = found.values["count"], found.variances["count"]
    logged, variance, known = 0.0, 0.0, True
    slope = np.zeros(len(counts))
    rows: list[tuple[float | None, float | None, float | None]] = []
    for begins, ends in zip(numbers, outcomes, strict=True):
        begun, ended = float(begins @ counts), float(ends @ counts)
        stayed = begun - ended
        if not known or begun <= 0 or stayed <= 0:
            nobody = known and begun > 0 and not noise.any()
            rows.append((0.0 if nobody else None, None, None))
            known = False
            continue
        logged += math.log(stayed) - math.log(begun)
        variance += max(ended, 0.0) / (begun * stayed)
        slope += (begins - ends) / stayed - begins / begun
        error = math.sqrt(variance + float(slope**2 @ noise))
        reach = float(normal_cover(np.array(error), level))
        low, value, high = (min(math.exp(logged + it), 1.0) for it in (-reach, 0.0, reach))
        rows.append((value, low, high))
    return rows
