"""Do two policies conflict? Proved yes, proved no with an example, or not to be told, and why.

Where both only prohibit or demand, abstaining and doing satisfies them. Names are read as a request
states them (decision record 0084). What is not known is neither compatible nor in conflict.
Source: arXiv 2602.19883 (Conflict, Compatible, Unknown; soundness under incomplete knowledge);
IM 2.10 and the POE wiki, Policy Conflict (permission against prohibition).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from itertools import islice, product
from typing import Final

from policies_odrl import model, text
from policies_odrl.algebra.boxes import DELAY, Box, Proof
from policies_odrl.algebra.claims import Goal
from policies_odrl.algebra.extent import Exhausted, Reading
from policies_odrl.algebra.forms import flat, opaque, same_reference
from policies_odrl.algebra.periods import Stretch
from policies_odrl.comparison import rules
from policies_odrl.conflicts.overlap import Outcome, World, overlap, unknown
from policies_odrl.evaluation.conditions import member
from policies_odrl.evaluation.evaluate import evaluate, unusable
from policies_odrl.evaluation.request import DATE_TIME, Case, Facts, Mode, Request, imagined
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.logic import Judged, Truth, all_of
from policies_odrl.model import Duty, Permission, Policy, Prohibition, Rule
from policies_odrl.reading.inventory import Reference
from policies_odrl.values import span
from policies_odrl.vocabulary import INCLUDED_IN, same_action

MAX_PAIRS: Final = 4_096  # pairs of rules that are compared
MAX_REASONS: Final = 16  # that are named
MAX_ACTIONS: Final = 16  # actions that are tried, of those that differ in what prohibits them
_TOO_MANY: Final = f"more than {MAX_PAIRS} pairs of rules to compare"


class Compatibility(Judged, Enum):
    """Whether two policies go together."""

    CONFLICT = "Conflict"
    COMPATIBLE = "Compatible"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Example:
    """A request, and the facts with which the evaluation that checked it was asked."""

    request: Request
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True, slots=True)
class ConflictVerdict(Judged):
    """Whether two policies conflict: proved, but for Unknown.

    The witness of Compatible is a request that is granted, where one was found. That of Conflict
    shows what one permits and the other prohibits; other conflicts have none.
    """

    answer: Compatibility
    witness: Example | None = None
    reasons: tuple[str, ...] = ()  # why, or what is lacking, a line for each pair of rules


def conflict_between(
    left: Policy, right: Policy, knowledge: Knowledge = NOTHING_MORE
) -> ConflictVerdict:
    """Return whether two policies, whose inheritance is resolved, conflict."""
    return judged((left, right), World(Reading(knowledge)))


def conflict_within(policy: Policy, knowledge: Knowledge = NOTHING_MORE) -> ConflictVerdict:
    """Return whether one policy conflicts with itself.

    With prohibitions: whether it permits what it prohibits; with permissions alone: whether any
    request can satisfy one of them.
    """
    return judged((policy,), World(Reading(knowledge)))


@dataclass(frozen=True, slots=True)
class _Bound:
    """A rule that names all it is about, and what must hold for it."""

    path: str  # JSON pointer
    policy: Policy
    rule: Rule
    goals: tuple[Goal, ...]


_Rules = tuple[_Bound, ...]  # that are to apply to one request


def judged(policies: Sequence[Policy], world: World) -> ConflictVerdict:
    """Return whether one policy or two conflict; the start of an agreement is read from them."""
    for policy in policies:  # it says more than stands in it, so that nothing is proved
        why = unusable(policy, world.reading.knowledge, Mode.W3C, tentative=True)
        if why:
            return ConflictVerdict(Compatibility.UNKNOWN, reasons=(why,))
    stated = {
        span(model.Literal(it.timestamp, model.XSD + "dateTime")) for it in policies if it.timestamp
    }
    starts = {found.start for found in stated if found}
    world = replace(world, start=starts.pop() if len(starts) == 1 else None)
    sides = [_bound(opaque(policy), number) for number, policy in enumerate(policies)]
    one, two = sides[0], sides[-1]
    if all(_of(side, Permission) for side in sides) and not (one is two and _of(one, Prohibition)):
        found = _common_use(sides, world)
    else:
        found = _clash(*((one, two) if _of(one, Permission) else (two, one)), world)
    demands = [_forbidden_duty(*pair, world) for pair in zip(sides, reversed(sides), strict=True)]
    gravest = (Compatibility.CONFLICT, Compatibility.UNKNOWN, Compatibility.COMPATIBLE)
    return min((found, *demands), key=lambda item: gravest.index(item.answer))


def _bound(policy: Policy, number: int) -> list[_Bound]:
    """Return the rules of one of two policies, number 0 or 1."""
    named = [(path, rules.named(policy, rule)) for path, rule in policy.rules()]
    return [
        _Bound(path, policy, it, tuple(Goal(x, side=number) for x in rules.conditions_of(it)))
        for path, it in named
    ]


def _of(side: list[_Bound], kind: type[Rule]) -> list[_Bound]:
    return [item for item in side if isinstance(item.rule, kind)]


def _bans(side: list[_Bound]) -> list[_Bound]:
    """Return the prohibitions that bear; where permissions win they stand beside one."""
    bans = _of(side, Prohibition)
    return [] if bans and bans[0].policy.conflict is model.Conflict.PERM else bans


def _common_use(sides: Sequence[list[_Bound]], world: World) -> ConflictVerdict:
    """Ask whether there is a request that a permission of each grants and nothing prohibits."""
    bans = [ban for side in sides for ban in _bans(side)]
    pairs = product(*(_of(side, Permission) for side in sides))
    return _verdict(pairs, bans, Compatibility.COMPATIBLE, world)


def _clash(permitting: list[_Bound], prohibiting: list[_Bound], world: World) -> ConflictVerdict:
    """Ask whether a request that one permits is prohibited by the other."""
    permissions, prohibitions = _of(permitting, Permission), _of(prohibiting, Prohibition)
    if not permissions or not prohibitions:
        reasons = ("nothing is permitted and prohibited",)
        return ConflictVerdict(Compatibility.COMPATIBLE, reasons=reasons)
    bans = [] if permitting is prohibiting else _bans(permitting)
    pairs, barring = product(permissions, prohibitions), replace(world, barring=True)
    found = _verdict(pairs, bans, Compatibility.CONFLICT, barring)
    if found.answer is Compatibility.CONFLICT:
        return replace(found, reasons=("something is permitted and prohibited",))
    if found.answer is Compatibility.COMPATIBLE:
        return replace(found, witness=_common_use([permitting], world).witness)
    return found


def _forbidden_duty(
    owing: list[_Bound], prohibiting: list[_Bound], world: World
) -> ConflictVerdict:
    """Ask whether obligations can be met without doing what is prohibited."""
    bans, lacking = _of(prohibiting, Prohibition), []
    for duty in _of(owing, Duty) if bans else ():
        if _tried((duty,), (), world).truth is Truth.FALSE:
            continue
        few = len(bans) <= MAX_PAIRS
        outcome = _tried((duty,), bans, world) if few else unknown(_TOO_MANY)
        if outcome.truth is Truth.FALSE:
            why = f"{duty.path}: each way to do it is prohibited ({outcome.why})"
            return ConflictVerdict(Compatibility.CONFLICT, reasons=(why,))
        if outcome.truth is Truth.UNDETERMINED:
            lacking.append(f"{duty.path}: {outcome.why}")
    answer = Compatibility.UNKNOWN if lacking else Compatibility.COMPATIBLE
    return ConflictVerdict(answer, reasons=tuple(lacking[:MAX_REASONS]))


def _verdict(
    pairs: Iterable[_Rules], bans: Sequence[_Bound], met: Compatibility, world: World
) -> ConflictVerdict:
    """Return one answer where some rules meet in a request, and the other where none can."""
    few = list(islice(pairs, MAX_PAIRS + 1))
    if len(few) > MAX_PAIRS:
        return ConflictVerdict(Compatibility.UNKNOWN, reasons=(_TOO_MANY,))
    lacking: list[str] = []
    apart: list[str] = []
    for applying in few:
        outcome = _tried(applying, bans, world)
        if outcome.truth is Truth.TRUE:
            return ConflictVerdict(met, outcome.example)
        why = f"{' and '.join(it.path for it in applying)}: {outcome.why}"
        (lacking if outcome.truth is Truth.UNDETERMINED else apart).append(why)
        if world.reading.budget.spent:
            break
    if lacking or world.reading.budget.spent:
        return ConflictVerdict(Compatibility.UNKNOWN, reasons=tuple(lacking[:MAX_REASONS]))
    never = Compatibility.COMPATIBLE if met is Compatibility.CONFLICT else Compatibility.CONFLICT
    return ConflictVerdict(never, reasons=tuple(apart[:MAX_REASONS]))


# -- a request in which rules meet, checked by evaluation -----------------------------------------
# It names one action that all rules cover, one asset and one party that all are about (a collection
# by a member of it), and values that satisfy all conditions. Nothing that either side prohibits may
# apply to it. What evaluation does not confirm is no example; duties are taken as promised.


class _Settled(Exception):
    """The meeting is settled before its conditions are looked at."""

    def __init__(self, truth: Truth, why: str) -> None:
        super().__init__(why)
        self.outcome = Outcome(truth, why=why)


def _tried(applying: _Rules, bans: Sequence[_Bound], world: World) -> Outcome:
    """Return whether rules can apply to a request while some prohibitions do not."""
    knowledge, outcomes = world.reading.knowledge, []
    try:
        named = [item.rule for item in applying]
        target, whole = _one_reference("target", rules.SOMETHING, [it.target for it in named])
        party, group = _one_reference("assignee", rules.SOMEBODY, [it.assignee for it in named])
        both = frozenset({target, party} if whole == group else {target})
        members = {group: frozenset({party}), whole: both}
        facts = Facts(members={it: members[it] for it in members if it}, knowledge=knowledge)
        world.reading.budget.pay(1 + len(bans) + len(knowledge.actions))
        for action in _actions(applying, bans, knowledge):
            place = Example(Request(action, party, target), facts)
            outcomes.append(_at(place, applying, bans, world))
            if outcomes[-1].truth is Truth.TRUE:
                return outcomes[-1]
    except _Settled as exc:
        return exc.outcome
    except Exhausted as exc:
        return unknown(str(exc))
    return next((it for it in outcomes if it.truth is Truth.UNDETERMINED), outcomes[-1])


def _actions(applying: _Rules, bans: Sequence[_Bound], knowledge: Knowledge) -> list[str]:
    """Return actions that all rules cover, one for each way in which prohibitions touch them.

    An action that is not known may be included in another, as evaluation reads it.
    """
    acts = list(dict.fromkeys(same_action(item.rule.action.id) for item in applying))
    universe = dict.fromkeys((*acts, *INCLUDED_IN, *sorted(knowledge.actions)))
    fitting = [item for item in universe if knowledge.wider_actions(item).issuperset(acts)]
    if not fitting:
        other = next((item for item in acts if not knowledge.known_action(item)), None)
        if len(acts) > 1 and other is not None:
            raise _Settled(Truth.UNDETERMINED, f"what `{text.term(other)}` includes is not known")
        both = " and ".join(f"`{text.term(item)}`" for item in acts)
        raise _Settled(Truth.FALSE, f"no action is included in both {both}")
    ways: dict[tuple[bool, ...], str] = {}
    for action in fitting:
        way = tuple(rules.touches(it.rule.action.id, action, knowledge) for it in bans)
        ways.setdefault(way, action)
    if len(ways) > MAX_ACTIONS:
        raise _Settled(Truth.UNDETERMINED, f"more than {MAX_ACTIONS} kinds of action to try")
    return [ways[way] for way in sorted(ways, key=sum)]


def _one_reference(
    name: str, usual: str, references: Sequence[Reference | None]
) -> tuple[str, str]:
    """Return what a request names so that all references mean it, and the collection it is in."""
    given = [item for item in references if item is not None]
    if not given:
        return usual, ""
    first = given[0]
    other = next((item for item in given if not same_reference(first, item)), first)
    if (first.id, first.source) != (other.id, other.source):
        one, two = first.id or first.source, other.id or other.source
        if any(item.collection or item.source for item in (first, other)):
            why = f"whether `{one}` and `{two}` have a {name} in common"
            raise _Settled(Truth.UNDETERMINED, why)
        raise _Settled(Truth.FALSE, f"the {name}s differ: `{one}` and `{two}`")
    if first.source or first.collection:
        return usual, first.source or first.id
    return first.id, ""


def _at(place: Example, applying: _Rules, bans: Sequence[_Bound], world: World) -> Outcome:
    goals = [goal for item in applying for goal in item.goals]
    about = [(item, _meant(item, place)) for item in bans]
    barred = [item for item, meant in about if meant is not Truth.FALSE]
    doubtful = [item for item, meant in about if meant is Truth.UNDETERMINED]
    found = _clear_of([item for item, meant in about if meant is Truth.TRUE], goals, world)
    if found.truth is Truth.TRUE and doubtful:
        found = _clear_of(barred, goals, world)
        if found.truth is Truth.FALSE:  # whoever is no member is not concerned
            action = text.term(doubtful[0].rule.action.id)
            return unknown(f"whom or what the prohibition of {action} concerns")
    if found.truth is Truth.FALSE and world.barring and world.reading.order is None:
        permitted, prohibited = applying
        own = [item for item, meant in about if meant is Truth.TRUE]
        box = Box([*permitted.goals, *map(_off, own)])
        prover = Proof(knowledge=world.reading.knowledge)
        items, nothing = [it.item for it in prohibited.goals], not all(it.goals for it in own)
        # INVARIANT: a ban lifts only where it is False; a broad name may mean what it is about
        if not (nothing or prover.void(box) or rules.false_in(prover, items, box)):
            return unknown("whether the prohibition is False of all that is permitted")
    if found.truth is not Truth.TRUE:
        return found
    example = _with_values(place, found)
    refusal = _refuted(example, applying, barred, world)
    return unknown(refusal) if refusal else Outcome(Truth.TRUE, example=example)


def _meant(ban: _Bound, place: Example) -> Truth:
    """Return whether a prohibition is about the request, its conditions left aside.

    It may as well not be where the request may be outside of a collection, or where it is not known
    how the actions stand to each other.
    """
    request, facts, action = place.request, place.facts, ban.rule.action.id
    if not rules.touches(action, request.action, facts.knowledge):
        return Truth.FALSE
    strange = rules.strange(action, request.action, facts.knowledge)
    found = [Truth.UNDETERMINED if strange else Truth.TRUE]
    about = ((ban.rule.target, request.target or ""), (ban.rule.assignee, request.assignee))
    for item, asked in about:
        holding = {it: held & {asked} for it, held in facts.members.items() if asked in held}
        case = Case.of(ban.policy, request, replace(facts, members=holding))
        found.append(member(item, asked, case.under(ban.rule, "")))
    return all_of(found)


def _clear_of(barring: Sequence[_Bound], goals: Sequence[Goal], world: World) -> Outcome:
    """Return whether goals can be met while no prohibition applies."""
    clear = list(goals)
    for ban in barring:
        if not ban.goals:
            return Outcome(Truth.FALSE, why=f"{text.term(ban.rule.action.id)} is prohibited")
        clear.append(_off(ban))
    return overlap(clear, world)


def _off(ban: _Bound) -> Goal:
    """Return that a prohibition does not apply."""
    items = tuple(goal.item for goal in ban.goals)
    side = ban.goals[0].side if ban.goals else 0
    return Goal(model.LogicalConstraint(model.Connective.AND, items), holds=False, side=side)


def _with_values(place: Example, found: Outcome) -> Example:
    stated = {left: values for left, values in found.facts.items() if left != DATE_TIME}
    asked = replace(place.request, facts=stated)
    times = (*found.facts.get(DATE_TIME, ()), *found.facts.get(DELAY, ()))
    moments = (it.end if isinstance(it, Stretch) else it for it in times)
    now = next((it for it in moments if isinstance(it, datetime)), None)
    return Example(asked, imagined(asked, replace(place.facts, now=now)))


def _refuted(example: Example, applying: _Rules, barred: Sequence[_Bound], world: World) -> str:
    """Return why evaluation does not confirm an example; empty when it does."""
    checks = [(it, Truth.TRUE) for it in applying] + [(it, Truth.FALSE) for it in barred]
    for item, wanted in checks:
        rule, empty = item.rule, replace(item.policy, permissions=(), prohibitions=())
        why = f"prohibition of {text.term(rule.action.id)}"
        if isinstance(rule, Prohibition):
            policy = replace(empty, prohibitions=(rule,), obligations=())
        else:
            shown = tuple(world.shown(tuple(flat(rule.constraints)), world.reading.knowledge))
            stated = {name: getattr(rule, name) for name in ("action", *rules.PARTS)}
            alone = Permission(**stated, constraints=shown)
            policy = replace(empty, permissions=(alone,), obligations=())
        decision = evaluate(policy, example.request, example.facts, tentative=True)
        if [it.applies for it in decision.rules] != [wanted]:
            why = why if isinstance(rule, Prohibition) else decision.reasons[0]
            return f"no example could be checked: {why}"
    return ""
