r"""Which sums a site may add to, beside those that it added to before.

Let a site i have the vector v_i, and S_T = Σ_{i∈T} v_i be what is told of a set T of sites.

- **Other sets.** S_T - S_{T∖{i}} = v_i. More sets do more: S_{1,2,3} + S_{3,4,5} - S_{1,2,4,5} is
  2 v_3, though no two of these sets differ by fewer than three sites, and no site is in all of
  them. Hence a site adds to sums of one set only, for good, whatever the model: sets that honest
  sites add to are then equal or disjoint, and what is linear in S_T has at least three sites or
  none. A model of fewer columns is a part of one of more, so that the rule is of the dataset, not
  of the model.
- **Other rows.** Two models whose columns lack values in different rows would differ by the persons
  who lack them. Hence all sums of a dataset are of the same rows and columns that may be used: of
  those that have a value in each.
  Persons held out are a sample of each contract: sums over those of two contracts differ by many,
  and the rule is of one contract's.
- **Other points.** g(β) and H(β) of many β tell more than those of the path to the fit. Hence a
  model is asked at a limited number of points for each state of the data. Of persons held out a
  contract states how many models may be evaluated, whatever the state.
- **The same masks.** A context, once it left, does not leave again: two vectors under one mask
  tell their difference.

Not told apart: sites that are one party under two names. Who the sites are the contract says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

LEAST_SITES: Final = 3
Members = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Left:
    """What a site keeps of a sum that it added to.

    Attributes:
        context: digest of all that the round was about.
        session: id; of the job, where a model is evaluated.
        members: (site, dataset) of each that added to it.
        rows: digest of which rows and columns may be used.
        snapshot: digest of the data.
        model: digest of terms and outcome; empty where a model is evaluated.
        point: digest of the coefficients at which it was; of nothing where there are none; of the
            model that is evaluated.
        held: contract whose persons held out were counted; empty: all persons.
    """

    context: str
    session: str
    members: Members
    rows: str
    snapshot: str
    model: str
    point: str
    held: str = ""


def why_not(before: Iterable[Left], new: Left, most_points: int) -> str:
    """Return why a site does not add to a sum, beside those before; empty where it does.

    Args:
        before: of the same dataset, whoever asked.
        new: what is asked for.
        most_points: of a model and a state of the data; of a contract, of persons held out.
    """
    kept, points = list(before), {_asked(new)}
    if len(new.members) < LEAST_SITES:
        return f"a sum needs at least {LEAST_SITES} sites, and {len(new.members)} are named"
    for each in kept:
        if fault := _conflict(each, new):
            return fault
        if (each.held, each.model, each.snapshot) == (new.held, new.model, new.snapshot):
            points.add(_asked(each))
    if len(points) > most_points and new.held:
        return f"the contract permits {most_points} evaluations without noise, and all were made"
    if len(points) > most_points:
        return f"the regression was asked at {most_points} points, the most that is allowed"
    return ""


def _asked(left: Left) -> tuple[str, str]:
    """Return what counts as one point: each job that evaluates is one, whatever its model."""
    return left.point, left.session if left.held else ""


def _conflict(left: Left, new: Left) -> str:
    if left.context == new.context:
        return "this round was answered already, under the same masks: start over"
    if left.members != new.members:
        began = "the session began" if left.session == new.session else "the dataset's sums began"
        sites = ", ".join(site for site, _ in sorted(left.members))
        return (
            f"{began} over {sites}: over other sites as well, they would reveal the sums "
            "of a single site"
        )
    if left.held == new.held and left.rows != new.rows:
        return (
            "earlier sums of the dataset are of other rows or columns: together they "
            "would reveal something about few persons"
        )
    return ""


def triangle(size: int) -> Sequence[tuple[int, int]]:
    """Return the places of a symmetric matrix that are told, row by row."""
    return [(at, beside) for at in range(size) for beside in range(at, size)]
