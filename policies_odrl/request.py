"""What is asked, and what is known: the two inputs of an evaluation besides the policy.

Rule: what the node knows itself (`Facts`) wins over what a request says about itself; a caller
cannot choose its own time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from policies_odrl.model import ODRL
from policies_odrl.operands import Fact, Knowledge
from policies_odrl.vocabulary import OPERANDS

DATE_TIME: Final = ODRL + "dateTime"


@dataclass(frozen=True, slots=True)
class Request:
    """A wish to exercise an action.

    Attributes:
        action: IRI.
        assignee: IRI (DID) of who asks; empty when not known.
        target: IRI of the asset; None when none is meant.
        facts: left operand IRI -> values that the request states.
    """

    action: str
    assignee: str = ""
    target: str | None = None
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Performed:
    """An action that was carried out, as evidence for duties.

    Attributes:
        action: IRI.
        at: when, aware.
        party: IRI of who did it; empty when not known.
        target: IRI of the asset; None when none.
        facts: left operand IRI -> values under which it was done.
    """

    action: str
    at: datetime
    party: str = ""
    target: str | None = None
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """State of the world, as the one who evaluates knows it.

    Attributes:
        now: time of the evaluation, aware; None when not known.
        values: left operand IRI -> values; these win over those of the request.
        members: IRI of a party or asset collection -> all its members; a collection that is not
            here has unknown members.
        performed: what was done so far, for duties.
        knowledge: hierarchies.
    """

    now: datetime | None = None
    values: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    performed: tuple[Performed, ...] = ()
    knowledge: Knowledge = field(default_factory=Knowledge)

    def values_of(self, left: str, request: Request) -> tuple[Fact, ...]:
        """Return the values of a left operand; empty when nobody stated any."""
        known = OPERANDS.get(left)
        for name in (left, known.replaced_by) if known and known.replaced_by else (left,):
            if name in self.values:
                return self.values[name]
            if name == DATE_TIME and self.now is not None:
                return (self.now,)
            if name in request.facts:
                return request.facts[name]
        return ()
