"""The minimal counter-offer: what changes, what it costs, more protection, and what cannot be."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    ChangeKind,
    Condition,
    Conflict,
    Connective,
    Constraint,
    CounterOffer,
    Duty,
    Iri,
    Knowledge,
    LimitExceeded,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    blocking,
    contains,
    counter_offer,
    term_changes,
)
from policies_odrl.comparison.blocking import possible
from policies_odrl.comparison.change import Cost, cost
from policies_odrl.comparison.change_phrases import number
from policies_odrl.comparison.distance import distance
from policies_odrl.comparison.proof import Proof
from policies_odrl.comparison.protection import raised
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.policies import amount, name_is, one_rule, purpose, training_offer, until

PERCENT = ODRL + "percentage"
RESEARCH = purpose("AcademicResearch")


def kept(days: int) -> Constraint:
    value = Literal(f"P{days}D", XSD + "duration")
    return Constraint(PREAU + "retention", Operator.LTEQ, (value,))


def level(step: str, operator: str = "gteq") -> Constraint:
    return Constraint(PREAU + "protectionLevel", Operator(operator), (Iri(PREAU + step),))


def also(
    policy: Policy, *more: Condition, action: str = "use", duties: tuple[Duty, ...] = ()
) -> Policy:
    rule = Permission(action=Action(ODRL + action), constraints=more, duties=duties)
    return replace(policy, permissions=(*policy.permissions, rule))


OFFER = one_rule("use", RESEARCH, kept(90), level("Pseudonymised"))


def lines(found: CounterOffer) -> list[str]:
    return [item.line for item in found.changes]


# -- agreed, or countered -------------------------------------------------------------------


def test_what_lies_within_is_agreed_at_once_in_the_providers_words() -> None:
    found = counter_offer(OFFER, one_rule("read", RESEARCH, kept(30), level("Aggregated")))
    assert found.agreed
    assert found
    assert found.changes == found.blocked == ()
    assert found.policy is not None
    assert found.policy.kind is PolicyKind.OFFER
    assert found.policy.id == ""
    assert found.policy.permissions[0].constraints == (RESEARCH, kept(30), level("Aggregated"))
    assert not found.reserve


def test_what_lies_within_the_reserve_is_agreed_and_marked() -> None:
    wish = training_offer(epsilon="4")
    found = counter_offer(training_offer(), wish, training_offer(epsilon="5"))
    assert found.agreed
    assert found.reserve
    assert found.policy is not None
    assert contains(wish, found.policy)


def test_the_least_is_changed_and_listed_in_order() -> None:
    wish = one_rule("read", kept(365), RESEARCH, level("Raw"), amount(PERCENT, "5"))
    found = counter_offer(OFFER, wish)
    assert not found.agreed
    assert lines(found) == [
        (
            "/permission/0/constraint/0: retention: retention lteq P365D -> retention lteq P90D "
            "because of offer /permission/0"
        ),
        (
            "/permission/0/constraint/2: protectionLevel: protectionLevel gteq Raw -> "
            "protectionLevel gteq Pseudonymised because of offer /permission/0"
        ),
    ]
    assert [item.kind for item in found.changes] == [ChangeKind.NARROWED, ChangeKind.RAISED]
    assert found.changes[0].said("en") == (
        "Instead of “the data is kept for 365 days at most”: “the data is kept for 90 days at "
        "most”, because of the offer, permission 1."
    )
    assert found.changes[0].said("fr") == (
        "Au lieu de « les données sont conservées 365 jours au plus » : « les données sont "
        "conservées 90 jours au plus », à cause de l'offre, permission 1."
    )
    assert found.policy is not None
    assert contains(OFFER, found.policy)
    assert contains(wish, found.policy)


def test_what_is_missing_is_added_and_listed() -> None:
    tell = Duty(action=Action(ODRL + "inform"))
    ban = Prohibition(action=Action(ODRL + "sell"))
    offer = replace(
        also(one_rule("read"), RESEARCH, duties=(tell,)),
        prohibitions=(ban,),
        obligations=(tell,),
        conflict=Conflict.PROHIBIT,
        target=AssetRef("urn:a"),
        assignee=PartyRef("urn:p"),
    )
    offer = replace(offer, permissions=offer.permissions[1:])
    found = counter_offer(offer, one_rule("read"))
    kinds = [(item.kind.value, item.operand.rpartition("/")[2]) for item in found.changes]
    assert kinds == [
        ("added", "target"),
        ("added", "assignee"),
        ("added", "purpose"),
        ("duty", "duty"),
        ("prohibition", "prohibition"),
        ("obligation", "obligation"),
    ]
    told = [item.said("fr") for item in found.changes]
    assert told[0].startswith("Ce sur quoi cela porte : « urn:a »")
    assert told[3].startswith("En contrepartie, il faut : ")
    assert told[4].startswith("Interdit en plus : vendre")
    assert told[5].startswith("Obligatoire en plus : ")
    assert found.policy is not None
    assert found.policy.permissions[0].duties == (tell,)
    assert (found.policy.prohibitions, found.policy.obligations) == ((ban,), (tell,))
    assert (found.policy.target, found.policy.assignee) == (offer.target, offer.assignee)
    assert counter_offer(offer, found.policy).agreed


def test_a_wider_action_and_refinement_are_narrowed() -> None:
    rule = Permission(action=Action(ODRL + "read", (amount(PERCENT, "5"),)))
    offer = replace(one_rule("read"), permissions=(rule,))
    found = counter_offer(offer, one_rule("use"))
    assert [item.operand for item in found.changes] == ["action", PERCENT]
    assert found.changes[0].said("en").startswith("Instead of “use”: “read”")
    assert found.changes[1].path == "/permission/0/action/odrl:refinement"


def test_prohibitions_that_permissions_override_are_not_added() -> None:
    ban = Prohibition(action=Action(ODRL + "print"))
    offer = replace(OFFER, prohibitions=(ban,), conflict=Conflict.PERM)
    found = counter_offer(offer, one_rule("read", RESEARCH, kept(365), level("Pseudonymised")))
    assert found.policy is not None
    assert found.policy.prohibitions == ()
    assert found.policy.conflict is Conflict.PERM
    own = replace(one_rule("read", RESEARCH), prohibitions=(ban,), conflict=Conflict.PROHIBIT)
    found = counter_offer(offer, own)
    assert found.policy is not None
    assert found.policy.prohibitions == (ban,)
    assert found.policy.conflict is Conflict.PROHIBIT


def test_a_choice_that_two_rules_cover_is_agreed() -> None:
    offer = also(one_rule("read", amount(PERCENT, "10")), name_is("dpia", "urn:d"), action="read")
    choice = LogicalConstraint(Connective.OR, (amount(PERCENT, "5"), name_is("dpia", "urn:d")))
    found = counter_offer(offer, one_rule("read", choice))
    assert found.agreed
    assert found.policy is not None
    assert len(found.policy.permissions) == 2


def test_nothing_asked_gets_nothing() -> None:
    found = counter_offer(OFFER, replace(OFFER, permissions=()))
    assert not found
    assert found.changes == found.blocked == ()


# -- which of several -----------------------------------------------------------------------


def test_fewest_attributes_then_lightest_then_public_then_nearest() -> None:
    wish = one_rule("read", RESEARCH, kept(365), amount(PERCENT, "50"))
    two_changes = one_rule("read", RESEARCH, kept(300), amount(PERCENT, "49"))
    one_heavy = also(two_changes, purpose("ResearchManagement"), kept(365), action="read")
    found = counter_offer(also(two_changes, RESEARCH, kept(1), action="read"), wish)
    assert found.changes[0].rule == "/permission/1"
    light = also(
        one_rule("read", RESEARCH, kept(300)), RESEARCH, amount(PERCENT, "49"), action="read"
    )
    assert [item.operand for item in counter_offer(light, wish).changes] == [PERCENT]
    near = also(one_rule("read", RESEARCH, kept(30)), RESEARCH, kept(300), action="read")
    assert counter_offer(near, wish).changes[0].rule == "/permission/1"
    far = one_rule("read", RESEARCH, kept(30))
    private = counter_offer(far, wish, one_rule("read", RESEARCH, kept(300)))
    assert [(item.because, item.offered) for item in private.changes] == [("offer", (kept(30),))]
    assert not private.reserve
    assert one_heavy


def test_the_reserve_helps_where_the_offer_has_nothing() -> None:
    wish = one_rule("read", purpose("Marketing"), kept(365))
    found = counter_offer(OFFER, wish, also(OFFER, purpose("Marketing"), kept(10)))
    assert found.reserve
    assert [item.because for item in found.changes] == ["reserve"]
    assert "the provider's own limits, permission 2" in found.changes[0].said("en")
    assert "à cause des limites propres au fournisseur" in found.changes[0].said("fr")
    assert found.blocked == ()


def test_a_permission_that_fits_nothing_is_dropped_and_the_rest_granted() -> None:
    wish = also(one_rule("read", RESEARCH, kept(30), level("Raw")), purpose("Marketing"))
    found = counter_offer(OFFER, wish)
    assert [item.kind for item in found.changes] == [ChangeKind.RAISED, ChangeKind.DROPPED]
    assert found.changes[1].line.endswith("use -> not granted")
    assert found.changes[1].said("fr").startswith("Pas accordé : utiliser (")
    assert [item.path for item in found.blocked] == ["/permission/1"]
    assert found.policy is not None
    assert len(found.policy.permissions) == 1


# -- more protection instead of another purpose ---------------------------------------------

STRONGER = also(OFFER, purpose("Marketing"), level("Aggregated"))


@pytest.mark.parametrize("asked", ["eq", "lteq"])
def test_protection_is_raised_where_the_purpose_fits_at_a_higher_level(asked: str) -> None:
    wish = one_rule("read", purpose("Marketing"), level("Pseudonymised", asked))
    found = counter_offer(STRONGER, wish)
    assert [item.kind for item in found.changes] == [ChangeKind.RAISED]
    assert found.changes[0].offered == (level("Aggregated"),)
    assert "More protection of the data" in found.changes[0].said("en")
    assert "Plus de protection des données" in found.changes[0].said("fr")
    assert found.policy is not None
    assert contains(STRONGER, found.policy)
    assert found.policy.permissions[0].constraints[0] == purpose("Marketing")


def test_protection_that_was_not_asked_for_is_told_without_an_empty_quotation() -> None:
    (found,) = counter_offer(STRONGER, one_rule("read", purpose("Marketing"))).changes
    assert "“”" not in found.said("en")
    assert "«  »" not in found.said("fr")
    assert found.offered == (level("Aggregated"),)


def test_protection_is_raised_as_little_as_will_do_and_in_the_reserve_too() -> None:
    wish = one_rule("read", purpose("Marketing"), level("Raw", "eq"))
    private = also(OFFER, purpose("Marketing"), level("Anonymised"), kept(10))
    found = counter_offer(STRONGER, wish, private)
    assert found.reserve
    assert found.changes[0].offered == (level("Anonymised"),)
    assert found.changes[0].kind is ChangeKind.RAISED


def test_protection_is_raised_before_purposes_are_narrowed() -> None:
    wish = one_rule("read", purpose("ResearchAndDevelopment"), level("Pseudonymised", "eq"))
    narrower = counter_offer(OFFER, replace(wish))
    assert narrower.changes[0].operand == ODRL + "purpose"
    offer = also(OFFER, purpose("ResearchAndDevelopment"), level("Synthetic"))
    found = counter_offer(offer, wish)
    assert [item.kind for item in found.changes] == [ChangeKind.RAISED]
    assert found.changes[0].rule == "/permission/1"


def test_protection_is_never_lowered_nor_raised_for_another_purpose() -> None:
    lower = one_rule("use", purpose("Marketing"), level("Raw", "eq"))
    wish = one_rule("read", purpose("Marketing"), level("Aggregated"))
    refused = counter_offer(lower, wish)
    assert refused.policy is None
    assert {part.name for part in refused.blocked[0].parts} == {"condition"}
    elsewhere = one_rule("use", RESEARCH, level("Synthetic"))
    low = one_rule("read", purpose("Marketing"), level("Raw", "eq"))
    assert counter_offer(elsewhere, low).policy is None
    prover = Proof()
    rules = lower.permissions[0], wish.permissions[0], STRONGER.permissions[1]
    assert raised(prover, rules[1], rules[0]) is None
    assert raised(prover, replace(rules[2], constraints=(purpose("Marketing"),)), rules[2]) is None


def test_the_level_asked_for_is_kept_where_it_is_to_be_had() -> None:
    offer = also(STRONGER, purpose("Marketing"), kept(5), amount(PERCENT, "1"))
    wish = one_rule("read", purpose("Marketing"), level("Pseudonymised", "eq"))
    found = counter_offer(offer, wish)
    assert {item.kind for item in found.changes} == {ChangeKind.ADDED}
    assert {item.rule for item in found.changes} == {"/permission/2"}


# -- what cannot be -------------------------------------------------------------------------


def test_the_conflicting_set_names_what_excludes_each_other_and_no_more() -> None:
    offer = one_rule("use", purpose("AcademicResearch"), kept(90), until("2027-01-01"))
    wish = one_rule("read", purpose("Marketing"), kept(365), until("2026-01-01"))
    found = counter_offer(offer, wish)
    assert found.policy is None
    (blocked,) = found.blocked
    assert [part.line for part in blocked.parts] == [
        "request /permission/0: purpose isAnyOf Marketing",
        "offer /permission/0: purpose isAnyOf AcademicResearch",
    ]
    assert blocked.line.startswith("/permission/0: cannot hold together: request")
    assert "asked for, permission 1: the purpose is “marketing”" in blocked.said("en")
    assert "offert, permission 1 : la finalité est" in blocked.said("fr")
    with pytest.raises(ValueError, match="not in"):
        blocked.said("de")


@pytest.mark.parametrize(
    ("offer", "wish", "names"),
    [
        (one_rule("print"), one_rule("read"), ["action", "action"]),
        (
            replace(one_rule("read"), target=AssetRef("urn:a")),
            replace(one_rule("read"), target=AssetRef("urn:b")),
            ["target", "target"],
        ),
        (
            replace(one_rule("read"), assignee=PartyRef("urn:a")),
            replace(one_rule("read"), assignee=PartyRef("urn:b")),
            ["assignee", "assignee"],
        ),
        (
            one_rule("read", until("2026-01-01")),
            one_rule("read", until("2027-01-01", "gt"), RESEARCH),
            ["condition", "condition"],
        ),
        (
            one_rule("read"),
            one_rule("read", until("2026-01-01"), until("2027-01-01", "gt")),
            ["condition", "condition"],
        ),
    ],
)
def test_a_conflicting_set_of_each_kind(offer: Policy, wish: Policy, names: list[str]) -> None:
    (blocked,) = blocking(offer, wish)
    assert [part.name for part in blocked.parts] == names
    assert blocking(offer, offer) == ()


def test_the_smallest_set_of_several_offers_is_named() -> None:
    three = one_rule("read", purpose("Marketing", "ResearchAndDevelopment"))
    lists = (purpose("CommercialPurpose"), purpose("AcademicResearch"))
    wish = one_rule("read", *lists)
    (blocked,) = blocking(also(three, kept(5), action="print"), wish)
    assert len(blocked.parts) == 2
    assert blocking(replace(three, permissions=()), wish)[0].said("en") == "Nothing is offered."
    assert blocking(replace(three, permissions=()), wish)[0].line == "/permission/0: no offer"


def test_a_prohibition_of_all_of_it_is_named() -> None:
    ban = Prohibition(action=Action(ODRL + "use"))
    mild = Prohibition(action=Action(ODRL + "print"))
    offer = replace(OFFER, prohibitions=(mild, ban), conflict=Conflict.PROHIBIT)
    found = counter_offer(offer, one_rule("read", RESEARCH))
    assert found.policy is None
    assert [part.line for part in found.blocked[0].parts] == [
        "request /permission/0: rule read",
        "offer /permission/0: rule use",
        "offer /prohibition/1: prohibition use",
    ]
    assert "interdiction 2" in found.blocked[0].said("fr")
    half = replace(offer, prohibitions=(replace(ban, constraints=(RESEARCH,)),))
    (blocked,) = counter_offer(half, one_rule("read", RESEARCH)).blocked
    assert [part.name for part in blocked.parts] == ["rule", "rule", "prohibition"]
    assert possible(Proof(), blocked.parts[:2])
    tenth = one_rule("use", amount(PERCENT, "10"))
    low = replace(ban, constraints=(amount(PERCENT, "20"),))
    lower = replace(tenth, prohibitions=(low,), conflict=Conflict.PROHIBIT)
    also_mild = replace(lower, prohibitions=(mild, low))
    assert counter_offer(also_mild, one_rule("read", amount(PERCENT, "50"))).blocked[0].parts
    only = counter_offer(lower, one_rule("read", amount(PERCENT, "50")))
    assert only.blocked[0].parts[1].item == tenth.permissions[0]
    assert counter_offer(half, one_rule("read", purpose("Marketing"))).blocked[0].parts


# -- the list, computed by whoever asked ----------------------------------------------------


def test_the_consumer_computes_the_same_list_from_the_two_policies() -> None:
    wish = one_rule("read", kept(365), RESEARCH, level("Raw"))
    found = counter_offer(OFFER, wish)
    assert found.policy is not None
    assert term_changes(wish, found.policy) == found.changes
    assert term_changes(wish, wish) == ()


def test_an_answer_that_gives_more_or_less_is_told() -> None:
    wish = one_rule("read", RESEARCH, kept(30))
    wider = term_changes(wish, one_rule("read", RESEARCH))
    assert [(item.kind, item.operand) for item in wider] == [
        (ChangeKind.REMOVED, PREAU + "retention")
    ]
    assert wider[0].said("fr").startswith("Ne vaut plus : ")
    gone = term_changes(wish, one_rule("print"))
    assert [item.kind for item in gone] == [ChangeKind.DROPPED, ChangeKind.ADDED]
    other = replace(one_rule("read", RESEARCH), target=AssetRef("urn:b"))
    assert (
        term_changes(replace(wish, target=AssetRef("urn:a")), other)[0].kind is ChangeKind.DROPPED
    )
    collection = AssetRef("urn:c", collection=True)
    chosen = AssetRef("", collection=True, source="urn:c", refinements=(kept(5),))
    narrowed = counter_offer(
        replace(one_rule("read"), target=chosen), replace(one_rule("read"), target=collection)
    )
    assert [item.operand for item in narrowed.changes] == ["target"]
    assert narrowed.changes[0].line.endswith(
        "target: urn:c -> urn:c because of offer /permission/0"
    )


def test_the_answer_that_changes_least_is_compared() -> None:
    wish = one_rule("read", RESEARCH, kept(30))
    offered = also(one_rule("read", RESEARCH, kept(5), until()), RESEARCH, kept(20), action="read")
    (only,) = term_changes(wish, offered)
    assert only.rule == "/permission/1"
    assert only.offered == (kept(20),)
    turned = replace(offered, permissions=offered.permissions[::-1])
    assert term_changes(wish, turned)[0].rule == "/permission/0"
    told = replace(wish, obligations=(Duty(action=Action(ODRL + "inform")),))
    assert term_changes(told, told) == ()
    assert number("/odrl:elsewhere", "en") == "/odrl:elsewhere"
    many = replace(wish, permissions=wish.permissions * 2000)
    assert [item.kind for item in term_changes(many, replace(wish, id=""))][
        -1
    ] is ChangeKind.DROPPED


# -- costs and bounds -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("near", "far", "asked"),
    [
        (kept(300), kept(90), kept(365)),
        (amount(PERCENT, "9"), amount(PERCENT, "1"), amount(PERCENT, "10")),
        (until("2027-01-01"), until("2026-01-01"), until("2027-02-01")),
        (level("Minimised"), level("Synthetic"), level("Raw")),
        (RESEARCH, purpose("ResearchManagement:x"), purpose("ResearchAndDevelopment")),
        (
            purpose("https://w3id.org/dpv/sector/education#ResearchManagement"),
            purpose("Marketing"),
            RESEARCH,
        ),
    ],
)
def test_nearer_terms_are_nearer(near: Constraint, far: Constraint, asked: Constraint) -> None:
    known = Knowledge()
    small, large = (distance([asked], [item], known) for item in (near, far))
    assert 0 < small < large <= 1
    assert distance([asked], [asked], known) == 0


def test_what_cannot_be_measured_is_as_far_as_can_be() -> None:
    known = Knowledge()
    spatial = name_is(ODRL + "spatial", "urn:a")
    assert distance([spatial], [spatial], known) == 1
    assert distance([], [RESEARCH], known) == 1
    assert distance([kept(5)], [RESEARCH], known) == 1
    zero = amount(PERCENT, "0")
    assert distance([zero], [zero], known) == 0
    two = replace(zero, right=(*zero.right, *kept(5).right))
    assert distance([two], [zero], known) == 1
    none = Constraint(ODRL + "purpose", Operator.EQ, (), reference=("urn:x",))
    assert distance([RESEARCH], [none], known) == 1
    year = replace(kept(5), right=(Literal("P1Y", XSD + "duration"),))
    assert Decimal(str(distance([year], [kept(365)], known))) < Decimal("0.01")
    assert cost((), known) == Cost(0, 0, 0)


def test_policies_too_large_are_refused() -> None:
    many = replace(OFFER, permissions=OFFER.permissions * 65)
    with pytest.raises(LimitExceeded, match="too many rules"):
        counter_offer(many, many)
    wish = one_rule("read", *(amount(PERCENT, str(value)) for value in range(200)))
    with pytest.raises(LimitExceeded, match="too many rules"):
        counter_offer(replace(wish, permissions=wish.permissions * 20), many)
    assert counter_offer(wish, wish).agreed


def test_concepts_from_knowledge_are_measured_and_met() -> None:
    known = Knowledge(broader={"urn:study": (DPV + "AcademicResearch", DPV + "Marketing")})
    found = counter_offer(OFFER, one_rule("read", purpose("Marketing")), knowledge=known)
    assert found.policy is not None
    assert found.policy.permissions[0].constraints[0] == purpose("urn:study")
    assert counter_offer(OFFER, one_rule("read", purpose("Marketing"))).policy is None
