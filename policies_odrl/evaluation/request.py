"""What is asked, and what is known: the two inputs of an evaluation besides the policy.

Rule: what the node knows itself (`Facts`) wins over what a request says about itself; a caller
cannot choose its own time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from policies_odrl.evaluation.deontic import DutyState, Instance
from policies_odrl.evaluation.operands import Fact
from policies_odrl.evaluation.state import Usage
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import OPERANDS, Operand

DATE_TIME: Final = ODRL + "dateTime"
_BUILT_IN: Final = Knowledge()


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
    """An action that was carried out, as evidence for duties and against prohibitions.

    Attributes:
        action: IRI.
        at: when, aware (a time without a zone is read as UTC).
        party: IRI of who did it; empty when not known.
        target: IRI of the asset; None when none.
        facts: left operand IRI -> values under which it was done.
    """

    action: str
    at: datetime
    party: str = ""
    target: str | None = None
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            object.__setattr__(self, "at", self.at.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Facts:
    """State of the world, as the one who evaluates knows it.

    Attributes:
        now: time of the evaluation, aware (a time without a zone is read as UTC); None when not
            known.
        values: left operand IRI -> values; these win over those of the request.
        members: IRI of a party or asset collection -> all its members; a collection that is not
            here has unknown members.
        performed: what was done so far, for duties and prohibitions.
        knowledge: terms and hierarchies.
        recorded: IRI of a duty (its JSON pointer when it has none) -> where it stands, as the world
            states it.
        history: IRI of a duty (or its JSON pointer) -> what became of its earlier instances.
        usage: what was used so far; None when nobody keeps account, so that counts and clocks are
            unknown.
        since: IRI of a constraint, or of a left operand -> since when it holds what it holds now,
            aware; for `andSequence`.
        anchors: IRI of a constraint, or of a left operand -> start of its first period, aware; for
            `timeInterval`.
    """

    now: datetime | None = None
    values: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    performed: tuple[Performed, ...] = ()
    knowledge: Knowledge = field(default_factory=lambda: _BUILT_IN)
    recorded: Mapping[str, DutyState] = field(default_factory=dict)
    history: Mapping[str, tuple[Instance, ...]] = field(default_factory=dict)
    usage: Usage | None = None
    since: Mapping[str, datetime] = field(default_factory=dict)
    anchors: Mapping[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.now is not None and self.now.tzinfo is None:
            object.__setattr__(self, "now", self.now.replace(tzinfo=UTC))

    def names_of(self, left: str) -> tuple[str, ...]:
        """Return all names of a left operand, itself first."""
        return names_of(left, self.knowledge)

    def values_of(self, left: str, request: Request) -> tuple[Fact, ...]:
        """Return the values of a left operand; empty when nobody stated any.

        What is known here wins under whatever name it is known; the time is never the request's.
        """
        names = self.names_of(left)
        for name in names:
            if name in self.values:
                return self.values[name]
        if DATE_TIME in names:
            return () if self.now is None else (self.now,)
        for name in names:
            if name in request.facts:
                return request.facts[name]
        return ()


def names_of(left: str, knowledge: Knowledge) -> tuple[str, ...]:
    """Return a left operand, the one that replaces it, and the deprecated ones it replaces.

    >>> [name.removeprefix(ODRL) for name in names_of(ODRL + "systemDevice", Knowledge())]
    ['systemDevice', 'device', 'system']
    """
    known = knowledge.operand(left)
    current = (known.replaced_by if known else "") or left
    older = _REPLACED.get(current, ())
    if knowledge.operands:
        older = (*older, *_replaced(knowledge.operands).get(current, ()))
    return tuple(dict.fromkeys((left, current, *older))) if older or current != left else (left,)


def _replaced(operands: Mapping[str, Operand]) -> Mapping[str, tuple[str, ...]]:
    """Return the deprecated operands by the one that replaces them."""
    found: dict[str, tuple[str, ...]] = {}
    for iri, operand in operands.items():
        if operand.replaced_by:
            found[operand.replaced_by] = (*found.get(operand.replaced_by, ()), iri)
    return found


_REPLACED: Final = _replaced(OPERANDS)
