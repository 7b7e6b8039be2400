"""Can conditions hold together? Values with which they do, a proof that not, or what is lacking.

Conditions on different operands never multiply: they are searched in groups. It is False only when
every way is proved impossible. The work is bounded, and there is no normal form.
Source: arXiv 2602.19883 (composition of verdicts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from policies_odrl import text
from policies_odrl.algebra.boxes import Box
from policies_odrl.algebra.claims import Atom, Claims, Goal
from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.extent import Exhausted, Reading
from policies_odrl.evaluation.clocks import DELAY, ELAPSED, INTERVAL, METERED
from policies_odrl.evaluation.request import DATE_TIME
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import XSD, Condition, Literal, LogicalConstraint, Operator
from policies_odrl.values import name
from policies_odrl.vocabulary import OPERANDS, Kind, Operand

MAX_NAMED: Final = 3  # reasons or conditions that are named for one group of conditions
TIMES: Final = frozenset({DATE_TIME, INTERVAL, METERED, DELAY, ELAPSED})  # depend on one another
_TIME: Final = "time"
_ALWAYS: Final = frozenset({"before", "during", "after"})
_WHEN: Final = {
    Operator.LT: frozenset({"before"}),
    Operator.LTEQ: frozenset({"before", "during"}),
    Operator.EQ: frozenset({"during"}),
    Operator.GTEQ: frozenset({"during", "after"}),
    Operator.GT: frozenset({"after"}),
    Operator.NEQ: frozenset({"before", "after"}),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of several conditions together.

    Attributes:
        truth: True: they can hold together; False: it is proved that they cannot.
        facts: with True, left operand -> values that a request may state.
        why: with Undetermined, the fact that is lacking; with False, what excludes what.
        example: with True, a request and facts that were evaluated; None where none was asked for.
    """

    truth: Truth
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    why: str = ""
    example: Any = None


Judge = Callable[[Mapping[str, Sequence[Atom]], Sequence[Goal], "World"], Outcome]


def each_alone(
    asked: Mapping[str, Sequence[Atom]], sequences: Sequence[Goal], world: World
) -> Outcome:
    """Return whether operands of time can be met, as far as each tells by itself."""
    claims = {left: Claims(OPERANDS[left], atoms, world.reading) for left, atoms in asked.items()}
    outcomes = [settled(left, found) for left, found in claims.items()]
    never = next((item for item in outcomes if item.truth is Truth.FALSE), None)
    if never is not None or (len(outcomes) == 1 and not sequences):
        return never or outcomes[0]
    names = " and ".join(sorted(map(text.term, asked)))
    return unknown(
        f"how {names} go together"
        if not sequences
        else "in what order the parts of a sequence came true"
    )


@dataclass(frozen=True, slots=True)
class World:
    """What the search may rely on.

    Attributes:
        reading: how constraints are read.
        start: when the agreement began, aware; None when nobody says.
        barring: whether a meeting is what must not be, so that none may be overlooked.
        times: judges what is asked of the operands of time, and of sequences, together.
        shown: picks the conditions of a permission that one request can show.
    """

    reading: Reading
    start: datetime | None = None
    barring: bool = False
    times: Judge = each_alone
    shown: Callable[[Sequence[Condition], Knowledge], Iterable[Condition]] = lambda items, _: items


def unknown(why: str) -> Outcome:
    """Return that something is lacking."""
    return Outcome(Truth.UNDETERMINED, why=why)


def overlap(goals: Sequence[Goal], world: World) -> Outcome:
    """Return whether all goals can be met together.

    A deprecated operand is the one that replaces it: a request has one value for both.
    """
    knowledge = world.reading.knowledge
    outcomes = []
    for group in _groups([replace(it, item=_current(it.item, knowledge)) for it in goals]):
        try:
            outcomes.append(_search(group, world))
        except Exhausted as exc:
            outcomes.append(unknown(str(exc)))
        if outcomes[-1].truth is Truth.FALSE:
            break
    return _all_met(outcomes)


def _current(item: Condition, knowledge: Knowledge) -> Condition:
    if isinstance(item, LogicalConstraint):
        return replace(item, operands=tuple(_current(part, knowledge) for part in item.operands))
    newer = knowledge.current(item.left)
    return item if newer == item.left else replace(item, left=newer)


def _groups(goals: Iterable[Goal]) -> list[list[Goal]]:
    """Return goals in groups that have no operand in common."""
    found: dict[str, tuple[dict[str, None], list[Goal]]] = {}
    for goal in goals:
        about = sorted({_TIME if it in TIMES else it for it in goal.operands} or {""})
        names = dict.fromkeys(about)
        near = {id(found[it]): found[it] for it in about if it in found}
        for others, _ in near.values():
            names |= others
        items = [it for _, group in near.values() for it in group]
        found.update(dict.fromkeys(names, (names, [*items, goal])))
    return list({id(items): items for _, items in found.values()}.values())


def _search(goals: Sequence[Goal], world: World) -> Outcome:
    pending = [Box(goals, opening=True)]
    lacking: list[str] = []
    apart: list[str] = []
    while pending:
        box = pending.pop()
        found = _judge(box, world)
        if found.truth is Truth.FALSE:
            apart.append(found.why)
        elif box.choices:
            chosen = min(box.choices, key=lambda choice: len(choice.ways))
            world.reading.budget.pay(len(chosen.ways) * (1 + sum(map(len, box.atoms.values()))))
            pending.extend(reversed(list(box.cases(chosen))))
        elif found.truth is Truth.TRUE:
            return found
        else:
            lacking.append(found.why)
    why = "; ".join(list(dict.fromkeys(lacking or apart))[:MAX_NAMED])
    return unknown(why) if lacking else Outcome(Truth.FALSE, why=why)


def _judge(box: Box, world: World) -> Outcome:
    """Return whether what one way asks of each operand can hold, its choices left aside."""
    times = {left: atoms for left, atoms in box.atoms.items() if left in TIMES}
    plain = {left: box.claims(left, world.reading) for left in box.atoms if left not in TIMES}
    outcomes = [settled(left, claims) for left, claims in plain.items()]
    if times or box.sequences:
        world.reading.budget.pay(len(box.sequences) + sum(map(len, times.values())))
        outcomes.append(world.times(times, box.sequences, world))
    return _all_met(outcomes)


def _all_met(outcomes: Sequence[Outcome]) -> Outcome:
    """Return whether what is asked of different operands can be met together."""
    never = next((item for item in outcomes if item.truth is Truth.FALSE), None)
    if never is not None:
        return never
    whys = [item.why for item in outcomes if item.truth is Truth.UNDETERMINED]
    if whys:
        return unknown("; ".join(dict.fromkeys(whys)))
    return Outcome(Truth.TRUE, {left: it for found in outcomes for left, it in found.facts.items()})


# -- one operand ---------------------------------------------------------------------------------


def settled(left: str, claims: Claims) -> Outcome:
    """Return whether what is asked of one operand can be met.

    Raises:
        Exhausted: the work would exceed the budget.
    """
    if claims.empty:
        return excluded(claims.atoms)
    if claims.operand is None:
        return unknown(f"`{text.term(left)}` is not a known left operand")
    if claims.operand.kind is Kind.EVENT:
        return _of_events(left, claims)
    values = next(claims.samples(), ())
    return Outcome(Truth.TRUE, {left: values}) if values else unknown(_lacking(left, claims))


def excluded(atoms: Sequence[Atom]) -> Outcome:
    """Return that nothing satisfies all of some constraints."""
    lines = list(dict.fromkeys(atom.text for atom in atoms))
    more = f" and {len(lines) - MAX_NAMED} more" if len(lines) > MAX_NAMED else ""
    return Outcome(Truth.FALSE, why=f"nothing satisfies {' and '.join(lines[:MAX_NAMED])}{more}")


def _of_events(left: str, claims: Claims) -> Outcome:
    """Return whether a moment can satisfy all constraints on events.

    An event whose moment is known is a moment. Of others, being before, during and after exclude
    one another and nothing else is known (Vocabulary, `event`).
    """
    reading, first = claims.reading, claims.atoms[0].item
    named = [(it, name(value) or "") for it in claims.atoms for value in it.item.right]
    zones: dict[str, frozenset[str]] = {}
    for atom, event in named:
        zone = _WHEN.get(atom.item.operator)
        if zone is not None and len(atom.item.right) == 1:
            zones[event] = zones.get(event, _ALWAYS) & (zone if atom.holds else _ALWAYS - zone)
    if not all(zones.values()):
        return excluded(claims.atoms)
    moments = {event: it for event, (it, end) in reading.knowledge.events.items() if it == end}
    singles = all(len(it.item.right) == 1 for it in claims.atoms)
    if singles and all(event in moments for _, event in named):
        at = {it: Literal(moment.isoformat(), XSD + "dateTime") for it, moment in moments.items()}
        dated = [replace(it, item=replace(it.item, right=(at[event],))) for it, event in named]
        return settled(left, Claims(Operand(left, Kind.INSTANT, frozenset()), dated, reading))
    alike = singles and all(it.holds and it.item == first for it in claims.atoms)
    if alike and first.operator is Operator.EQ:
        return Outcome(Truth.TRUE, {left: first.right})
    event = next((event for _, event in named if event not in moments), "")
    when = f"when `{event}` takes place"
    if event in reading.knowledge.events:
        when = f"at what moment of the event `{event}`"
    away = next((why for atom, why in claims.opaque if atom.item.reference), "")
    return unknown(f"{text.term(left)}: {away or when}")


def _lacking(left: str, claims: Claims) -> str:
    """Return the first fact that would settle what is asked of one operand."""
    if claims.opaque:
        atom, why = claims.opaque[0]
        return f"{atom.text}: {why}"
    items = [atom.item for atom in claims.atoms]
    if len({item.status for item in items}) > 1:
        return f"{text.term(left)}: where each count starts"
    if len(claims.groups) > 1:
        units = sorted({text.term(item.unit) or "no unit" for item in items})
        return f"{text.term(left)}: how {' and '.join(units)} compare"
    lines = " and ".join(dict.fromkeys(atom.text for atom in claims.atoms))
    kind = claims.operand.kind if claims.operand else None
    if kind in {Kind.CONCEPT, Kind.PLACE, Kind.IDENTITY}:
        return f"{lines}: {_unasserted(claims, kind)}"
    if kind is Kind.DURATION:
        return f"{lines}: how many days a month has"
    return f"{text.term(left)}: no value that can be written"


def _unasserted(claims: Claims, kind: Kind | None) -> str:
    named = [name(value) or "" for atom in claims.atoms for value in atom.item.right]
    strange = next((it for it in named if not claims.reading.knowledge.knows(it)), None)
    if strange is not None and kind is not Kind.IDENTITY:
        return f"what `{text.term(strange)}` means is not known"
    first, *others = map(text.term, dict.fromkeys(named))
    if others:
        return f"whether `{first}` and `{others[0]}` have anything in common is not asserted"
    return "no name that certainly fits"
