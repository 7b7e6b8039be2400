"""What if: a request tried out, with the reasons and with what would have to change.

Offers are judged as if they were agreed, and that is said. Each set of changes that is shown was
applied and evaluated, grants the request, and none of its changes can be left out. In words the
sentences of the policy go by their numbers, so that the two texts are read side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.claims import INTERVAL
from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.periods import Recurrence, Stretch
from policies_odrl.evaluation.clocks import COUNT, METERED, MONTHLY
from policies_odrl.evaluation.compiled import CompiledPolicy
from policies_odrl.evaluation.decision import ConditionResult, Decision, DutyResult, Premise
from policies_odrl.evaluation.deontic import DutyState, Effect
from policies_odrl.evaluation.evaluate import evaluate
from policies_odrl.evaluation.request import DATE_TIME, Facts, Mode, Request, Usage
from policies_odrl.frozen import frozen
from policies_odrl.language.conditions import Speech
from policies_odrl.language.explain import numbered, sentence
from policies_odrl.language.naming import called
from policies_odrl.language.phrases import fill, label, table, word
from policies_odrl.language.voice import References
from policies_odrl.logic import Truth
from policies_odrl.model import UNSIGNED, XSD, Constraint, Duty, Iri, Literal, Policy, incomplete
from policies_odrl.simulation.changes import Aspect, Change, applied, nearest, proposals
from policies_odrl.vocabulary import OPERANDS, loaded

MAX_EVALUATIONS: Final = 1500  # of a small policy; fewer the more rules there are
LEAST_EVALUATIONS: Final = 60
MAX_SETS: Final = 3
MAX_STEPS: Final = 16
MAX_TOLD: Final = 3  # permissions that are told about when none grants
_NO_FACTS = Facts()


@frozen
class Simulation:
    """A request tried out.

    Attributes:
        request, facts: with the time and the role asked for.
        changes: sets of changes, the smallest first; each grants the request.
    """

    policy: Policy
    request: Request
    facts: Facts
    decision: Decision
    changes: tuple[tuple[Change, ...], ...] = ()

    def __bool__(self) -> bool:
        return self.granted

    @property
    def granted(self) -> bool:
        """Whether the request would go ahead."""
        return self.decision.granted

    @property
    def tentative(self) -> bool:
        """Whether the policy is not agreed yet, and was judged as if it were."""
        return self.policy.kind in UNSIGNED

    @property
    def unknown(self) -> tuple[str, ...]:
        """What nobody stated and mattered: left operands (IRIs), `assignee` or `target`."""
        premises = {
            leaf.operand
            for result in self.decision.rules
            if result.concerns is Truth.UNDETERMINED
            for leaf in result.premises
            if leaf.truth is Truth.UNDETERMINED
        }
        return (*sorted(premises - {"action"}), *self.decision.missing)


def simulate(
    policy: Policy,
    request: Request,
    facts: Facts = _NO_FACTS,
    *,
    at: datetime | None = None,
    role: str | None = None,
    mode: Mode = Mode.W3C,
) -> Simulation:
    """Return what a policy says to a request, and what would have to change.

    Inheritance must be resolved. It is evaluated `at` a time instead of that of the facts, aware. A
    `role` is a party that asks instead; of a group of the policy: who asks belongs to it.
    """
    known = _unused(policy, facts, at or facts.now)
    asked, known = (request, known) if role is None else _in_role(policy, request, known, role)
    if at is not None:
        values = {name: item for name, item in known.values.items() if name != DATE_TIME}
        known = replace(known, now=at, values=values)
    search = _Search(policy, asked, known, mode)
    decision = search.judge(())
    changes = () if decision.granted else tuple(search.sets(decision))
    return Simulation(policy, asked, known, decision, changes)


def _unused(policy: Policy, facts: Facts, now: datetime | None) -> Facts:
    """Return the facts before the first use, where nobody states what was used.

    A count and a clock that only the node states would leave every simulation without an answer.
    What is not agreed yet would be agreed just now.
    """
    if facts.usage is not None or now is None:
        return facts
    if policy.kind in UNSIGNED:
        return replace(facts, usage=Usage({policy.id: now}))
    nothing: dict[str, Fact] = {COUNT: Decimal(0), MONTHLY: Decimal(0), METERED: timedelta()}
    unused = {name: (value,) for name, value in (nothing | {INTERVAL: Recurrence(now)}).items()}
    return replace(facts, values={**unused, **facts.values})


def _in_role(policy: Policy, request: Request, facts: Facts, role: str) -> tuple[Request, Facts]:
    parties = (policy.assignee_of(rule) for _, rule in policy.rules())
    groups = (it for it in parties if it and (it.collection or it.source))
    if not request.assignee or all(role not in {it.id, it.source} for it in groups):
        return replace(request, assignee=role), facts
    members = facts.members.get(role, frozenset()) | {request.assignee}
    return request, replace(facts, members={**facts.members, role: members})


class _Search:
    def __init__(self, policy: Policy, request: Request, facts: Facts, mode: Mode) -> None:
        self._policy, self._request, self._facts, self._mode = policy, request, facts, mode
        rules = len(list(policy.rules()))
        self._left = max(LEAST_EVALUATIONS, MAX_EVALUATIONS // max(1, rules // 8))
        self._kept = self._left // 2  # for the search step by step
        self._whole = CompiledPolicy(policy, facts.knowledge, mode=mode, tentative=True)

    def judge(self, changes: Iterable[Change]) -> Decision:
        request, facts = applied(changes, self._request, self._facts)
        self._left -= 1
        return evaluate(self._policy, request, facts, mode=self._mode, tentative=True)

    def _grants(self, changes: Iterable[Change]) -> bool:
        self._left -= 1
        return self._whole.permits(*applied(changes, self._request, self._facts))

    def sets(self, decision: Decision) -> list[tuple[Change, ...]]:
        """Return up to `MAX_SETS` sets: one change, else two, else those found step by step."""
        tried = proposals(self._policy, decision, self._request, self._facts)
        of_one_or_two = list(self._of_size(tried, 1)) or list(self._of_size(tried, 2))
        return of_one_or_two or self._stepwise(decision)

    def _of_size(self, tried: list[Change], size: int) -> Iterator[tuple[Change, ...]]:
        seen: set[frozenset[object]] = set()
        for made in combinations(tried, size):
            keys = frozenset(change.key for change in made)
            if len(keys) < size or keys in seen:
                continue
            if self._left <= self._kept or len(seen) == MAX_SETS:
                return
            if self._grants(made):
                seen.add(keys)
                yield made

    def _stepwise(self, decision: Decision) -> list[tuple[Change, ...]]:
        """Repair the nearest permissions, each time with the change that helps most."""
        found: list[tuple[Change, ...]] = []
        for result in nearest(decision)[:MAX_SETS]:
            made = self._climb(decision, result.path)
            if made and made not in found:
                found.append(made)
        return sorted(found, key=len)

    def _climb(self, decision: Decision, path: str) -> tuple[Change, ...]:
        """Return changes of which each comes nearer to a grant than those before it."""
        made: tuple[Change, ...] = ()
        for _ in range(MAX_STEPS):
            changed = applied(made, self._request, self._facts)
            for change in proposals(self._policy, decision, *changed):
                if self._left <= 0:
                    return ()
                more = (*(item for item in made if item.key != change.key), change)
                after = self.judge(more)
                if _score(after, path) < _score(decision, path):
                    break
            else:
                return ()
            made, decision = more, after
            if decision.granted:
                return self._minimal(made)
        return ()

    def _minimal(self, made: tuple[Change, ...]) -> tuple[Change, ...]:
        fewer = (tuple(item for item in made if item is not change) for change in made)
        smaller = next((few for few in fewer if self._grants(few)), None)
        return made if smaller is None else self._minimal(smaller)


def _score(decision: Decision, path: str) -> tuple[bool, int]:
    """Order decisions by how far a permission is from granting."""
    blocked = sum(item.effect is Effect.BLOCKS for item in decision.rules)
    lacks = next(item.lacking() for item in decision.rules if item.path == path)
    return not decision.granted, lacks + blocked


def tell(simulation: Simulation, lang: str = "en") -> tuple[str, ...]:
    """Return a simulation in sentences, in English or in French.

    Raises:
        ValueError: another language.
    """
    return tuple(Teller(simulation, lang).lines())


class Teller:
    """A simulation in the words of one language; another one is a `ValueError`."""

    def __init__(self, simulation: Simulation, lang: str) -> None:
        self._simulation = simulation
        self._lang = lang
        lines = numbered(simulation.policy, lang)
        self._numbers = {line.path: line.number for line in lines if line.path}
        references = References(listed=False)
        references.names = called(simulation.policy, lang, simulation.facts.knowledge)
        self._speech = Speech(lang, references)

    def lines(self) -> Iterator[str]:
        """Yield the answer, what is not known, and what would have to change."""
        found = self._simulation
        if found.tentative:
            yield self._say("tentative")
        if not found.granted:
            yield self._say("refused")
            yield from self.obstacles()
        for result in found.decision.rules if found.granted else ():
            if result.effect is Effect.GRANTS:
                yield self._say("granted", number=self.number(result.path))
        for duty in found.decision.due if found.granted else ():
            yield self._duty("due", duty)
        for name in found.unknown:
            if name in {"assignee", "target"}:
                shown = self._say("who" if name == "assignee" else "what")
            else:
                shown = self._speech.operand(name) if name in OPERANDS else word(name, self._lang)
            yield self._say("not-known", value=shown)
        for index, changes in enumerate(found.changes):
            yield self._say("or-if" if index else "if")
            yield from (f"- {self.change(change)}" for change in changes)

    def number(self, path: str) -> str:
        """Return the number of a sentence; what a rule leaves to the policy is said there."""
        whole = "/" + "/".join(path.split("/")[3:])
        above = path.rpartition("/")[0]
        return self._numbers.get(path) or self._numbers.get(whole) or self.number(above)

    def _say(self, key: str, **slots: str) -> str:
        return fill(table("simulation")[key], self._lang, **slots)

    def _duty(self, key: str, duty: DutyResult) -> str:
        number, wanted = self.number(duty.path), self._speech.asked(duty.duty)
        return self._say(key, number=number, wanted=wanted)

    def obstacles(self) -> Iterator[str]:
        """Yield what keeps the request from being granted; nothing when it is."""
        decision = self._simulation.decision
        if decision.granted:
            return
        if decision.void:
            yield self._say("void")
        if not decision.rules:
            yield self._unusable()
        for result in decision.rules:
            if result.effect is Effect.BLOCKS:
                key = "blocks" if result.applies is Truth.TRUE else "may-block"
                yield self._say(key, number=self.number(result.path))
        if any(item.effect is Effect.GRANTS for item in decision.rules):
            return
        for result in nearest(decision)[:MAX_TOLD]:
            yield from map(self._failure, result.failures())
            for duty in result.duties:
                if duty.overdue:
                    unclear = duty.state is DutyState.UNDETERMINED
                    yield self._duty("duty-unclear" if unclear else "duty", duty)

    def _unusable(self) -> str:
        policy, rows = self._simulation.policy, loaded("checking/findings.json")
        lacks = (str(rows[code][self._lang]["sentence"]) for _, code in incomplete(policy))
        why = {
            "replaced": [policy.replaced_by] if policy.replaced_by else [],
            "inherits": policy.inherits,
            "incomplete": dict.fromkeys(lacks),
            "profile": policy.profiles if self._simulation.decision.because else (),
        }
        key = next((key for key, values in why.items() if values), "nothing")
        return self._say(key, value=", ".join(why.get(key, ())))

    def _failure(self, failure: ConditionResult) -> str:
        given = ", ".join(map(self._fact, failure.values)) or self._say("none")
        item, number = failure.item, self.number(failure.path)
        if not isinstance(item, Premise):
            key, wanted = failure.truth.value, sentence(item, self._lang)
        elif item.ruled is None:
            key, wanted = item.name, self._say("anybody")
        else:  # `action`, `assignee` or `target`
            slot = {"assignee": "party", "target": "asset"}.get(item.name, item.name)
            key, wanted = item.name, self._speech.slots[slot].say(item.ruled)
        return self._say(key, number=number, wanted=wanted, given=given)

    def _fact(self, value: Fact) -> str:
        if isinstance(value, Stretch):
            return self._say("stretch", first=self._fact(value.start), last=self._fact(value.end))
        if isinstance(value, Recurrence):
            last = self._fact(value.last) if value.last else ""
            return self._say("last", value=last) if last else self._say("never")
        if isinstance(value, datetime):
            value = Literal(text.instant(value), XSD + "dateTime")
        elif isinstance(value, Decimal | int | float):
            value = Literal(str(value), XSD + "decimal")
        if isinstance(value, Iri | Literal):
            return self._speech.value(value)
        named = label("actions", value, self._lang) if isinstance(value, str) else ""
        return named or text.value(value)

    def change(self, change: Change) -> str:
        """Return a change in words."""
        slots = {"number": self.number(change.path), "value": change.subject}
        key, item = f"other-{change.aspect.value}", change.item
        if isinstance(item, Constraint):
            key = key if not change.wanted else change.aspect.value
            slots["wanted"] = sentence(item, self._lang)
        if change.aspect in {Aspect.VALUE, Aspect.TIME}:
            slots["value"] = ", ".join(map(self._fact, change.values))
            key = key if item else "any-time"  # for a duty it only has to be known
        elif change.aspect is Aspect.ACTION:
            slots["value"] = self._speech.action(change.subject)
        elif isinstance(item, Duty):
            key, slots["value"] = "act", self._speech.asked(item)
        elif change.aspect in {Aspect.MEMBER, Aspect.STRANGER}:
            key = change.aspect.value + ("-target" if change.path.endswith("/target") else "")
        return self._say(key, **slots)
