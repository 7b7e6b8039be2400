"""What a level of protection comes to on real rows, as figures that may be told.

Rules: a figure about persons is told in steps of at least ten persons, and rounded to the side of
more risk, so that it tells of nobody; what is not there to be measured is None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from federated.reading import Member

FEW: Final = 5  # persons; a class of fewer is rare
BAND: Final = 0.1  # what is reported may change by so much before a delivery is refused
_STEP: Final = 0.01
_PLACES: Final = 10_000
_PERSONS: Final = 10
_MOST_COLUMNS: Final = 4096


@dataclass(frozen=True, slots=True)
class Risk:
    """How far persons stand out in rows that leave (Article 29 Working Party, opinion 05/2014).

    Attributes:
        k: fewest persons with the same quasi-identifiers, see `in_steps`; 0: fewer than `FEW`.
        l: fewest distinct values of a sensitive column among them; None without such a column.
        t: greatest distance of such values from those of all rows, in [0, 1]; None likewise.
        unique: share of persons whose quasi-identifiers nobody else has.
        rare: share of persons who share theirs with fewer than `FEW` persons, themselves too.
        linkable: share of persons whom two sources tell for one by their quasi-identifiers, beyond
            persons who are not in the rows at all (Giomi et al. 2023, section 4).
    """

    k: int
    l: int | None  # noqa: E741  the name of the measure
    t: float | None
    unique: float
    rare: float
    linkable: float

    def beyond(self, promised: Risk) -> tuple[str, ...]:
        """Return which figures are of more risk than was promised, by more than the band.

        Args:
            promised: what a report says.
        """
        fewer = self.k < promised.k * (1 - BAND)
        poorer = self.l is not None and (promised.l or 0) > self.l  # None: nothing sensitive leaves
        more = (
            name
            for name in ("t", "unique", "rare", "linkable")
            if (getattr(self, name) or 0.0) > (getattr(promised, name) or 0.0) + BAND
        )
        return (*(("k",) if fewer else ()), *(("l",) if poorer else ()), *more)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found for one use of a plan.

    Attributes:
        risk: of rows; None where cells leave, or the data are about no person.
        withheld: share of the cells of tables of one and of two dimensions that do not leave; None
            where rows leave.
        epsilon: ε that all tables may spend; None without noise.
        marginal: column -> total variation between its values and those that leave, in [0, 1];
            None where it does not leave. Of cells: rows in those withheld, or what noise adds.
        pairs: the same for pairs of columns that leave as rows, on average; None without a pair.
    """

    risk: Risk | None = None
    withheld: float | None = None
    epsilon: float | None = None
    marginal: Mapping[str, float | None] = field(default_factory=dict)
    pairs: float | None = None

    @property
    def is_held_to(self) -> bool:
        """Whether it has figures that later uses may not go beyond."""
        return self.risk is not None or self.withheld is not None

    def beyond(self, promised: Findings) -> tuple[str, ...]:
        """Return which figures went beyond what was promised, by more than the band.

        Of rows those about persons; of tables what they lack, in all and by column.

        Args:
            promised: what a report says.
        """
        if promised.risk is not None:
            return self.risk.beyond(promised.risk) if self.risk else ()
        if promised.withheld is None:
            return ()
        columns = (
            f"rows of `{name}`"
            for name, share in self.marginal.items()
            if (share or 0.0) > (promised.marginal.get(name) or 0.0) + BAND
        )
        more = (self.withheld or 0.0) > promised.withheld + BAND
        return (*(("cells withheld",) if more else ()), *columns)

    def body(self) -> dict[str, Any]:
        """Return its members, JSON values."""
        risk = self.risk
        stated = {name: getattr(risk, name) for name in Risk.__slots__} if risk else None
        return {
            "risk": stated,
            "withheld": self.withheld,
            "epsilon": self.epsilon,
            "marginal": dict(self.marginal),
            "pairs": self.pairs,
        }

    @classmethod
    def read(cls, member: Member) -> Findings:
        """Return the findings that these members say.

        Raises:
            Exception: a member is missing, unknown or out of range, as `member` raises it.
        """
        part = member.fields("risk", "withheld", "epsilon", "marginal", "pairs")
        columns = part["marginal"].entries(most=_MOST_COLUMNS)
        epsilon = part["epsilon"]
        return cls(
            risk=None if part["risk"].value is None else _risk(part["risk"]),
            withheld=_share(part["withheld"]),
            epsilon=None if epsilon.value is None else epsilon.number(above=0),
            marginal={name: _share(each) for name, each in columns.items()},
            pairs=_share(part["pairs"]),
        )


def told(share: float, persons: int) -> float:
    """Return a share of persons as it may be told: more, never less, in steps of ten persons."""
    step = max(_STEP, _PERSONS / persons) if persons else 1.0
    whole = math.ceil(round(share / step, 9)) * step
    return min(1.0, math.ceil(round(whole * _PLACES, 6)) / _PLACES)


def in_steps(count: int) -> int:
    """Return a number of persons as it may be told: fewer, never more, by two digits at most."""
    step = max(FEW, int(10 ** (len(str(count)) - 2)))
    return count // step * step


def _risk(member: Member) -> Risk:
    part = member.fields(*Risk.__slots__)
    return Risk(
        k=part["k"].integer(least=0),
        l=None if part["l"].value is None else part["l"].integer(least=0),
        t=_share(part["t"]),
        unique=_within(part["unique"]),
        rare=_within(part["rare"]),
        linkable=_within(part["linkable"]),
    )


def _share(member: Member) -> float | None:
    return None if member.value is None else _within(member)


def _within(member: Member) -> float:
    found = member.number(most=1)
    return found if found >= 0 else member.refuse("must be 0 or more")
