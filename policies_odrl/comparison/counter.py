"""The minimal counter-offer: the least that has to change for a request to lie within an offer.

Rules: for each permission asked for, what it has in common with each offered permission and with
each of the private reserve; the answer is the one that changes the fewest attributes, then the
lightest ones, then those of the public offer before those of the reserve, then the least far. The
reserve thus stays private where the offer does as well. It lies under both, so that nothing greater
would do; it is in the provider's words; what is missing is added and listed. Where the purposes fit
no rule, the protection of the data is raised before they are narrowed (`protection.py`). What has
nothing in common with anything is not granted, and a minimal conflicting set says why
(`blocking.py`). An offer or a request that says nothing by itself (replaced, inheriting, of an
unknown profile) gets nothing, with what is missing, and such a reserve counts for nothing. Each
rule is given with the target and parties of its own policy. The class of a request plays no part:
one of class Agreement that names nobody, and so grants nothing yet, is answered as if it were for
whoever asks. What the answer takes for a collection, and the request does not, is a change. One
answer, never a loop. Source: `docs/decisions` (counter-offer).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies_odrl.algebra.boxes import Proof
from policies_odrl.algebra.forms import opaque
from policies_odrl.comparison.blocking import Blocked, Part, blocking
from policies_odrl.comparison.change import (
    Cost,
    cost,
    dropped,
    granting,
    permission_changes,
)
from policies_odrl.comparison.compare import judge, obstacle, too_large
from policies_odrl.comparison.folding import folded_as, named, unfolded
from policies_odrl.comparison.kept_collections import remembered, with_collections
from policies_odrl.comparison.meeting import MAX_WORK, joined, joined_duties, met, work
from policies_odrl.comparison.policy_changes import (
    collection_changes,
    rest_changes,
    strategy_changes,
)
from policies_odrl.comparison.prohibited import box_of
from policies_odrl.comparison.protection import raised, ranks
from policies_odrl.comparison.term_change import ChangeKind, Source, TermChange
from policies_odrl.errors import LimitExceeded
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import (
    ODRL,
    Conflict,
    Permission,
    Policy,
    PolicyKind,
)

_PURPOSE: Final = ODRL + "purpose"


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
        return all(item.operand != _PURPOSE for item in self.changes)


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

    >>> from policies_odrl.model import ODRL, Action
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> counter_offer(may("use"), may("read")).agreed
    True
    >>> print(counter_offer(may("read"), may("use")).changes[0].said())
    Instead of “use”: “read”, because of the offer, permission 1.
    """
    given = (("offer", offer), ("reserve", reserve))
    limits = [(name, opaque(policy)) for name, policy in given if policy is not None]
    request = opaque(request)
    if any(too_large(it, request) or work(it, request) > MAX_WORK for _, it in limits):
        raise LimitExceeded("the policies have too many rules or conditions to be compared")
    unclear = obstacle(request, knowledge) or obstacle(offer, knowledge)
    if unclear:
        return _nothing(request, unclear)
    limits = [pair for pair in limits if not obstacle(pair[1], knowledge)]
    prover = Proof(knowledge=knowledge)
    for name, policy in limits:
        if not judge(prover, policy, request)[1]:
            found = _all_met(prover, policy, request)
            whole = _assembled(prover, [(name, policy)], request, found)
            if whole is not None:
                told = tuple(collection_changes(request, whole))
                return CounterOffer(not told, whole, told, reserve=name == "reserve")
    return _countered(prover, limits, request)


def _nothing(request: Policy, unclear: str) -> CounterOffer:
    """Return the answer where nobody can say what is asked for, or what the offer grants."""
    asked = [(f"/permission/{index}", rule) for index, rule in enumerate(request.permissions)]
    return CounterOffer(
        agreed=False,
        changes=tuple(dropped(path, rule) for path, rule in asked),
        blocked=tuple(Blocked(path, (), unclear) for path, _ in asked),
    )


def _countered(
    prover: Proof, limits: Sequence[tuple[str, Policy]], request: Policy
) -> CounterOffer:
    chosen: list[_Candidate] = []
    found: list[TermChange] = []
    blocked: list[Blocked] = []
    reasons = {item.path: item for item in blocking(limits[0][1], request, prover.knowledge)}
    for index, wanted in enumerate(request.permissions):
        path = f"/permission/{index}"
        best = _best(list(_candidates(prover, limits, request, path, wanted)))
        if best is None:
            found.append(dropped(path, wanted))
            blocked.append(
                reasons.get(path) or _banned(prover, limits[0][1], request, path, wanted)
            )
        else:
            chosen.append(best)
            found.extend(best.changes)
    used = [pair for pair in limits if any(item.source.name == pair[0] for item in chosen)]
    policy = _assembled(prover, used, request, [item.permission for item in chosen])
    if policy is None:
        return CounterOffer(agreed=False, changes=tuple(found), blocked=tuple(blocked))
    for name, limit in used:
        found.extend(rest_changes(request, limit, name))
    found.extend(strategy_changes(request, policy))
    found.extend(collection_changes(request, policy))
    return CounterOffer(
        agreed=not found,  # each permission lies within the offer or within the reserve
        policy=policy,
        changes=tuple(dict.fromkeys(found)),
        blocked=tuple(blocked),
        reserve=any(name == "reserve" for name, _ in used),
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
    prover: Proof,
    limits: Sequence[tuple[str, Policy]],
    request: Policy,
    path: str,
    wanted: Permission,
) -> Iterator[_Candidate]:
    for name, limit in limits:
        for index, mine in granting(limit):
            source = Source(name, f"/permission/{index}")
            asked = _with_references(request, wanted, mine)
            stronger = raised(prover, asked, mine)
            for form in (asked, stronger) if stronger else (asked,):
                for given in met(prover, mine, form):
                    if box_of(prover, limit, given) is not None:  # else prohibited as a whole
                        forced = form is not asked
                        yield _candidate(prover, source, path, asked, given, forced=forced)


def _candidate(
    prover: Proof,
    source: Source,
    path: str,
    asked: Permission,
    given: Permission,
    *,
    forced: bool,
) -> _Candidate:
    listed = tuple(dict.fromkeys(permission_changes(prover, path, asked, given, source)))
    low = [ranks(rule.constraints, prover.knowledge)[:1] for rule in (asked, given)]
    up = any(item.kind is ChangeKind.RAISED for item in listed)
    by = low[1][0] - low[0][0] if up and all(low) else 0
    return _Candidate(source, given, listed, cost(listed, prover.knowledge), by, forced)


def _all_met(prover: Proof, limit: Policy, request: Policy) -> list[Permission]:
    """Return what a request that lies within a limit comes to in the limit's words."""
    found: list[Permission] = []
    for wanted in request.permissions:
        given = [
            (asked, item)
            for _, mine in granting(limit)
            for asked in [_with_references(request, wanted, mine)]
            for item in met(prover, mine, asked)
        ]
        source = Source("offer", "")
        whole = [
            item
            for asked, item in given
            if not [*permission_changes(prover, "", asked, item, source)]
        ]
        found.extend(whole[:1] or [item for _, item in given])
    return found


def _with_references(policy: Policy, rule: Permission, given: Permission) -> Permission:
    """Return a permission asked for with all it is about; who grants, only beside who gives."""
    return replace(
        rule,
        target=policy.target_of(rule),
        assigner=policy.assigner_of(rule) if given.assigner else rule.assigner,
        assignee=policy.assignee_of(rule),
    )


def _assembled(
    prover: Proof,
    limits: Sequence[tuple[str, Policy]],
    request: Policy,
    permissions: Sequence[Permission],
) -> Policy | None:
    """Return the whole policy: with the prohibitions and obligations of both sides."""
    if not permissions or not limits:
        return None
    stated = (*(policy for _, policy in limits), request)
    # who grants plays no part in a ban
    sides = [unfolded(replace(policy, assigner=None)) for policy in stated]
    prohibitions = joined((), ())
    obligations = joined_duties((), ())
    for side in sides:
        prohibitions = joined(prohibitions, side.prohibitions)
        obligations = joined_duties(obligations, side.obligations)
    whole = Policy(
        kind=PolicyKind.OFFER,
        permissions=tuple(permissions),
        prohibitions=prohibitions,
        obligations=obligations,
        profiles=tuple(dict.fromkeys(item for side in sides for item in side.profiles)),
        conflict=_strategy(sides),
    )
    whole = remembered(whole, stated, prover.knowledge)
    return with_collections(folded_as(whole, limits[0][1]), stated)


def _strategy(sides: Sequence[Policy]) -> Conflict | None:
    """Return the first side's strategy; `perm` only where no side has a prohibition that counts.

    What sides with `perm` prohibit is no longer among their rules.
    """
    first = sides[0].conflict
    if first is not Conflict.PERM:
        return first
    return next((side.conflict for side in sides if side.prohibitions), first)


def _banned(
    prover: Proof, offer: Policy, request: Policy, path: str, wanted: Permission
) -> Blocked:
    """Return the prohibition of an offer that takes all of a permission away."""
    found = list(_bans(prover, offer, request, path, wanted))
    return found[0] if found else Blocked(path, ())


def _bans(
    prover: Proof, offer: Policy, request: Policy, path: str, wanted: Permission
) -> Iterator[Blocked]:
    for place, rule in enumerate(offer.permissions):
        mine = named(offer, rule)
        parts = (
            Part("request", path, "rule", wanted),
            Part("offer", f"/permission/{place}", "rule", rule),
        )
        for given in met(prover, mine, _with_references(request, wanted, mine)):
            for index, ban in enumerate(offer.prohibitions):
                if box_of(prover, replace(offer, prohibitions=(ban,)), given) is None:
                    found = Part("offer", f"/prohibition/{index}", "prohibition", ban)
                    yield Blocked(path, (*parts, found))
