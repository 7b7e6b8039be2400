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
from policies_odrl.comparison.bans import box_of
from policies_odrl.comparison.blocking import Blocked, Part, blocking
from policies_odrl.comparison.change import (
    Cost,
    collection_changes,
    cost,
    dropped,
    permission_changes,
    rest_changes,
    strategy_changes,
)
from policies_odrl.comparison.compare import judge
from policies_odrl.comparison.meet import MAX_WORK, met, work
from policies_odrl.comparison.nearness import PURPOSE, raised, ranks
from policies_odrl.comparison.rules import granting, named, obstacle, too_large, unfolded
from policies_odrl.comparison.term_change import ChangeKind, Source, TermChange
from policies_odrl.comparison.whole import whole_of
from policies_odrl.errors import LimitExceeded
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import Conflict, Permission, Policy, Prohibition


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
class _Limit:
    """A policy that a request has to lie within: the offer, or the private reserve."""

    name: str
    policy: Policy

    @property
    def bans(self) -> tuple[Prohibition, ...]:
        return unfolded(self.policy).prohibitions


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A permission that could be given, and what it changes."""

    source: Source
    permission: Permission
    changes: tuple[TermChange, ...]
    cost: Cost
    raise_by: int
    forced: bool  # at a level of protection that was not asked for

    @property
    def key(self) -> tuple[int, int, bool, float]:
        found = self.cost
        return (found.changed, found.weight, self.source.name != "offer", found.distance)

    @property
    def keeps_purpose(self) -> bool:
        return all(item.operand != PURPOSE for item in self.changes)


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
    request, limits = opaque(request), [_Limit("offer", opaque(offer))]
    limits += [_Limit("reserve", opaque(reserve))] if reserve is not None else []
    if any(too_large(it.policy, request) or work(it.policy, request) > MAX_WORK for it in limits):
        raise LimitExceeded("the policies have too many rules or conditions to be compared")
    unclear = obstacle(request, knowledge) or obstacle(offer, knowledge)
    if unclear:
        return _nothing(request, unclear)
    # a reserve that says nothing by itself counts for nothing
    limits = [it for it in limits if not obstacle(it.policy, knowledge)]
    prover = Proof(knowledge=knowledge)
    for limit in limits:
        if not judge(prover, limit.policy, request)[1]:
            found = _all_met(prover, limit.policy, request)
            whole = _assembled(prover, [limit], request, found)
            if whole is not None:
                told = tuple(collection_changes(request, whole))
                return CounterOffer(not told, whole, told, reserve=limit.name == "reserve")
    return _countered(prover, limits, request)


def _nothing(request: Policy, unclear: str) -> CounterOffer:
    """Return the answer where nobody can say what is asked for, or what the offer grants."""
    asked = [(f"/permission/{index}", rule) for index, rule in enumerate(request.permissions)]
    return CounterOffer(
        agreed=False,
        changes=tuple(dropped(path, rule) for path, rule in asked),
        blocked=tuple(Blocked(path, (), unclear) for path, _ in asked),
    )


def _all_met(prover: Proof, limit: Policy, request: Policy) -> list[Permission]:
    """Return what a request that lies within a limit comes to in the limit's words."""
    found: list[Permission] = []
    for wanted in request.permissions:
        given = [
            (asked, item)
            for _, mine in granting(limit)
            for asked in [_beside(mine, request, wanted)]
            for item in met(prover, mine, asked)
        ]
        source = Source("offer", "")
        whole = (
            item
            for asked, item in given
            if not any(True for _ in permission_changes(prover, "", asked, item, source))
        )
        first = next(whole, None)
        found.extend([first] if first else (item for _, item in given))
    return found


def _beside(mine: Permission, request: Policy, wanted: Permission) -> Permission:
    """Return a permission asked for with all it is about; who grants, only beside who gives."""
    asked = named(request, wanted)
    return asked if mine.assigner else replace(asked, assigner=wanted.assigner)


# -- what comes nearest --------------------------------------------------------------------------


def _countered(prover: Proof, limits: Sequence[_Limit], request: Policy) -> CounterOffer:
    chosen: list[_Candidate] = []
    found: list[TermChange] = []
    blocked: list[Blocked] = []
    answers = [
        (path, wanted, _best(list(_candidates(prover, limits, request, path, wanted))))
        for path, wanted in ((f"/permission/{i}", it) for i, it in enumerate(request.permissions))
    ]
    refused = [(path, wanted) for path, wanted, best in answers if best is None]
    why = blocking(limits[0].policy, request, prover.knowledge) if refused else ()
    reasons = {item.path: item for item in why}
    for path, wanted, best in answers:
        found.extend([dropped(path, wanted)] if best is None else best.changes)
        chosen.extend([] if best is None else [best])
    for path, wanted in refused:
        banned = reasons.get(path) or _banned(prover, limits[0].policy, request, path, wanted)
        blocked.append(banned)
    names = {item.source.name for item in chosen}
    used = [limit for limit in limits if limit.name in names]
    policy = _assembled(prover, used, request, [item.permission for item in chosen])
    if policy is None:
        return CounterOffer(agreed=False, changes=tuple(found), blocked=tuple(blocked))
    for limit in used:
        found.extend(rest_changes(request, limit.policy, limit.name))
    found.extend(strategy_changes(request, policy))
    found.extend(collection_changes(request, policy))
    return CounterOffer(
        agreed=not found,  # each permission lies within the offer or within the reserve
        policy=policy,
        changes=tuple(dict.fromkeys(found)),
        blocked=tuple(blocked),
        reserve="reserve" in names,
    )


def _best(candidates: list[_Candidate]) -> _Candidate | None:
    """Return the candidate that changes least; more protection comes before another purpose."""
    plain = [item for item in candidates if not item.forced]
    best = min(plain, key=_key, default=None)
    if any(item.keeps_purpose for item in plain):
        return best
    kept = [item for item in candidates if item.keeps_purpose]
    return min(kept, key=lambda item: (item.raise_by, item.key), default=best)


def _key(item: _Candidate) -> tuple[int, int, bool, float]:
    return item.key


def _candidates(
    prover: Proof, limits: Sequence[_Limit], request: Policy, path: str, wanted: Permission
) -> Iterator[_Candidate]:
    for limit in limits:
        for place, mine in granting(limit.policy):
            source = Source(limit.name, place)
            asked = _beside(mine, request, wanted)
            stronger = raised(prover, asked, mine)
            for form in (asked, stronger) if stronger else (asked,):
                for given in met(prover, mine, form):
                    if box_of(prover, limit.bans, given) is not None:  # else prohibited as a whole
                        forced = form is not asked
                        yield _candidate(prover, source, path, (asked, given), forced=forced)


def _candidate(
    prover: Proof, source: Source, path: str, pair: tuple[Permission, Permission], *, forced: bool
) -> _Candidate:
    asked, given = pair
    listed = tuple(dict.fromkeys(permission_changes(prover, path, asked, given, source)))
    low = [ranks(rule.constraints, prover.knowledge)[:1] for rule in pair]
    up = any(item.kind is ChangeKind.RAISED for item in listed)
    by = low[1][0] - low[0][0] if up and all(low) else 0
    return _Candidate(source, given, listed, cost(listed, prover.knowledge), by, forced)


def _assembled(
    prover: Proof, limits: Sequence[_Limit], request: Policy, permissions: Sequence[Permission]
) -> Policy | None:
    """Return the whole policy: with the prohibitions and obligations of both sides."""
    if not permissions or not limits:
        return None
    # who grants plays no part in a ban
    sources = [replace(it, assigner=None) for it in (*(lim.policy for lim in limits), request)]
    first = limits[0].policy
    return whole_of(permissions, sources, _strategy(sources), prover.knowledge, first)


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
    bans = unfolded(offer).prohibitions
    for place, mine in granting(offer):
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
