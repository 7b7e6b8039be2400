"""The minimal counter-offer: the least that has to change for a request to lie within an offer.

Of what a permission asked for has in common with each offered one, the answer is what changes the
fewest attributes, then the lightest, then those of the public offer, then the least far.
Source: `docs/decisions` (counter-offer).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from policies_odrl.algebra.boxes import Proof
from policies_odrl.algebra.forms import opaque
from policies_odrl.comparison import change, rules
from policies_odrl.comparison.compare import judge
from policies_odrl.comparison.differences import Blocked, ChangeKind, Compared, Part
from policies_odrl.comparison.meet import compatible, met, whole_of
from policies_odrl.errors import LimitExceeded
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import ODRL, Action, Permission, Policy, Prohibition

MAX_PAIRS: Final = 256  # pairs of permissions of which it is said why they exclude each other
_Limits = dict[str, Policy]  # what a request has to lie within: the offer, and the private reserve
_Pair = tuple[str, Permission]  # JSON pointer, permission
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CounterOffer:
    """The answer to a request: an Offer without identifier, in the provider's words, or nothing."""

    agreed: bool  # what is asked for lies within the offer or the reserve as it stands
    policy: Policy | None = None  # the terms to answer with
    changes: tuple[Compared, ...] = ()  # what differs from the request, in order
    blocked: tuple[Blocked, ...] = ()  # what cannot be granted in any form, and why
    reserve: bool = False  # whether the private reserve was needed

    def __bool__(self) -> bool:
        return self.policy is not None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A permission that could be given, and what it changes."""

    limit: str  # `offer` or `reserve`
    permission: Permission
    changes: tuple[Compared, ...]
    key: tuple[int, int, bool, float]  # what it costs; compared from left to right
    raised: int  # by how many levels it protects the data more
    forced: bool  # whether at a level of protection that was not asked for


def counter_offer(
    offer: Policy,
    request: Policy,
    reserve: Policy | None = None,
    knowledge: Knowledge = NOTHING_MORE,
) -> CounterOffer:
    """Return the terms that come nearest to a request, and what they change of it.

    Beside the offer that was published, a provider may have private limits (`reserve`).

    Raises:
        LimitExceeded: the policies have too many rules or conditions to be compared.
    """
    request, limits = opaque(request), {"offer": opaque(offer)}
    if reserve is not None:
        limits["reserve"] = opaque(reserve)
    if any(rules.too_large(limit, request) for limit in limits.values()):
        raise LimitExceeded("the policies have too many rules or conditions to be compared")
    asked = [(f"/permission/{index}", rule) for index, rule in enumerate(request.permissions)]
    unclear = rules.obstacle(request, knowledge) or rules.obstacle(offer, knowledge)
    if unclear:
        gone = tuple(Compared(ChangeKind.DROPPED, path, "rule", (it,)) for path, it in asked)
        why = tuple(Blocked(path, (), unclear) for path, _ in asked)
        return CounterOffer(agreed=False, changes=gone, blocked=why)
    # a reserve that says nothing by itself counts for nothing
    limits = {name: it for name, it in limits.items() if not rules.obstacle(it, knowledge)}
    prover = Proof(knowledge=knowledge)
    for name, limit in limits.items():
        if not judge(prover, limit, request)[1]:
            given = (_given(prover, (name, limit), request, pair) for pair in asked)
            found = [item for each in given for item in _in_words_of_limit(each)]
            whole = _assembled(prover, [limit], request, found)
            if whole is not None:
                told = tuple(change.collection_changes(request, whole))
                return CounterOffer(not told, whole, told, reserve=name == "reserve")
    return _countered(prover, limits, request, asked)


def _in_words_of_limit(given: Iterator[_Candidate | Blocked]) -> list[Permission]:
    """Return what a permission that lies within a limit comes to: one, or one for each case."""
    plain = [item for item in given if isinstance(item, _Candidate) and not item.forced]
    whole = [item for item in plain if not item.changes]
    return [item.permission for item in whole[:1] or plain]


def _countered(
    prover: Proof, limits: _Limits, request: Policy, asked: Sequence[_Pair]
) -> CounterOffer:
    """Return the counter-offer of the best candidates for each permission asked for."""
    chosen: list[_Candidate] = []
    changes: list[Compared] = []
    refused: list[Blocked] = []
    for path, wanted in asked:
        each = (_given(prover, limit, request, (path, wanted)) for limit in limits.items())
        given = [item for found in each for item in found]
        best = _best([item for item in given if isinstance(item, _Candidate)])
        if best is not None:
            chosen.append(best)
            changes += best.changes
        else:
            banned = (item for item in given if isinstance(item, Blocked))
            refused.append(next(banned, Blocked(path, ())))
            changes.append(Compared(ChangeKind.DROPPED, path, "rule", (wanted,)))
    why = blocking(limits["offer"], request, prover.knowledge) if refused else ()
    reasons = {item.path: item for item in why}
    blocked = tuple(reasons.get(item.path, item) for item in refused)
    used = {name: it for name, it in limits.items() if name in {item.limit for item in chosen}}
    permissions = [item.permission for item in chosen]
    policy = _assembled(prover, list(used.values()), request, permissions)
    if policy is None:
        return CounterOffer(agreed=False, changes=tuple(changes), blocked=blocked)
    for name, limit in used.items():
        changes += change.rule_changes(request, limit, name)
    changes += change.strategy_changes(request, policy)
    changes += change.collection_changes(request, policy)
    # without changes, each permission lies within the offer or within the reserve
    found = tuple(dict.fromkeys(changes))
    return CounterOffer(not found, policy, found, blocked, "reserve" in used)


def _best(candidates: Sequence[_Candidate]) -> _Candidate | None:
    """Return the candidate that changes least; more protection comes before another purpose."""

    def keeping(found: Sequence[_Candidate]) -> list[_Candidate]:
        return [it for it in found if all(x.operand != change.PURPOSE for x in it.changes)]

    plain = [item for item in candidates if not item.forced]
    best = min(plain, key=lambda item: item.key, default=None)
    kept = [] if keeping(plain) else keeping(candidates)
    return min(kept, key=lambda item: (item.raised, item.key), default=best)


def _given(
    prover: Proof, limit: tuple[str, Policy], request: Policy, pair: _Pair
) -> Iterator[_Candidate | Blocked]:
    """Yield what a permission asked for has in common with each one of a limit.

    What the bans of both leave nothing of is none; which of a reserve do stays private. Who grants
    is only told beside who gives.
    """
    (name, policy), (path, wanted) = limit, pair
    bans = [
        (Part(side, f"/prohibition/{at}", "prohibition", ban), ban)
        for side, its in ((name, policy), ("request", request))
        for at, ban in enumerate(rules.unfolded(its).prohibitions)
    ]
    for place, mine in rules.granting(policy):
        asked = rules.named(request, wanted)
        asked = asked if mine.assigner else replace(asked, assigner=wanted.assigner)
        stronger = change.raised(prover, asked, mine)
        for form in (asked, stronger) if stronger else (asked,):
            for given in met(prover, mine, form):
                against = _leaving_nothing(prover, bans, given)
                if not against:
                    listed = change.permission_changes(prover, path, asked, given, (name, place))
                    changes = tuple(dict.fromkeys(listed))
                    number, weight, far = change.cost(changes, prover.knowledge)
                    key = (number, weight, name != "offer", far)
                    up = change.raise_by(asked.constraints, given.constraints, prover.knowledge)
                    yield _Candidate(name, given, changes, key, max(0, up), form is not asked)
                elif name == "offer":
                    own = Part("request", path, "rule", wanted)
                    yield Blocked(path, (own, Part(name, place, "rule", mine), *against))


def _leaving_nothing(
    prover: Proof, bans: Sequence[tuple[Part, Prohibition]], given: Permission
) -> list[Part]:
    """Return the fewest bans, the first ones, that leave nothing of a permission together."""

    def void(some: Sequence[tuple[Part, Prohibition]]) -> bool:
        return rules.box_of(prover, [ban for _, ban in some], given) is None

    return [part for part, _ in _fewest(bans[::-1], void)[::-1]] if void(bans) else []


def _assembled(
    prover: Proof, limits: Sequence[Policy], request: Policy, permissions: Sequence[Permission]
) -> Policy | None:
    """Return the whole policy: with the prohibitions and obligations of both sides."""
    if not permissions:
        return None
    # who grants plays no part in a ban
    sources = [replace(it, assigner=None) for it in (*limits, request)]
    return whole_of(permissions, sources, prover.knowledge, limits[0])


def blocking(
    offer: Policy, request: Policy, knowledge: Knowledge = NOTHING_MORE
) -> tuple[Blocked, ...]:
    """Return, for each permission asked for that has nothing in common with an offer, why.

    Of the sets that exclude each other, one for each permission offered, the smallest is named. It
    is irreducible: without any one of its parts the others leave something in common.
    Source: Bonatti, Olmedilla & Peer 2006 (why not).
    """
    prover = Proof(knowledge=knowledge)
    offered = [_parts("offer", *pair) for pair in rules.asked_for(offer)]
    found = []
    for path, wanted in rules.asked_for(request):
        pairs = [[*_parts("request", path, wanted), *parts] for parts in offered]
        if not any(possible(prover, parts) for parts in pairs):
            sets = [
                _fewest(it, lambda rest: not possible(prover, rest)) for it in pairs[:MAX_PAIRS]
            ]
            found.append(Blocked(path, min(sets, key=len, default=())))
    return tuple(found)


def possible(prover: Proof, parts: Sequence[Part]) -> bool:
    """Return whether statements leave something in common, or at least may."""
    either: Any = next((it.item for it in parts if it.name == "action"), Action(ODRL + "use"))
    sides = []
    for side in ("request", "offer"):
        own = [part for part in parts if part.side == side]
        stated: dict[str, Any] = {it.name: it.item for it in own if it.name != "condition"}
        items = tuple(part.item for part in own if part.name == "condition")
        sides.append(Permission(**{"action": either, **stated, "constraints": items}))
    return compatible(prover, *sides)


def _fewest(items: Sequence[_T], enough: Callable[[Sequence[_T]], bool]) -> tuple[_T, ...]:
    """Return items that are enough without those, the first ones first, that are not needed."""
    kept = tuple(items)
    for item in items:
        rest = tuple([it for it in kept if it is not item])
        kept = rest if enough(rest) else kept
    return kept


def _parts(side: str, path: str, rule: Permission) -> list[Part]:
    functions = dict(rule.functions)  # no party of theirs keeps two permissions apart
    return [Part(side, path, *pair) for pair in rules.attributes(rule) if pair[0] not in functions]
