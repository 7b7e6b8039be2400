"""Policies as forms to fill in, and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from policies_odrl import (
    Conflict,
    Constraint,
    FieldKind,
    Form,
    IllFormed,
    Iri,
    Literal,
    Operator,
    PartyRef,
    Policy,
    Prohibition,
    explain,
    form_of,
    from_form,
    spelled,
)
from policies_odrl.authoring.contracts import Template, fill, templates
from policies_odrl.language.filling import CONFLICT
from policies_odrl.model import ODRL, XSD, Action
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.odd_policies import odd_policies
from tests.support.policies import agreed, amount, name_is, one_rule, purpose, training_offer, until
from tests.support.policy_strategies import policies

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=40)
FIRST = "/permission/0/constraint/0"


@QUIET
@given(policies)
def test_sensible_policies_come_back(policy: Policy) -> None:
    assert from_form(form_of(policy)) == spelled(policy)


@QUIET
@given(odd_policies)
def test_policies_of_every_shape_come_back(policy: Policy) -> None:
    assert from_form(form_of(policy)) == spelled(policy)


@pytest.mark.parametrize("template", templates(), ids=lambda item: item.name)
def test_every_template_comes_back(template: Template) -> None:
    policy = fill(template, template.example)
    assert from_form(form_of(policy)) == spelled(policy)


def test_fields_are_what_the_sentences_say() -> None:
    policy = agreed(training_offer())
    form = form_of(policy)
    shown = [(item.name, item.kind, item.label_en) for item in form.fields]
    assert shown[:6] == [
        ("/target", FieldKind.IRI, "E: what it is about"),
        ("/assigner", FieldKind.IRI, "F: who grants it"),
        ("/assignee", FieldKind.IRI, "G: whom it holds for"),
        ("/permission/0/action", FieldKind.CHOICE, "1: action"),
        (FIRST, FieldKind.CHOICES, "1.1: purpose"),
        ("/permission/0/constraint/1", FieldKind.DATE, "1.2: date"),
    ]
    assert form.fields[-1].name == CONFLICT
    second = form.fields[5]
    assert second.label("fr") == "1.2 : la date"
    assert second.help("en") == "Condition: until 30 June 2027 at 22:00 (UTC) inclusive."
    assert second.help("fr") == "Condition : jusqu'au 30 juin 2027 à 22 h 00 (UTC) inclus."
    assert second.label("en") == second.label_en
    assert second.default == form.values[second.name] == "2027-06-30T22:00:00Z"
    assert "AcademicResearch" not in repr(form.skeleton)


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (purpose("Marketing", operator="isA"), FieldKind.CHOICE),
        (purpose("Marketing"), FieldKind.CHOICES),
        (purpose("Marketing", "PublicBenefit", operator="isAllOf"), FieldKind.CHOICES),
        (purpose("urn:x:own", operator="isA"), FieldKind.IRI),
        (purpose("urn:x:own", "urn:x:other"), FieldKind.LINES),
        (name_is(DPV + "hasLegalBasis", DPV + "Consent"), FieldKind.CHOICE),
        (name_is(DPV + "hasTechnicalMeasure", DPV + "Anonymisation"), FieldKind.CHOICE),
        (name_is("protectionLevel", PREAU + "Anonymised", "gteq"), FieldKind.CHOICE),
        (amount(ODRL + "count", "5"), FieldKind.COUNT),
        (amount(ODRL + "count", "5.5"), FieldKind.NUMBER),
        (amount("epsilon", "3"), FieldKind.NUMBER),
        (until("2027-06-30"), FieldKind.DATE),
        (
            Constraint(ODRL + "elapsedTime", Operator.LTEQ, (Literal("P1D", XSD + "duration"),)),
            FieldKind.DURATION,
        ),
        (Constraint(ODRL + "version", Operator.EQ, (Literal("two words"),)), FieldKind.TEXT),
        (
            Constraint(ODRL + "version", Operator.IS_ANY_OF, (Literal("a"), Iri("urn:x:b"))),
            FieldKind.LINES,
        ),
        (
            Constraint(
                ODRL + "percentage",
                Operator.IS_ANY_OF,
                (Literal("5", XSD + "decimal"), Literal("6", XSD + "decimal")),
            ),
            FieldKind.LINES,
        ),
    ],
)
def test_each_kind_of_value_has_its_field(item: Constraint, kind: FieldKind) -> None:
    policy = one_rule("read", item)
    form = form_of(policy)
    assert {field.name: field.kind for field in form.fields}[FIRST] is kind
    assert from_form(form) == policy


@pytest.mark.parametrize(
    "item",
    [
        Constraint(ODRL + "version", Operator.EQ, (Literal("a\nb"),)),
        Constraint(ODRL + "version", Operator.EQ, (Literal("a", language="fr"),)),
        Constraint(ODRL + "version", Operator.EQ, ()),
        Constraint("urn:x:size", Operator.EQ, (), reference=("urn:x:list",)),
        amount("epsilon", "many"),
    ],
)
def test_what_a_field_cannot_hold_stays_as_it_is(item: Constraint) -> None:
    policy = one_rule("read", item)
    form = form_of(policy)
    assert FIRST not in form.values
    assert from_form(form) == policy


def test_what_is_filled_in_is_what_the_policy_says() -> None:
    form = form_of(agreed(training_offer()))
    changed = (
        form.filled(FIRST, f"{DPV}Marketing\n{DPV}PublicBenefit")
        .filled("/permission/0/constraint/1", "2028-01-31")
        .filled("/permission/0/constraint/3", "1.5")
        .filled("/assignee", "did:web:other.example")
        .filled("/permission/0/action", ODRL + "read")
        .filled(CONFLICT, "")
    )
    policy = from_form(changed)
    assert policy.conflict is None
    assert policy.assignee == PartyRef("did:web:other.example")
    lines = explain(policy)
    assert "1. It is permitted to read." in lines
    assert (
        "1.1. Condition: the purpose is one of “marketing” or “public benefit”, narrower ones "
        "included." in lines
    )
    assert "1.2. Condition: until 31 January 2028 inclusive." in lines
    assert from_form(form_of(policy)) == policy


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (FIRST, "", "must be filled in"),
        (FIRST, f"{DPV}Marketing\n{DPV}Fun", "not what this takes"),
        ("/permission/0/constraint/1", "soon", "not what this takes"),
        ("/permission/0/constraint/1", " 2028-01-31", "not what this takes"),
        ("/permission/0/constraint/3", "three", "not what this takes"),
        ("/assignee", "somebody", "not what this takes"),
        ("/assignee", "did:web:a did:web:b", "not what this takes"),
        ("/permission/0/action", "urn:x:fly", "not what this takes"),
        (CONFLICT, "whatever", "not what this takes"),
        ("/permission/7/action", ODRL + "read", "no such field"),
    ],
)
def test_a_field_is_read_strictly(name: str, value: str, reason: str) -> None:
    form = form_of(agreed(training_offer()))
    from_form(form)
    with pytest.raises(IllFormed, match=reason) as caught:
        from_form(form.filled(name, value))
    assert caught.value.node == name


@pytest.mark.parametrize(
    ("item", "bad"),
    [
        (amount(ODRL + "count", "5"), "-1"),
        (amount(ODRL + "count", "5"), "5.5"),
        (Constraint(ODRL + "version", Operator.EQ, (Literal("two"),)), "urn:x:two"),
    ],
)
def test_counts_and_texts_are_read_strictly(item: Constraint, bad: str) -> None:
    with pytest.raises(IllFormed):
        from_form(form_of(one_rule("read", item)).filled(FIRST, bad))


def test_the_conflict_is_asked_for_where_it_matters() -> None:
    policy = one_rule("read")
    assert CONFLICT not in form_of(policy).values
    mixed = replace(policy, prohibitions=(Prohibition(action=Action(ODRL + "sell")),))
    form = form_of(mixed)
    assert form.values[CONFLICT] == ""
    assert from_form(form) == mixed
    assert from_form(form.filled(CONFLICT, "perm")).conflict is Conflict.PERM


def test_a_form_without_its_skeleton_makes_nothing() -> None:
    with pytest.raises(IllFormed, match="skeleton"):
        from_form(Form(()))
