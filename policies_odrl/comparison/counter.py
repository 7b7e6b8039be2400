"""The minimal counter-offer: the least that has to change for a request to lie within an offer.

Of what a permission asked for has in common with each offered one, the answer is what changes the
fewest attributes, then the lightest, then those of the public offer, then the least far. The class
of a request plays no part: one that names nobody is answered as if it were for whoever asks.
Source: `docs/decisions` (counter-offer).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from policies_odrl.algebra.boxes import Proof
from policies_odrl.algebra.forms import opaque
from policies_odrl.comparison import change, rules
from policies_odrl.comparison.bans import box_of
from policies_odrl.comparison.blocking import blocking
from policies_odrl.comparison.compare import judge
from policies_odrl.comparison.differences import Blocked, ChangeKind, Part, TermChange
from policies_odrl.comparison.meet import met
from policies_odrl.comparison.nearness import PURPOSE, cost, raise_by, raised
from policies_odrl.comparison.whole import whole_of
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import Conflict, Permission, Policy

_Limits = dict[str, Policy]  # what a request has to lie within: the offer, and the private reserve


@dataclass(frozen=True, slots=True)
class CounterOffer:
    """The answer to a request.

    Attributes:
        agreed: whether what is asked for lies within the offer or the reserve as it stands.
        policy: the terms to answer with, in the provider's words, class Offer, without identifier;
            None when nothing can be granted.
        changes: what differs from the request, in order; empty when agreed.
        blocked: what cannot be granted in any form, and why.
        reserve: whether the private reserve was needed.
    """

    agreed: bool
    policy: Policy | None = None
    changes: tuple[TermChange, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    reserve: bool = False

    def __bool__(self) -> bool:
        return self.policy is not None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A permission that could be given, and what it changes.

    Attributes:
        limit: `offer` or `reserve`.
        permission: what could be given.
        changes: what it changes.
        key: what it costs; compared from left to right.
        raised: by how many levels it protects the data more.
        forced: whether at a level of protection that was not asked for.
    """

    limit: str
    permission: Permission
    changes: tuple[TermChange, ...]
    key: tuple[int, int, bool, float]
    raised: int
    forced: bool

    @property
    def keeps_purpose(self) -> bool:
        return all(item.operand != PURPOSE for item in self.changes)


_Answer = tuple[str, Permission, list[_Candidate]]  # a permission asked for, and its candidates


def counter_offer(
    offer: Policy,
    request: Policy,
    reserve: Policy | None = None,
    knowledge: Knowledge = NOTHING_MORE,
) -> CounterOffer:
    """Return the terms that come nearest to a request, and what they change of it.

    Args:
        offer: what the provider published.
        request: what the consumer asks for.
        reserve: the provider's private limits, if there are any.
        knowledge: terms and hierarchies beyond the built-in ones.

    Raises:
        LimitExceeded: the policies have too many rules or conditions to be compared.

    >>> from policies_odrl.model import ODRL, Action, PolicyKind
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> counter_offer(may("use"), may("read")).agreed
    True
    >>> print(counter_offer(may("read"), may("use")).changes[0].said())
    Instead of “use”: “read”, because of the offer, permission 1.
    """
    request, limits = opaque(request), {"offer": opaque(offer)}
    if reserve is not None:
        limits["reserve"] = opaque(reserve)
    for limit in limits.values():
        rules.refuse_too_large(limit, request)
    asked = [(f"/permission/{index}", rule) for index, rule in enumerate(request.permissions)]
    unclear = rules.obstacle(request, knowledge) or rules.obstacle(offer, knowledge)
    if unclear:
        return CounterOffer(
            agreed=False,
            changes=tuple(change.dropped(path, rule) for path, rule in asked),
            blocked=tuple(Blocked(path, (), unclear) for path, _ in asked),
        )
    # a reserve that says nothing by itself counts for nothing
    limits = {name: it for name, it in limits.items() if not rules.obstacle(it, knowledge)}
    prover = Proof(knowledge=knowledge)
    answers: list[_Answer] = [(path, wanted, []) for path, wanted in asked]
    for name, limit in limits.items():
        found: list[Permission] = []
        for path, wanted, known in answers:
            given = list(_candidates(prover, (name, limit), request, path, wanted))
            known.extend(given)
            found += _in_words_of_limit(given)
        if not judge(prover, limit, request)[1]:
            whole = _assembled(prover, [limit], request, found)
            if whole is not None:
                told = tuple(change.collection_changes(request, whole))
                return CounterOffer(not told, whole, told, reserve=name == "reserve")
    return _countered(prover, limits, request, answers)


def _in_words_of_limit(candidates: Sequence[_Candidate]) -> list[Permission]:
    """Return what a permission that lies within a limit comes to: one, or one for each case."""
    given = [item for item in candidates if not item.forced]
    whole = [item for item in given if not item.changes]
    return [item.permission for item in whole[:1] or given]


# -- what comes nearest --------------------------------------------------------------------------


def _countered(
    prover: Proof, limits: _Limits, request: Policy, answers: Sequence[_Answer]
) -> CounterOffer:
    """Return the counter-offer of the best candidates for each permission asked for."""
    chosen: list[_Candidate] = []
    changes: list[TermChange] = []
    refused: list[tuple[str, Permission]] = []
    for path, wanted, candidates in answers:
        best = _best(candidates)
        chosen += [best] if best else []
        refused += [] if best else [(path, wanted)]
        changes += best.changes if best else [change.dropped(path, wanted)]
    why = blocking(limits["offer"], request, prover.knowledge) if refused else ()
    reasons = {item.path: item for item in why}
    blocked = tuple(
        reasons.get(path) or _banned(prover, limits["offer"], request, path, wanted)
        for path, wanted in refused
    )
    used = {name: it for name, it in limits.items() if name in {item.limit for item in chosen}}
    permissions = [item.permission for item in chosen]
    policy = _assembled(prover, list(used.values()), request, permissions)
    if policy is None:
        return CounterOffer(agreed=False, changes=tuple(changes), blocked=blocked)
    for name, limit in used.items():
        changes += change.added_rules(request, limit, name)
    changes += change.strategy_changes(request, policy)
    changes += change.collection_changes(request, policy)
    # without changes, each permission lies within the offer or within the reserve
    found = tuple(dict.fromkeys(changes))
    return CounterOffer(not found, policy, found, blocked, "reserve" in used)


def _best(candidates: Sequence[_Candidate]) -> _Candidate | None:
    """Return the candidate that changes least; more protection comes before another purpose."""
    plain = [item for item in candidates if not item.forced]
    best = min(plain, key=lambda item: item.key, default=None)
    if any(item.keeps_purpose for item in plain):
        return best
    kept = [item for item in candidates if item.keeps_purpose]
    return min(kept, key=lambda item: (item.raised, item.key), default=best)


def _candidates(
    prover: Proof, limit: tuple[str, Policy], request: Policy, path: str, wanted: Permission
) -> Iterator[_Candidate]:
    """Yield what a permission asked for has in common with each one of a limit."""
    name, policy = limit
    bans = rules.unfolded(policy).prohibitions
    for place, mine in rules.granting(policy):
        asked = _beside(mine, request, wanted)
        stronger = raised(prover, asked, mine)
        for form in (asked, stronger) if stronger else (asked,):
            for given in met(prover, mine, form):
                if box_of(prover, bans, given) is None:
                    continue  # prohibited as a whole
                listed = change.permission_changes(prover, path, asked, given, (name, place))
                changes = tuple(dict.fromkeys(listed))
                number, weight, far = cost(changes, prover.knowledge)
                up = any(item.kind is ChangeKind.RAISED for item in changes)
                levels = raise_by(asked.constraints, given.constraints, prover.knowledge)
                key = (number, weight, name != "offer", far)
                yield _Candidate(name, given, changes, key, levels * up, form is not asked)


def _beside(mine: Permission, request: Policy, wanted: Permission) -> Permission:
    """Return a permission asked for with all it is about; who grants, only beside who gives."""
    asked = rules.named(request, wanted)
    return asked if mine.assigner else replace(asked, assigner=wanted.assigner)


def _assembled(
    prover: Proof, limits: Sequence[Policy], request: Policy, permissions: Sequence[Permission]
) -> Policy | None:
    """Return the whole policy: with the prohibitions and obligations of both sides."""
    if not permissions:
        return None
    # who grants plays no part in a ban
    sources = [replace(it, assigner=None) for it in (*limits, request)]
    return whole_of(permissions, sources, _strategy(sources), prover.knowledge, limits[0])


def _strategy(sides: Sequence[Policy]) -> Conflict | None:
    """Return the first side's strategy; `perm` only where no side has a prohibition that counts.

    What sides with `perm` prohibit is no longer among their rules.
    """
    first = sides[0].conflict
    if first is not Conflict.PERM:
        return first
    counting = (side.conflict for side in sides if side.prohibitions)
    return next((found for found in counting if found is not Conflict.PERM), first)


def _banned(
    prover: Proof, offer: Policy, request: Policy, path: str, wanted: Permission
) -> Blocked:
    """Return the prohibition of an offer that takes all of a permission away."""
    bans = rules.unfolded(offer).prohibitions
    for place, mine in rules.granting(offer):
        for given in met(prover, mine, _beside(mine, request, wanted)):
            for index, ban in enumerate(bans):
                if box_of(prover, [ban], given) is None:
                    parts = (
                        Part("request", path, "rule", wanted),
                        Part("offer", place, "rule", mine),
                        Part("offer", f"/prohibition/{index}", "prohibition", ban),
                    )
                    return Blocked(path, parts)
    return Blocked(path, ())
