"""What the tables ask of conflict analysis beyond the package: times together, parts as kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final

from policies_odrl import Knowledge, Policy, text
from policies_odrl.algebra.boxes import delayed
from policies_odrl.algebra.claims import Atom, Goal
from policies_odrl.algebra.extent import Reading
from policies_odrl.algebra.forms import condition_form, operands_of
from policies_odrl.algebra.periods import Recurrence, Stretch
from policies_odrl.conflicts.compatibility import ConflictVerdict, Example, judged
from policies_odrl.conflicts.overlap import Outcome, World, excluded, unknown
from policies_odrl.evaluation.clocks import DELAY, ELAPSED, METERED
from policies_odrl.logic import Truth
from policies_odrl.model import Condition, Connective, Constraint, LogicalConstraint, Operator
from policies_odrl.vocabulary import Kind
from tests.conformance.times.asserted import Asserted

CLOCKS: Final = (METERED, DELAY, ELAPSED)


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
        atoms: left operand -> what is asked of it.
        chains: see `Chain`.
        start: when the agreement began, aware; None when nobody says.
        anchors: IRI of a constraint -> start of its first period, aware.
        barring: see `overlap.World`.
    """

    atoms: Mapping[str, Sequence[Atom]]
    chains: Sequence[Chain] = ()
    start: datetime | None = None
    anchors: Mapping[str, datetime] = field(default_factory=dict)
    barring: bool = False


def verdict(
    policies: Sequence[Policy],
    knowledge: Knowledge,
    *,
    anchors: Mapping[str, datetime] | None = None,
    parts_as_kinds: bool = False,
) -> ConflictVerdict:
    """Return whether one policy or two conflict, their times taken together.

    Args:
        policies: one or two.
        knowledge: terms, hierarchies and what is disjoint.
        anchors: IRI of a constraint on `timeInterval` -> start of its first period, aware.
        parts_as_kinds: whether `isPartOf` and `hasPart` of a concept are read by the order of its
            kinds, as the public tables do; evaluation gives them no meaning.
    """
    reading = Reading(knowledge, order=Asserted, parts_as_kinds=parts_as_kinds)
    shown = partial(_shown, parts_as_kinds=parts_as_kinds)
    return judged(
        policies, World(reading, times=partial(_judge, anchors=anchors or {}), shown=shown)
    )


def line(example: Example) -> str:
    """Return an example in one line (`use; dateTime 2026-06-01T00:00:00Z`)."""
    asked, stated = example.request, dict(example.request.facts)
    parts = [text.term(asked.action)]
    parts += [f"assignee {asked.assignee}"] if asked.assignee else []
    parts += [f"target {asked.target}"] if asked.target else []
    if example.facts.now is not None:
        stated["dateTime"] = (example.facts.now,)
    parts += [
        f"{text.term(left)} {', '.join(_written(item) for item in values)}"
        for left, values in sorted(stated.items())
    ]
    return "; ".join(parts)


def _written(item: object) -> str:
    if isinstance(item, Stretch):
        return f"from {text.instant(item.start)} to {text.instant(item.end)}"
    if isinstance(item, Recurrence):
        anchor = f" from {text.instant(item.anchor)}" if item.anchor else ""
        return f"due{anchor} at {text.instant(item.now)}"
    return text.value(item)  # type: ignore[arg-type] # a fact; the two clocks are handled above


# -- times ---------------------------------------------------------------------------------------


def _judge(
    times: Mapping[str, Sequence[Atom]],
    sequences: Sequence[Goal],
    world: World,
    *,
    anchors: Mapping[str, datetime],
) -> Outcome:
    from tests.conformance.times.timeline import judge  # noqa: PLC0415 - it asks of `Times`

    chains, strange = _chains(sequences)
    atoms = [atom for items in times.values() for atom in items]
    links = [atom for chain in chains for part in chain.parts for atom in part]
    said = {
        (condition_form(atom.item), anchors.get(atom.item.id or ""), atom.holds) for atom in atoms
    }
    referring = next((atom for atom in atoms if atom.item.reference), None)
    found = Outcome(Truth.TRUE)
    if any((form, anchor, not holds) in said for form, anchor, holds in said):
        return excluded(atoms)
    if referring is not None:
        found = unknown(f"{referring.text}: the value at `{referring.item.reference[0][:200]}`")
    elif atoms or chains:
        found = judge(Times(times, chains, world.start, anchors, world.barring))
    if found.truth is Truth.FALSE:
        return excluded([*atoms, *links])
    return unknown("; ".join(filter(None, [*strange, found.why]))) if strange else found


def _chains(sequences: Iterable[Goal]) -> tuple[list[Chain], list[str]]:
    """Return the delays that follow one another, and what of sequences is not settled."""
    chains, strange = [], []
    for goal in sequences:
        item = goal.item
        shown = text.condition(item)[:200]
        if not goal.holds or not isinstance(item, LogicalConstraint) or not item.operands:
            strange.append(f"{shown}: whether the order was kept")
            continue
        links = [_link(part, goal.side) for part in item.operands if delayed(part)]
        if all(links):
            chains.append(Chain(tuple(links), goal.side))
        else:
            strange.append(f"{shown}: when each part came true")
    return chains, strange


def _link(part: Condition, side: int) -> tuple[Atom, ...]:
    """Return what a member of a sequence asks of its delay; empty where it asks for more."""
    if isinstance(part, Constraint):
        return (Atom(part, side=side),)
    links = [_link(item, side) for item in part.operands]
    if part.connective is not Connective.AND or not all(links):
        return ()
    atoms = tuple(atom for link in links for atom in link)
    return atoms if all(atom.item.left == DELAY for atom in atoms) else ()


# -- what one request can show -------------------------------------------------------------------


def _shown(
    items: Sequence[Condition], knowledge: Knowledge, *, parts_as_kinds: bool
) -> Iterator[Condition]:
    """Yield the conditions that one request can show, as evaluation is to read them.

    The delays of an `andSequence` have each their own moment. Where parts of a concept are read as
    its kinds, `isPartOf` is `isA`, and `hasPart` is left out.
    """
    for item in items:
        read = _as_kinds(item, knowledge) if parts_as_kinds else item
        if read is not None and not _is_chain(item):
            yield read


def _is_chain(item: Condition) -> bool:
    return (
        isinstance(item, LogicalConstraint)
        and item.connective is Connective.AND_SEQUENCE
        and len(item.operands) > 1
        and operands_of(item) == {DELAY}
    )


def _as_kinds(item: Condition, knowledge: Knowledge) -> Condition | None:
    if isinstance(item, LogicalConstraint):
        parts = (_as_kinds(part, knowledge) or part for part in item.operands)
        return replace(item, operands=tuple(parts))
    operand = knowledge.operand(item.left)
    if operand is None or operand.kind is not Kind.CONCEPT:
        return item
    if item.operator is Operator.HAS_PART:
        return None
    return replace(item, operator=Operator.IS_A) if item.operator is Operator.IS_PART_OF else item
