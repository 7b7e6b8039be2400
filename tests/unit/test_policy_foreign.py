"""What of a rendering is the other party's text, and how large a policy is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from policies_odrl import (
    Action,
    AssetRef,
    Connective,
    Constraint,
    Duty,
    Iri,
    Layer,
    LogicalConstraint,
    Operator,
    PartyRef,
    Policy,
    Prohibition,
    layer,
)
from policies_odrl.comparison.meet import meet
from policies_odrl.comparison.wording import foreign
from policies_odrl.model import ODRL, Condition, Literal
from policies_odrl.reading.inventory import size
from policies_odrl.vocabulary import DCT
from tests.support.each import over
from tests.support.policies import amount, name_is, purpose, training_offer, until
from tests.support.small_policies import MANY, may, never, terms
from tests.support.tables import rows

OWN = training_offer()


def percent(value: str) -> Constraint:
    return amount(ODRL + "percentage", value)


PAY = Duty(action=Action(ODRL + "compensate"), constraints=(amount(ODRL + "payAmount", "5"),))
BAN = Prohibition(action=Action(ODRL + "use"), constraints=(until("2028-01-01T00:00:00Z", "gt"),))
PARTY = PartyRef("urn:x:party", refinements=(name_is(ODRL + "industry", "urn:x:y"),))


def with_rule(**changes: object) -> Policy:
    return replace(OWN, permissions=(replace(OWN.permissions[0], **changes),))


def with_condition(item: Condition) -> Policy:
    return with_rule(constraints=(*OWN.permissions[0].constraints, item))


TEXT = Constraint(ODRL + "purpose", Operator.NEQ, (Iri("urn:x:text"),))
LABEL = ((DCT + "title", Literal("urn:x:label")),)
ADDED = {
    "prohibition": replace(OWN, prohibitions=(BAN,)),
    "obligation": replace(OWN, obligations=(PAY,)),
    "duty": with_rule(duties=(PAY,)),
    "target": with_rule(target=AssetRef("urn:x:asset")),
    "function": with_rule(functions=((ODRL + "informedParty", PARTY),)),
    "action": with_rule(action=Action("urn:x:action")),
    "refinement": with_rule(action=replace(OWN.permissions[0].action, refinements=(TEXT,))),
    "name": with_condition(TEXT),
    "operand": with_condition(name_is("urn:x:left", "urn:x:right")),
    "unit": with_condition(replace(amount("epsilon", "1"), unit="urn:x:unit")),
    "nested": with_condition(LogicalConstraint(Connective.OR, (TEXT, until()))),
    "label of the rule": with_rule(notes=LABEL),
    "label of the action": with_rule(action=replace(OWN.permissions[0].action, notes=LABEL)),
    "name of the action": with_rule(action=replace(OWN.permissions[0].action, node="urn:x:act")),
    "label of a condition": with_condition(replace(OWN.permissions[0].constraints[0], notes=LABEL)),
    "label of a connective": with_condition(
        LogicalConstraint(Connective.OR, OWN.permissions[0].constraints[:1], notes=LABEL)
    ),
    "label of the target": replace(OWN, target=AssetRef("urn:x:asset", notes=LABEL)),
    "title": replace(OWN, metadata=(*OWN.metadata, *LABEL)),
}


@rows("foreign", "what the other added is named and not quoted")
def test_what_the_other_added_is_named_and_not_quoted(name: str) -> None:
    found = foreign(ADDED[name], OWN)
    assert found
    assert "urn:x" not in repr(found).replace("`urn:x:left`", "")  # the operand is named


@rows("foreign", "the same is ones own where one wrote it")
def test_the_same_is_ones_own_where_one_wrote_it(name: str) -> None:
    assert foreign(ADDED[name], OWN, ADDED[name]) == ()


def test_figures_moments_and_known_purposes_are_nobodys_text() -> None:
    wish = training_offer(epsilon="01.50", end="2027-01-01")
    terms = wish.permissions[0].constraints
    wish = replace(
        wish,
        permissions=(
            replace(
                wish.permissions[0], constraints=(*terms, purpose("Marketing", operator="isNoneOf"))
            ),
        ),
    )
    found = meet(OWN, wish)
    assert found is not None
    assert foreign(found, OWN) == ()
    assert foreign(replace(found, permissions=wish.permissions), OWN)  # not written anew


def test_all_parts_count() -> None:
    assert size(OWN) == (1, 8, 8)
    nested = LogicalConstraint(Connective.AND, (until(), purpose("Marketing", "Advertising")))
    whole = replace(with_condition(nested), assignee=PARTY, obligations=(PAY,))
    assert size(whole) == (2, 8 + 3 + 1 + 1, 8 + 3 + 1 + 1)
    assert size(with_rule(assigner=PARTY, duties=(replace(PAY, consequences=(PAY,)),))) == (
        3,
        8 + 1 + 2,
        8 + 1 + 2,
    )


# -- names ------------------------------------------------------------------------------------

SMALL = terms(may(), never(percent("5")), target=AssetRef("urn:x"), id="urn:own")
LABELLED = LogicalConstraint(Connective.OR, (percent("5"),), id="urn:text")
TAKEN: list[dict[str, Any]] = [
    {"id": "urn:text"},
    {"profiles": ("urn:text",)},
    {"inherits": ("urn:text",)},
    {"replaced_by": "urn:text"},
    {"timestamp": "urn:text"},
    {"target": AssetRef("urn:text")},
    {"assignee": PartyRef("urn:text", refinements=(LABELLED,))},
    {"assigner": PartyRef("urn:text")},
    {"permissions": (may(id="urn:text"),)},
    {"permissions": (may(origin="urn:text"),)},
    {"permissions": (may(LABELLED),)},
    {"prohibitions": (never(percent("5"), target=AssetRef("urn:y")),)},
]


@over("parts", TAKEN)
def test_no_name_of_the_other_party_is_taken_over(parts: dict[str, Any]) -> None:
    taken = replace(SMALL, **parts)
    assert foreign(taken, SMALL)
    assert "urn:text" not in repr(foreign(taken, SMALL))
    assert foreign(taken, SMALL, taken) == ()


def test_what_is_called_a_collection_elsewhere_is_said_in_ones_own_words() -> None:
    one = terms(may(), may(act="play", target=MANY), never(target=AssetRef("urn:news")))
    found = layer(Layer("a", one), Layer("b", terms(may())))
    assert [ban.action.id for ban in found.policy.prohibitions] == [ODRL + "read", ODRL + "play"]
    assert foreign(found.policy, one) == ()
    assert foreign(found.policy, replace(one, permissions=(may(),)))
    assert foreign(terms(may(), never(target=MANY)), one)  # reading it was not granted as such
