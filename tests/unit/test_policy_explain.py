"""Policies in numbered sentences, in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies_odrl import (
    AssetRef,
    Connective,
    Constraint,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Policy,
    PolicyKind,
    explain,
)
from policies_odrl.concepts import concepts
from policies_odrl.language.conditions import conditions
from policies_odrl.language.explain import number, numbered, sentence
from policies_odrl.language.phrases import LANGUAGES, label, names, table, word
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import DCT, FUNCTIONS, INCLUDED_IN, LEVELS, OPERANDS, SAME_ACTION
from tests.support.each import over
from tests.support.policies import agreed, amount, name_is, one_rule, purpose, training_offer, until

RDFS_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="`de`"):
        explain(training_offer(), "de")


@over("kind", PolicyKind)
def test_each_kind_says_what_it_is(kind: PolicyKind) -> None:
    first = {explain(Policy(kind=other))[0] for other in PolicyKind}
    assert len(first) == len(PolicyKind)
    assert explain(Policy(kind=kind), "fr")[0].startswith("A. Ceci est un")


def test_parties_collections_functions_and_outputs() -> None:
    policy = one_rule("read")
    group = PartyRef("urn:x:class", collection=True, refinements=(purpose("Marketing"),))
    rule = replace(
        policy.permissions[0],
        assignee=group,
        assigner=PartyRef("", source="urn:x:all"),
        target=AssetRef("urn:x:rows", collection=True, source="urn:x:table"),
        output=AssetRef("", collection=True, source="urn:x:table"),
        functions=(
            (ODRL + "consentingParty", PartyRef("did:web:parent.example")),
            ("urn:x:witness", PartyRef("")),
        ),
    )
    assert explain(replace(policy, permissions=(rule,)), "fr")[4:11] == (
        "1.1. Données concernées : tout ce que contient rows [2], à prendre dans table [3].",
        "1.2. Droits accordés par : ceux que l'on prend dans all [4].",
        "1.3. Droits accordés à : les membres de class [5].",
        "1.3.1. Seulement si : la finalité est « marketing », cas particuliers compris.",
        "1.4. Cela produit la collection que l'on prend dans table [3].",
        "1.5. Partie qui consent : parent.example [6].",
        "1.6. Dans le rôle de witness [7] : quelqu'un qui n'est pas nommé.",
    )


def test_the_whole_policy_has_its_sentences() -> None:
    policy = replace(
        one_rule("read"),
        inherits=("urn:x:parent",),
        replaced_by="urn:x:newer",
        timestamp="yesterday",
        metadata=((DCT + "title", Literal("Titre", language="fr")), ("urn:x:p", Iri("urn:x:v"))),
        target=AssetRef("urn:x:data", notes=((RDFS_LABEL, Literal("Notes\n2026")),)),
    )
    assert explain(policy)[2:10] == (
        "C. It uses the terms of “the Préau profile”.",
        "D. It takes over every rule of parent [2].",
        "E. It no longer holds, as it was replaced by newer [3].",
        'F. It was concluded on "yesterday".',
        'G. About it, title: "Titre" (language fr).',
        "H. About it, p [4]: v [5].",
        "I. It is about data [6].",
        'I.1. Note, name: "Notes\\n2026".',
    )


@over(
    ("item", "english", "french"),
    [
        (
            purpose("Marketing", operator="isA"),
            "falls under “marketing”",
            "relève de « marketing »",
        ),
        (
            purpose("Marketing", "PublicBenefit", operator="isNoneOf"),
            "is stated and is none of “marketing” or “public benefit”, narrower ones included",
            (
                "est à indiquer et ne figure pas parmi « marketing » et « intérêt général », cas "
                "particuliers compris"
            ),
        ),
        (
            purpose("Marketing", "PublicBenefit", operator="isAllOf"),
            "covers all of “marketing” and “public benefit”, narrower ones included",
            "couvre à la fois « marketing » et « intérêt général », cas particuliers compris",
        ),
        (purpose("urn:x:own", operator="neq"), "is not urn:x:own", "n'est pas urn:x:own"),
    ],
)
def test_one_condition_alone(item: Constraint, english: str, french: str) -> None:
    assert sentence(item) == f"the purpose {english}"
    assert sentence(item, "fr") == f"la finalité {french}"


def test_a_choice_alone_and_an_unknown_operand() -> None:
    choice = LogicalConstraint(Connective.OR, (until("2027-01-01Z"), amount("urn:x:size", "1")))
    assert sentence(choice) == (
        "at least one of these holds: until 1 January 2027 (UTC) inclusive; "
        "the value of urn:x:size is at most 1"
    )


@over(("left", "operator"), sorted({key[:2] for key in conditions()}, key=str))
def test_a_plain_sentence_is_only_used_where_it_is_true(left: str, operator: Operator) -> None:
    strange = Constraint(left, operator, (Literal("one\ntwo", "urn:x:type"),))
    assert "urn:x:type" in sentence(strange)
    two = Constraint(left, operator, (Iri("urn:x:a"), Iri("urn:x:b")))
    assert sentence(two).startswith(("the ", "the value of"))
    assert sentence(replace(two, right=two.right[:1], unit="urn:x:u")).endswith("(unit urn:x:u)")


@over(("name", "value"), [("epsilon", "31"), ("epsilon", "-1"), ("delta", "0")])
def test_a_number_without_a_meaning_is_said_plainly(name: str, value: str) -> None:
    assert sentence(amount(name, value)).endswith(f"is at most {value}")
    assert sentence(amount(name, "1")) != sentence(amount(name, value))


def test_every_operator_has_a_sentence_in_both_languages() -> None:
    assert set(table("operators")) == {operator.value for operator in Operator}
    for operator in Operator:
        for lang in LANGUAGES:
            item = Constraint(ODRL + "fileFormat", operator, (Literal("csv"),))
            several = replace(item, right=(Literal("csv"), Literal("ods"), Literal("x")))
            assert sentence(item, lang) != sentence(several, lang)
            assert '"ods"' in sentence(several, lang)
    said = {sentence(Constraint(ODRL + "version", op, (Literal("2"),)), "fr") for op in Operator}
    assert len(said) == len(Operator)


def test_every_term_has_a_name_in_both_languages_that_leads_back_to_it() -> None:
    steps = [step for steps in LEVELS.values() for step in steps]
    groups = (
        ("actions", INCLUDED_IN),
        ("operands", OPERANDS),
        ("functions", FUNCTIONS),
        ("values", (*concepts(), *steps)),
    )
    for group, terms in groups:
        for lang in LANGUAGES:
            shared = [term for term in terms if not label(group, term, lang)]
            assert all(word(term, lang, group) for term in shared)
            assert len(shared) <= len(terms) // 10, (group, lang, shared)
            for term in set(terms) - set(shared):
                assert names(group, lang).terms.get(label(group, term, lang)) == term
    assert not names("actions", "en").terms.get("fly")
    assert len(names("actions", "en").terms) <= len({*INCLUDED_IN, *SAME_ACTION})


def test_french_names_are_french() -> None:
    for group, terms in (("actions", INCLUDED_IN), ("operands", OPERANDS)):
        for term in terms:
            if not term.endswith(("δ", "ε")):
                assert label(group, term, "fr") != label(group, term, "en") or "ε" in term


def test_each_sentence_knows_what_it_is_about() -> None:
    policy = agreed(one_rule("read", until("2027-01-01Z"), name_is("membership", "urn:x:s")))
    found = {line.path: line.number for line in numbered(policy, "en")}
    assert found["/target"] == "E"
    assert found["/permission/0"] == "1"
    assert found["/permission/0/constraint/1"] == "1.2"


def test_letters_go_on_after_z() -> None:
    assert [number("", count, digits=False) for count in (1, 26, 27, 52, 53, 703)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "BA",
        "AAA",
    ]
