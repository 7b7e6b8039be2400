"""Laws of comparison, counter-offers and layers, on random policies, requests and facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain, islice, permutations, product
from unittest.mock import patch

from policies_odrl import (
    Action,
    Answer,
    AssetRef,
    Conflict,
    Facts,
    Iri,
    Layer,
    Mode,
    Operator,
    Permission,
    Policy,
    PolicyKind,
    Request,
    compare,
    compile_policy,
    contains,
    counter_offer,
    layer,
    term_changes,
)
from policies_odrl.algebra.boxes import Proof
from policies_odrl.algebra.extent import Reading
from policies_odrl.comparison import compare as comparing
from policies_odrl.comparison.compare import Containment, Relation
from policies_odrl.comparison.counter import blocking, possible
from policies_odrl.comparison.meet import meet
from policies_odrl.comparison.witness import Near
from policies_odrl.knowledge import NOTHING_MORE
from policies_odrl.model import ODRL, Condition, Constraint
from policies_odrl.vocabulary import LEVELS, PREAU
from tests.support import policy_strategies as some
from tests.support.choices import Choices
from tests.support.distilled import distilled

NEAR = 8  # requests tried around each policy

LEVELLED = some.every(
    [PREAU + "protectionLevel"],
    (Operator.EQ, Operator.GTEQ, Operator.LTEQ),
    [(Iri(step),) for step in LEVELS[PREAU + "protectionLevel"]],
)
PURPOSES = [
    Constraint(ODRL + "purpose", Operator.IS_ANY_OF, tuple(map(Iri, names)))
    for most in (1, 2)
    for names in permutations(some.PURPOSES[:-1], most)
]
PLAIN = (PURPOSES, some.NUMBER_CONSTRAINTS, LEVELLED)


def rule(pick: Choices) -> Permission:
    constraints = tuple(map(pick.one, PLAIN))
    return Permission(action=Action(pick.one(some.ACTIONS[:3])), constraints=constraints)


def terms(pick: Choices) -> Policy:
    permissions = pick.some(rule, (1, 2))
    plain = some.policy(pick)
    return replace(
        plain, kind=PolicyKind.OFFER, permissions=permissions, prohibitions=(), target=None
    )


def pair(pick: Choices) -> tuple[Policy, Policy]:
    """Two policies that often have something in common, with parties and targets anywhere."""
    if pick.below(8):
        first, second = some.varied(pick)
    else:
        first = some.policy(pick)
        second = some.beside(first, pick)
    one, two = (
        replace(
            policy,
            kind=PolicyKind.OFFER,
            target=pick.one(some.ASSET_REFS),
            assignee=pick.one(some.PARTY_REFS),
        )
        for policy in (first, second)
    )
    return one, two


@lru_cache(maxsize=16)  # laws of one draw ask for the same again
def beside(mine: Policy, other: Policy) -> dict[str, Request]:
    """Requests that a policy is likely to grant, on either side of what another says."""
    near = islice(Near(other, Reading(NOTHING_MORE)).requests(mine), NEAR)
    return {repr(request): request for request in near}


def around(*policies: Policy) -> Iterable[Request]:
    """Requests that one of several policies is likely to grant, or just not to, each once."""
    each = [beside(mine, other).items() for mine, other in product(policies, repeat=2)]
    return dict(chain.from_iterable(each)).values()


Decides = Callable[[Request, Facts, Mode], bool]


def deciding(policy: Policy | None) -> Decides:
    """Return what says whether a policy, ready to be asked often, grants a request."""
    if policy is None:
        return lambda *_: False
    ready = {mode: compile_policy(policy, mode=mode, tentative=True).permits for mode in Mode}
    return lambda request, facts, mode: ready[mode](request, facts)


@dataclass(frozen=True)
class Drawn:
    """Two policies, a third one, and conditions and facts; what is asked of the two is kept."""

    both: tuple[Policy, Policy]
    third: Policy
    facts: Facts
    extra: Sequence[Condition]

    @cached_property
    def near(self) -> list[Request]:
        """Requests around the two."""
        return list(around(*self.both))

    @cached_property
    def each(self) -> list[Decides]:
        """What says whether each of the two grants a request."""
        return list(map(deciding, self.both))


@lru_cache(maxsize=4)
def contained(offer: Policy, request: Policy) -> Containment:
    """What `contains` answers: laws and comparisons of one draw ask the same again."""
    return contains(offer, request)


def what_is_within_is_granted_by_both(it: Drawn) -> None:
    found = contained(*it.both)
    if found.answer is Answer.UNKNOWN:
        assert found.missing
    mine, theirs = it.each
    for request, mode in product(it.near if found else (), Mode):
        assert not theirs(request, it.facts, mode) or mine(request, it.facts, mode)


def the_meet_grants_just_what_both_grant(it: Drawn) -> None:
    common = meet(*it.both)
    joined = deciding(common)
    for request, mode in product(around(*it.both, common) if common else it.near, Mode):
        expected = all(grants(request, it.facts, mode) for grants in it.each)
        assert joined(request, it.facts, mode) is expected


def a_relation_is_seen_from_both_sides(it: Drawn) -> None:
    both = it.both
    with patch.object(comparing, "contains", lambda *asked: contained(*asked[:2])):
        found, turned = compare(*both), compare(both[1], both[0])
    opposite = {Relation.WITHIN: Relation.CONTAINS, Relation.CONTAINS: Relation.WITHIN}
    if Relation.UNKNOWN in {found.relation, turned.relation}:
        assert found.missing or turned.missing
    else:
        assert turned.relation is opposite.get(found.relation, found.relation)
    assert (found.relation is Relation.OVERLAPPING) is (found.shared is not None)
    forward, backward = (contained(*sides) for sides in (both[::-1], both))
    wanted = {(True, True): Relation.EQUIVALENT, (True, False): Relation.WITHIN}
    if forward or backward:
        assert found.relation is wanted.get((bool(forward), bool(backward)), Relation.CONTAINS)
    apart = found.relation is Relation.DISJOINT
    for request, mode in product(it.near if apart else (), Mode):
        assert not all(grants(request, Facts(), mode) for grants in it.each)


def crossing(*limits: tuple[Operator, str]) -> Drawn:
    """Two policies that have some requests in common, and each one of its own."""
    share = ODRL + "percentage"
    asked = [Constraint(share, it, (some.literal("decimal", value),)) for it, value in limits]
    rules = [Permission(action=Action(some.ACTIONS[0]), constraints=(it,)) for it in asked]
    whole = Policy(kind=PolicyKind.SET, id="urn:example:policy", target=AssetRef(some.ASSETS[0]))
    one, two = (replace(whole, permissions=(rule,)) for rule in rules)
    return Drawn((one, two), one, Facts(), [])


def test_what_has_something_in_common_is_not_disjoint() -> None:
    for low, relation in (("1", Relation.OVERLAPPING), ("5", Relation.DISJOINT)):
        it = crossing((Operator.LTEQ, "3"), (Operator.GTEQ, low))
        found = compare(*it.both)
        assert found.relation is relation
        if found.shared:
            assert all(grants(found.shared, it.facts, Mode.W3C) for grants in it.each)


def a_further_layer_never_grants_more_and_all_together_agree(it: Drawn) -> None:
    both, third = it.both, it.third
    names = [Layer(name, policy) for name, policy in zip("abc", (*both, third), strict=True)]
    one, two, three = layer(names[0]), layer(*names[:2]), layer(*names)
    layers = [*it.each, deciding(third)]
    joined = [deciding(item.policy) for item in (one, two, three)]
    for request, mode in product(around(*both, three.policy if three else third), Mode):
        each = [grants(request, it.facts, mode) for grants in layers]
        merged = [grants(request, it.facts, mode) for grants in joined]
        assert merged == [each[0], all(each[:2]), all(each)]


def a_signed_layer_cannot_be_weakened(it: Drawn) -> None:
    """Whatever a later layer says (fewer conditions, permissions that win), the first one holds."""
    template, other = it.both
    loose = replace(
        other,
        permissions=tuple(replace(r, constraints=tuple(it.extra)) for r in template.permissions),
        conflict=Conflict.PERM,
    )
    merged = layer(Layer("authority", template), Layer("terms", loose)).policy
    after, before = deciding(merged), it.each[0]
    for request, mode in product(around(template, loose), Mode):
        assert not after(request, Facts(), mode) or before(request, Facts(), mode)


def _drawn(pick: Choices) -> Drawn:
    extra = pick.some(some.condition, (0, 1, 2))
    return Drawn(pair(pick), some.policy(pick), some.facts(pick), extra)


@distilled(_drawn, 320)
def test_what_is_said_of_two_policies_is_what_they_grant(it: Drawn) -> None:
    for law in (
        what_is_within_is_granted_by_both,
        the_meet_grants_just_what_both_grant,
        a_relation_is_seen_from_both_sides,
        a_further_layer_never_grants_more_and_all_together_agree,
        a_signed_layer_cannot_be_weakened,
    ):
        law(it)


def a_counter_offer_is_within_the_limits_and_its_changes_are_all(
    offer: Policy, wish: Policy, reserve: Policy | None, facts: Facts
) -> None:
    found = counter_offer(offer, wish, reserve)
    limits = list(map(deciding, [offer] if reserve is None else [offer, reserve]))
    assert bool(found) is (found.policy is not None)
    if found.policy is None:
        assert found.blocked or not wish.permissions
        return
    assert found.agreed is not bool(found.changes)
    raised = [item for item in found.changes if item.kind.value == "raised"]
    proposed, wished = map(deciding, (found.policy, wish))
    for request, mode in product(around(found.policy, wish), Mode):
        if proposed(request, facts, mode):
            assert any(grants(request, facts, mode) for grants in limits)
            assert raised or wished(request, facts, mode)
        elif found.agreed:
            assert not wished(request, facts, mode)
    again = counter_offer(offer, found.policy, reserve)
    assert again.agreed
    assert again.policy is not None
    assert term_changes(found.policy, again.policy) == ()


def the_conflicting_set_is_irreducible(offer: Policy, wish: Policy) -> None:
    prover = Proof(knowledge=NOTHING_MORE)
    for blocked in blocking(offer, wish):
        assert not possible(prover, blocked.parts)
        for part in blocked.parts:
            assert possible(prover, [item for item in blocked.parts if item is not part])
        index = int(blocked.path.rpartition("/")[2])
        alone = replace(wish, permissions=(wish.permissions[index],))
        assert meet(offer, alone) is None


def _asked(pick: Choices) -> tuple[Policy, Policy, Policy | None, Facts]:
    offer, wish, facts = terms(pick), terms(pick), some.facts(pick)
    return offer, wish, terms(pick) if pick.yes() else None, facts


@distilled(_asked, 384, fresh=15)
def test_a_counter_offer_and_what_is_in_its_way(
    asked: tuple[Policy, Policy, Policy | None, Facts],
) -> None:
    offer, wish, reserve, facts = asked
    a_counter_offer_is_within_the_limits_and_its_changes_are_all(offer, wish, reserve, facts)
    the_conflicting_set_is_irreducible(offer, wish)
