"""Where the duties of an agreement stand while nobody asks for a use, and when that changes next.

Evaluation judges duties for a use that is asked for, which brings some of them about anew. Whoever
watches deadlines asks for none: occasions are only those that have come. What a duty means is the
engine's `evaluation/duties.py`, here as there. Time alone changes where a duty stands at the
instants that its own constraints state, or that run from its occasions (IM 2.5.1, 2.6.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from policies_odrl import model
from policies_odrl.algebra.periods import later
from policies_odrl.evaluation import acts as deeds
from policies_odrl.evaluation.decision import DutyResult
from policies_odrl.evaluation.duties import duty_state, violations_of
from policies_odrl.evaluation.request import DATE_TIME, Case, Facts, Mode, Request
from policies_odrl.knowledge import Knowledge
from policies_odrl.values import span


@dataclass(frozen=True, slots=True)
class Standing:
    """One duty, obligation, consequence or remedy, and where it stands.

    `rule` is the rule of the policy that it is, or hangs below; `debtor` is the IRI of who has to
    do it. Each violation brings about its consequences: these then stand here several times.
    """

    result: DutyResult
    rule: model.Rule
    debtor: str


def standing(policy: model.Policy, facts: Facts, mode: Mode = Mode.W3C) -> tuple[Standing, ...]:
    """Return where each duty of a policy stands, in its order, consequences after what they follow.

    A permission's duties are those of its assignee.
    """
    return tuple(_standing(policy, facts, mode))


def changes(found: Iterable[Standing], facts: Facts) -> datetime | None:
    """Return the first instant after now at which time alone may change where a duty stands."""
    now = facts.now
    moments = (at for each in found for at in _moments(each.result, facts.knowledge))
    return None if now is None else min((at for at in moments if at > now), default=None)


def bound(policy: model.Policy, rule: model.Rule, duty: model.Duty) -> str:
    """Return the IRI of who has to do a duty at or below a rule of the policy; empty for nobody.

    Whom it does not name itself, it binds as its rule does (the engine's `evaluation/acts.py`).
    """
    named = duty.assignee or (policy.assignee if isinstance(rule, model.Duty) else None)
    party = named or policy.assignee_of(rule)
    return (party.id or party.source) if party else ""


def _standing(policy: model.Policy, facts: Facts, mode: Mode) -> Iterator[Standing]:
    for path, rule in policy.rules():
        party, target = policy.assignee_of(rule), policy.target_of(rule)
        asked = Request(rule.action.id, party.id if party else "", target.id if target else None)
        case = replace(Case.of(policy, asked, facts, mode), asked=False).under(rule, path)
        results: list[DutyResult] = []
        if isinstance(rule, model.Duty):
            results = [duty_state(rule, path, case)]
        elif isinstance(rule, model.Permission):
            places = ((duty, f"{path}/duty/{index}") for index, duty in enumerate(rule.duties))
            results = [duty_state(duty, place, case, rule) for duty, place in places]
        elif isinstance(rule, model.Prohibition):
            results = [each for found in violations_of(rule, path, case) for each in found.remedies]
        for result in results:
            for each in (result, *result.consequences):
                yield Standing(each, rule, bound(policy, rule, each.duty))


def _moments(result: DutyResult, known: Knowledge) -> Iterator[datetime]:
    terms = deeds.terms_of(result.duty, known)
    stated = (
        span(item.right[0])
        for _, item in model.conditions(result.duty.constraints, "")
        if isinstance(item, model.Constraint)
        and known.current(item.left) == DATE_TIME
        and len(item.right) == 1
    )
    ends = [limit.at for limit in terms.closes]
    ends += [at for each in stated if each is not None for at in (each.start, each.end)]
    for item in result.instances:
        since = [later(item.since, by) for by, _ in terms.within] if item.since else []
        ends += [at for at in since if at is not None]
    for at in ends:
        yield at
        if at < datetime.max.replace(tzinfo=at.tzinfo):  # what its last instant still allows
            yield at + datetime.resolution
