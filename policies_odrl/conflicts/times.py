"""What is asked of the times of one use, and the answer that needs no theory of time.

The calendar, running clocks and periods depend on one another. Where more than one of them is
asked for, the answer is open and says so. A caller with such a theory hands it in as a `Judge`.
Source: ODRL Vocabulary (`delayPeriod`, `elapsedTime`, `meteredTime`, `timeInterval`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.claims import Atom, Claims
from policies_odrl.algebra.extent import Reading
from policies_odrl.conflicts.outcome import Outcome, settled, unknown
from policies_odrl.evaluation.clocks import DELAY, ELAPSED, INTERVAL, METERED
from policies_odrl.evaluation.request import DATE_TIME
from policies_odrl.logic import Truth
from policies_odrl.vocabulary import OPERANDS

CLOCKS: Final = (METERED, DELAY, ELAPSED)
TIMES: Final = frozenset({DATE_TIME, INTERVAL, *CLOCKS})


@dataclass(frozen=True, slots=True)
class Chain:
    """The delays of one `andSequence`, which follow one another.

    Attributes:
        parts: what is asked of each delay, in order.
        side: which policy it comes from, 0 or 1.
    """

    parts: tuple[tuple[Atom, ...], ...]
    side: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """What is asked of the times of one use.

    Attributes:
        atoms: left operand -> what is asked of it; operands of `TIMES` only.
        reading: how the constraints are read.
        chains: see `Chain`.
        start: when the agreement began, aware; None when nobody says.
        anchors: IRI of a constraint -> start of its first period, aware.
        barring: see `overlap.World`.
    """

    atoms: Mapping[str, Sequence[Atom]]
    reading: Reading
    chains: Sequence[Chain] = ()
    start: datetime | None = None
    anchors: Mapping[str, datetime] = field(default_factory=dict)
    barring: bool = False


Judge = Callable[[Times], Outcome]


def each_alone(times: Times) -> Outcome:
    """Return whether times can be met, as far as each operand tells by itself."""
    if times.chains:
        return unknown("how long the delays of a sequence take together")
    found = {
        left: settled(left, Claims(OPERANDS[left], atoms, times.reading))
        for left, atoms in times.atoms.items()
    }
    periods = found.pop(INTERVAL, None)
    never = next((item for item in found.values() if item.truth is Truth.FALSE), None)
    if never is not None:
        return never
    if periods is not None and (len(times.atoms[INTERVAL]) > 1 or times.anchors):
        return unknown("from when the periods of timeInterval are counted is not stated")
    outcomes = [*found.values(), *([] if periods is None else [periods])]
    names = " and ".join(sorted(text.term(left) for left in times.atoms))
    return outcomes[0] if len(outcomes) == 1 else unknown(f"how {names} go together")
