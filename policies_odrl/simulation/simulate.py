"""What if: a request tried out, with the reasons and with what would have to change.

Offers and requests for terms are judged as if they were agreed, and that is said; where no use is
stated, it is the first one. Each set of changes that is shown was applied and evaluated, grants the
request, and none of its changes can be left out. The work is bounded, whatever the policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Final

from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.periods import Recurrence
from policies_odrl.evaluation.case import Mode
from policies_odrl.evaluation.clocks import COUNT, INTERVAL, METERED, MONTHLY
from policies_odrl.evaluation.decision import Decision
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.evaluate import UNSIGNED, evaluate
from policies_odrl.evaluation.request import DATE_TIME, Facts, Request, Usage
from policies_odrl.logic import Truth
from policies_odrl.model import Policy
from policies_odrl.simulation.changes import Change, applied, nearest, proposals

MAX_EVALUATIONS: Final = 1500  # of a small policy; fewer the more rules there are
LEAST_EVALUATIONS: Final = 60
MAX_PROPOSALS: Final = 60
MAX_SETS: Final = 3
MAX_STEPS: Final = 16
_NO_FACTS = Facts()


@dataclass(frozen=True, slots=True)
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

    Args:
        policy: inheritance must be resolved.
        request: what is asked.
        facts: what is known.
        at: time of the evaluation instead of that of the facts, aware.
        role: IRI of the party that asks instead; of a group of the policy: who asks belongs to it.
        mode: reading that holds where public texts disagree.

    >>> from policies_odrl.model import ODRL, Action, Permission, PolicyKind
    >>> reading = Permission(action=Action(ODRL + "read"))
    >>> policy = Policy(kind=PolicyKind.SET, permissions=(reading,))
    >>> simulate(policy, Request(ODRL + "print")).changes[0][0].subject
    'http://www.w3.org/ns/odrl/2/read'
    """
    asked, known = _in_role(policy, request, _unused(policy, facts, at or facts.now), role)
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
    nothing: dict[str, tuple[Fact, ...]] = {
        COUNT: (Decimal(0),),
        MONTHLY: (Decimal(0),),
        METERED: (timedelta(),),
        INTERVAL: (Recurrence(now),),
    }
    return replace(facts, values={**nothing, **facts.values})


def _in_role(
    policy: Policy, request: Request, facts: Facts, role: str | None
) -> tuple[Request, Facts]:
    parties = (policy.assignee_of(rule) for _, rule in policy.rules())
    groups = (it for it in parties if it and (it.collection or it.source))
    if role is None:
        return request, facts
    if not request.assignee or all(role not in {it.id, it.source} for it in groups):
        return replace(request, assignee=role), facts
    members = facts.members.get(role, frozenset()) | {request.assignee}
    return request, replace(facts, members={**facts.members, role: members})


class _Search:
    """Looks for the smallest sets of changes that grant a request."""

    def __init__(self, policy: Policy, request: Request, facts: Facts, mode: Mode) -> None:
        self._policy, self._request, self._facts, self._mode = policy, request, facts, mode
        rules = len(list(policy.rules()))
        self._left = max(LEAST_EVALUATIONS, MAX_EVALUATIONS // max(1, rules // 8))
        self._kept = self._left // 2  # for the search step by step

    def judge(self, changes: Iterable[Change]) -> Decision:
        request, facts = applied(changes, self._request, self._facts)
        self._left -= 1
        return evaluate(self._policy, request, facts, mode=self._mode, tentative=True)

    def sets(self, decision: Decision) -> list[tuple[Change, ...]]:
        """Return up to `MAX_SETS` sets: one change, else two, else those found step by step."""
        tried = self._proposals(decision, ())
        of_one_or_two = list(self._of_size(tried, 1)) or list(self._of_size(tried, 2))
        return of_one_or_two or self._stepwise(decision)

    def _proposals(self, decision: Decision, made: tuple[Change, ...]) -> list[Change]:
        request, facts = applied(made, self._request, self._facts)
        found: list[Change] = []
        for change in proposals(self._policy, decision, request, facts):
            if change not in found:
                found.append(change)
            if len(found) == MAX_PROPOSALS:
                break
        return found

    def _of_size(self, tried: list[Change], size: int) -> Iterator[tuple[Change, ...]]:
        seen: set[frozenset[object]] = set()
        for made in combinations(tried, size):
            keys = frozenset(change.key for change in made)
            if len(keys) < size or keys in seen:
                continue
            if self._left <= self._kept or len(seen) == MAX_SETS:
                return
            if self.judge(made).granted:
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
        made: tuple[Change, ...] = ()
        for _ in range(MAX_STEPS):
            found = self._better(decision, path, made)
            if found is None:
                return ()
            made, decision = found
            if decision.granted:
                return self._minimal(made)
        return ()

    def _better(
        self, decision: Decision, path: str, made: tuple[Change, ...]
    ) -> tuple[tuple[Change, ...], Decision] | None:
        """Return changes that come nearer to a grant, and the decision after them."""
        score = _score(decision, path)
        for change in self._proposals(decision, made):
            if self._left <= 0:
                return None
            more = (*(item for item in made if item.key != change.key), change)
            after = self.judge(more)
            if _score(after, path) < score:
                return more, after
        return None

    def _minimal(self, made: tuple[Change, ...]) -> tuple[Change, ...]:
        """Leave out each change that is not needed."""
        fewer = (tuple(item for item in made if item is not change) for change in made)
        smaller = next((few for few in fewer if self.judge(few).granted), None)
        return made if smaller is None else self._minimal(smaller)


def _score(decision: Decision, path: str) -> tuple[bool, int]:
    """Order decisions by how far a permission is from granting."""
    blocked = sum(item.effect is Effect.BLOCKS for item in decision.rules)
    lacks = next(item.lacking() for item in decision.rules if item.path == path)
    return not decision.granted, lacks + blocked
