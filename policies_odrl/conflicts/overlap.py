"""Can conditions hold together? Values with which they do, a proof that not, or what is lacking.

Conditions on different operands never multiply: they are searched in groups. It is False only when
every way is proved impossible. The work is bounded, and there is no normal form.
Source: arXiv 2602.19883 (composition of verdicts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import Any, Final

from policies_odrl import model, text
from policies_odrl.algebra.boxes import DELAY, Box
from policies_odrl.algebra.claims import INTERVAL, Atom, Claims, Goal
from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.extent import Exhausted, Reading
from policies_odrl.evaluation.clocks import ELAPSED, METERED
from policies_odrl.evaluation.request import DATE_TIME
from policies_odrl.frozen import frozen
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import Condition, Operator
from policies_odrl.values import name
from policies_odrl.vocabulary import Kind, Operand

MAX_NAMED: Final = 3  # reasons or conditions that are named for one group of conditions
TIMES: Final = frozenset({DATE_TIME, INTERVAL, METERED, DELAY, ELAPSED})  # depend on one another
_TIME: Final = "time"
_SOME_DAY: Final = datetime(2000, 1, 1, tzinfo=UTC)


@frozen
class Outcome:
    """What is known of several conditions together."""

    truth: Truth  # True: they can hold together; False: it is proved that they cannot
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)  # with True, of a request
    why: str = ""  # with Undetermined, the fact that is lacking; with False, what excludes what
    example: Any = None  # with True, a request and facts that were evaluated, if it was asked for


Judge = Callable[[Mapping[str, Sequence[Atom]], Sequence[Goal], "World"], Outcome]


@frozen
class World:
    """What the search may rely on."""

    reading: Reading
    start: datetime | None = None  # of the agreement, aware; None when nobody says
    barring: bool = False  # whether rules must not meet, so that no request may be overlooked
    # judges operands of time and sequences together; None: each tells by itself, or nothing does
    times: Judge | None = None
    # picks the conditions of a permission that one request can show
    shown: Callable[[Sequence[Condition], Knowledge], Iterable[Condition]] = lambda items, _: items


def unknown(why: str) -> Outcome:
    """Return that something is lacking."""
    return Outcome(Truth.UNDETERMINED, why=why)


def overlap(goals: Sequence[Goal], world: World) -> Outcome:
    """Return whether all goals can be met together; operands go by their present names."""
    current, outcomes = world.reading.knowledge.current, []

    def today(goal: Goal) -> Goal:
        if all(current(left) == left for left in goal.operands):
            return goal
        renamed = model.each(
            goal.item, model.Constraint, lambda it: replace(it, left=current(it.left))
        )
        return replace(goal, item=renamed)

    for group in _groups(map(today, goals)):
        try:
            outcomes.append(_search(group, world))
        except Exhausted as exc:
            outcomes.append(unknown(str(exc)))
        if outcomes[-1].truth is Truth.FALSE:
            break
    return _all_met(outcomes)


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
    reading, times = world.reading, {it: box.atoms[it] for it in box.atoms if it in TIMES}
    plain = [left for left in box.atoms if left not in times or world.times is None]
    outcomes, known = dict[str, Outcome](), reading.budget.kept
    for left in plain:
        claims = box.claims(left, reading)
        outcomes[left] = known[claims] = known.get(claims) or settled(left, claims)
    together: Outcome | None = None
    if world.times is not None and (times or box.sequences):
        reading.budget.pay(len(box.sequences) + sum(map(len, times.values())))
        together = world.times(times, box.sequences, world)
    elif box.sequences:
        together = unknown("in what order the parts of a sequence came true")
    elif len(times) > 1:
        together = unknown(f"how {' and '.join(sorted(map(text.term, times)))} go together")
    if together is None:
        return _all_met(list(outcomes.values()))
    kept = (it for left, it in outcomes.items() if left not in times or it.truth is Truth.FALSE)
    return _all_met([*kept, together])


def _all_met(outcomes: Sequence[Outcome]) -> Outcome:
    """Return whether what is asked of different operands can be met together."""
    never = next((item for item in outcomes if item.truth is Truth.FALSE), None)
    if never is not None:
        return never
    whys = [item.why for item in outcomes if item.truth is Truth.UNDETERMINED]
    if whys:
        return unknown("; ".join(dict.fromkeys(whys)))
    return Outcome(Truth.TRUE, {left: it for found in outcomes for left, it in found.facts.items()})


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
    one another, whenever the event is, and nothing else is known (Vocabulary, `event`).
    """
    known, first = claims.reading.knowledge.events, claims.atoms[0].item
    moments = {event: start for event, (start, end) in known.items() if start == end}
    single = [(it, name(it.item.right[0]) or "") for it in claims.atoms if len(it.item.right) == 1]

    def dated(atoms: Iterable[tuple[Atom, str]], moments: Mapping[str, datetime]) -> Claims:
        at = ((atom, moments.get(event, _SOME_DAY).isoformat()) for atom, event in atoms)
        literals = ((atom, (model.Literal(text, model.XSD + "dateTime"),)) for atom, text in at)
        found = [replace(atom, item=replace(atom.item, right=right)) for atom, right in literals]
        return Claims(Operand(left, Kind.INSTANT, frozenset()), found, claims.reading)

    for event in dict.fromkeys(event for _, event in single):
        if dated([it for it in single if it[1] == event], {}).empty:
            return excluded(claims.atoms)
    named = (name(value) or "" for atom in claims.atoms for value in atom.item.right)
    strange = next((event for event in named if event not in moments), None)
    if len(single) == len(claims.atoms):
        if strange is None:
            return settled(left, dated(single, moments))
        if first.operator is Operator.EQ and all(it.holds and it.item == first for it, _ in single):
            return Outcome(Truth.TRUE, {left: first.right})
    when = "at what moment of the event `{}`" if strange in known else "when `{}` takes place"
    away = next((why for atom, why in claims.opaque if atom.item.reference), "")
    return unknown(f"{text.term(left)}: {away or when.format(strange or '')}")


def _lacking(left: str, claims: Claims) -> str:
    """Return the first fact that would settle what is asked of one operand."""
    items = [atom.item for atom in claims.atoms]
    lines = " and ".join(dict.fromkeys(atom.text for atom in claims.atoms))
    kind = claims.operand.kind if claims.operand else None
    if claims.opaque:
        atom, why = claims.opaque[0]
        return f"{atom.text}: {why}"
    if len({item.status for item in items}) > 1:
        lines, why = text.term(left), "where each count starts"
    elif len(claims.groups) > 1:
        units = sorted({text.term(item.unit) or "no unit" for item in items})
        lines, why = text.term(left), f"how {' and '.join(units)} compare"
    elif kind in {Kind.CONCEPT, Kind.PLACE, Kind.IDENTITY}:
        why = _unasserted(claims, kind)
    elif kind is Kind.DURATION:
        why = "how many days a month has"
    else:
        lines, why = text.term(left), "no value that can be written"
    return f"{lines}: {why}"


def _unasserted(claims: Claims, kind: Kind | None) -> str:
    named = [name(value) or "" for atom in claims.atoms for value in atom.item.right]
    strange = next((it for it in named if not claims.reading.knowledge.knows(it)), None)
    if strange is not None and kind is not Kind.IDENTITY:
        return f"what `{text.term(strange)}` means is not known"
    first, *others = map(text.term, dict.fromkeys(named))
    if others:
        return f"whether `{first}` and `{others[0]}` have anything in common is not asserted"
    return "no name that certainly fits"
