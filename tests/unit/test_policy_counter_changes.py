"""Two policies that differ are never told to be alike, and no text of another's is taken over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Layer,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    contains,
    counter_offer,
    layer,
    term_changes,
)
from policies_odrl.comparison import blocking as blocking_module
from policies_odrl.comparison import change
from policies_odrl.comparison.blocking import blocking
from policies_odrl.comparison.foreign import foreign
from policies_odrl.comparison.term_change import ChangeKind
from policies_odrl.model import ODRL, XSD, Rule

X, Y = AssetRef("urn:x"), AssetRef("urn:y")
ANN = PartyRef("urn:ann")
TOLD = (ODRL + "informedParty", ANN)


def percent(value: str, operator: str = "lteq") -> Constraint:
    return Constraint(ODRL + "percentage", Operator(operator), (Literal(value, XSD + "decimal"),))


def may(*items: Constraint, act: str = "read", **parts: Any) -> Permission:
    return Permission(action=Action(ODRL + act), constraints=items, **parts)


LOW = Prohibition(action=Action(ODRL + "read"), constraints=(percent("5"),))
TELL = Duty(action=Action(ODRL + "inform"))


def terms(*rules: Rule, **parts: Any) -> Policy:
    return Policy(
        kind=parts.pop("kind", PolicyKind.SET),
        permissions=tuple(rule for rule in rules if isinstance(rule, Permission)),
        prohibitions=tuple(rule for rule in rules if isinstance(rule, Prohibition)),
        obligations=tuple(rule for rule in rules if isinstance(rule, Duty)),
        **parts,
    )


PLAIN = terms(may())


def test_what_was_not_compared_counts_as_added(monkeypatch: pytest.MonkeyPatch) -> None:
    within = terms(may(), may(percent("5")))
    assert term_changes(PLAIN, within) == ()
    monkeypatch.setattr(change, "MAX_PAIRS", 2)
    (found,) = term_changes(PLAIN, within)
    assert (found.kind, found.operand) == (ChangeKind.ADDED, "rule")


# -- counter-offers -------------------------------------------------------------------------


def test_a_ban_of_the_offer_on_its_own_asset_is_a_change() -> None:
    whole = AssetRef("urn:c", collection=True)
    offer = terms(may(target=X), LOW, target=whole, conflict=Conflict.PROHIBIT)
    wish = terms(may(target=X), LOW, target=X, conflict=Conflict.PERM)
    found = counter_offer(offer, wish)
    assert not contains(offer, wish)
    assert not found.agreed
    assert [item.operand for item in found.changes] == ["prohibition", "conflict"]
    assert counter_offer(offer, offer).agreed


UNCLEAR: list[dict[str, Any]] = [
    {"replaced_by": "urn:q"},
    {"inherits": ("urn:q",)},
    {"profiles": ("urn:q",)},
]


@pytest.mark.parametrize("parts", UNCLEAR)
def test_a_request_that_says_nothing_by_itself_is_not_agreed(parts: dict[str, Any]) -> None:
    wish = terms(may(), **parts)
    found = counter_offer(PLAIN, wish)
    assert not contains(PLAIN, wish)
    assert (found.agreed, found.policy) == (False, None)
    (blocked,) = found.blocked
    assert blocked.line.startswith("/permission/0: nobody can say what `urn:q` says") or (
        blocked.line == "/permission/0: nobody can say what profile `urn:q` means"
    )
    assert blocked.said("en").startswith("Nobody can say what the request or the offer grants")
    assert counter_offer(PLAIN, PLAIN).agreed


def test_no_permission_is_blocked_because_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking_module, "MAX_PAIRS", 1)
    offer = terms(may(act="print"), may(act="play"))
    assert blocking(offer, terms(may(act="play"))) == ()
    (found,) = blocking(offer, PLAIN)
    assert [part.rule for part in found.parts] == ["/permission/0", "/permission/0"]


# -- whose words ----------------------------------------------------------------------------

OWN = terms(may(), LOW, target=X, conflict=Conflict.PROHIBIT, id="urn:own")
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
    {"permissions": (replace(may(), constraints=(LABELLED,)),)},
    {"prohibitions": (replace(LOW, target=Y),)},
]


@pytest.mark.parametrize("parts", TAKEN)
def test_no_name_of_the_other_party_is_taken_over(parts: dict[str, Any]) -> None:
    taken = replace(OWN, **parts)
    assert foreign(taken, OWN)
    assert "urn:text" not in repr(foreign(taken, OWN))
    assert foreign(taken, OWN, taken) == ()


# -- layers ---------------------------------------------------------------------------------


def test_a_ban_names_the_layers_that_state_it_about_the_same_asset() -> None:
    bans: dict[str, Any] = {"conflict": Conflict.PROHIBIT}
    both = AssetRef("urn:both", collection=True)
    found = layer(
        Layer("one", terms(may(target=both), LOW, TELL, target=X, **bans)),
        Layer("two", terms(may(target=both), LOW, TELL, target=Y, **bans)),
        Layer("free", terms(may(target=both), LOW, target=X, conflict=Conflict.PERM)),
    )
    stated = [item for item in found.stated if not item.path.startswith("/permission")]
    assert [(item.path, item.layers) for item in stated] == [
        ("/prohibition/0", ("one",)),
        ("/prohibition/1", ("two",)),
        ("/obligation/0", ("one",)),
        ("/obligation/1", ("two",)),
    ]


# -- what tells two versions of a rule apart is said ---------------------------------------------


@pytest.mark.parametrize(
    ("lang", "told"), [("en", "Party that is paid: urn:ann"), ("fr", "Partie payée : urn:ann")]
)
def test_a_change_says_to_whom_a_duty_is_due(lang: str, told: str) -> None:
    pay = Duty(action=Action(ODRL + "compensate"))
    due = replace(pay, functions=((ODRL + "compensatedParty", ANN),))
    found = [item.said(lang) for item in term_changes(terms(may(), pay), terms(may(), due))]
    assert [told in line for line in found] == [True, False]
    strange = replace(pay, functions=(("urn:vouches", ANN),))
    (line, _) = [item.said(lang) for item in term_changes(terms(may(), pay), terms(may(), strange))]
    assert "vouches" in line
