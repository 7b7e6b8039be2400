"""Policies in numbered sentences, in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Policy,
    PolicyKind,
    Prohibition,
    explain,
)
from policies_odrl.concepts import concepts
from policies_odrl.language.explain import letters, numbered, sentence
from policies_odrl.language.labels import label, labelled, names, word
from policies_odrl.language.phrases import LANGUAGES, OPERATORS
from policies_odrl.language.special import SPECIAL
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import DCT, FUNCTIONS, INCLUDED_IN, LEVELS, OPERANDS, SAME_ACTION
from tests.support.policies import agreed, amount, name_is, one_rule, purpose, training_offer, until

RDFS_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"


def test_the_contract_in_english() -> None:
    assert explain(agreed(training_offer())) == (
        "A. This is an agreement: it binds the parties named in it.",
        "B. Its identifier is [1].",
        "C. It uses the terms of “the Préau profile”.",
        "D. It was concluded on 24 November 2026 at 15:00 (UTC).",
        "E. It is about dataset [2].",
        "F. It is granted by provider.example [3].",
        "G. It holds for consumer.example [4].",
        "1. It is permitted to train a model where the data is.",
        "1.1. Condition: the purpose is “academic research”, narrower ones included.",
        "1.2. Condition: until 30 June 2027 at 22:00 (UTC) inclusive.",
        "1.3. Condition: only for members of the space authority.example [5].",
        (
            "1.4. Condition: all jobs together spend at most ε = 3 of privacy per person: no "
            "result becomes more than about 20 times as likely through one person's data."
        ),
        (
            "1.5. Condition: that limit is stated at δ = 0.00001: it may fail in about 1 case in "
            "100,000."
        ),
        "1.6. Condition: what is protected is the person, with all their rows.",
        "1.7. Condition: at most 4 rows of a person are used.",
        "1.8. Condition: at least 3 sites take part.",
        "H. Where something is both permitted and prohibited, the prohibition wins.",
        "I. Whatever is not permitted here is refused.",
        "[1] urn:uuid:7a1d6c1e-0000-4000-8000-000000000001",
        "[2] urn:example:dataset",
        "[3] did:web:provider.example",
        "[4] did:web:consumer.example",
        "[5] did:web:authority.example",
    )


def test_the_contract_in_french() -> None:
    sentences = explain(agreed(training_offer(epsilon="0.5")), "fr")
    assert sentences[3:10] == (
        "D. L'accord a été conclu le 24 novembre 2026 à 15 h 00 (UTC).",
        "E. Cela porte sur dataset [2].",
        "F. C'est accordé par provider.example [3].",
        "G. Cela vaut pour consumer.example [4].",
        "1. Il est permis d'entraîner un modèle là où sont les données.",
        "1.1. Condition : la finalité est « recherche universitaire », cas particuliers compris.",
        "1.2. Condition : jusqu'au 30 juin 2027 à 22 h 00 (UTC) inclus.",
    )
    assert sentences[11].endswith(
        "au plus ε = 0,5 par personne : les données d'une personne ne rendent aucun résultat plus "
        "de 1,6 fois plus probable, environ."
    )
    assert sentences[17] == "I. Tout ce qui n'est pas permis ici est refusé."


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="`de`"):
        explain(training_offer(), "de")


def test_rules_of_all_kinds_and_what_hangs_below_them() -> None:
    delete = Duty(action=Action(ODRL + "delete"), constraints=(until("2027-01-01"),))
    pay = Duty(action=Action(ODRL + "compensate"), consequences=(delete,))
    policy = one_rule("read", purpose("Marketing", "AcademicResearch"))
    policy = replace(
        policy,
        permissions=(
            replace(policy.permissions[0], duties=(pay,), target=AssetRef("urn:example:a")),
        ),
        prohibitions=(Prohibition(action=Action(ODRL + "sell"), remedies=(delete,)),),
        obligations=(Duty(action=Action(ODRL + "inform"), id="urn:example:duty"),),
        conflict=Conflict.PROHIBIT,
    )
    assert explain(policy)[3:] == (
        "1. It is permitted to read.",
        "1.1. It is about a [2].",
        (
            "1.2. Condition: the purpose is one of “marketing” or “academic research”, narrower "
            "ones included."
        ),
        "1.3. In return, one must pay.",
        "1.3.1. If that is not done, one must also delete.",
        "1.3.1.1. Condition: until 1 January 2027 inclusive.",
        "2. It is prohibited to sell.",
        "2.1. Whoever did so must delete.",
        "2.1.1. Condition: until 1 January 2027 inclusive.",
        "3. It is mandatory to inform (rule duty [3]).",
        "D. Where something is both permitted and prohibited, the prohibition wins.",
        "E. Dates and times without a time zone are read as UTC.",
        "F. Whatever is not permitted here is refused.",
        "[1] urn:example:policy",
        "[2] urn:example:a",
        "[3] urn:example:duty",
    )
    assert len(explain(policy, "fr")) == len(explain(policy))
    unsaid = explain(replace(policy, conflict=None))
    assert any("does not say which of the two wins" in line for line in unsaid)
    alone = explain(replace(policy, conflict=None, prohibitions=()))
    assert not any("which of the two wins" in line for line in alone)


@pytest.mark.parametrize("kind", PolicyKind)
def test_each_kind_says_what_it_is(kind: PolicyKind) -> None:
    first = {explain(Policy(kind=other))[0] for other in PolicyKind}
    assert len(first) == len(PolicyKind)
    assert explain(Policy(kind=kind), "fr")[0].startswith("A. Ceci est un")


def test_choices_are_numbered_so_that_they_cannot_be_misread() -> None:
    inner = LogicalConstraint(Connective.AND, (purpose("Marketing"), until("2027-01-01Z")))
    outer = LogicalConstraint(
        Connective.OR, (amount(ODRL + "count", "5"), inner), id="urn:example:choice"
    )
    assert explain(one_rule("print", outer))[4:9] == (
        "1.1. Condition: at least one of these holds (condition choice [2]):",
        "1.1(a). at most 5 times.",
        "1.1(b). all of these hold:",
        "1.1(b)(a). the purpose is “marketing”, narrower ones included.",
        "1.1(b)(b). until 1 January 2027 (UTC) inclusive.",
    )
    for connective, said in (
        (Connective.XONE, "une seule de ces conditions est remplie :"),
        (Connective.AND_SEQUENCE, "ces conditions sont remplies l'une après l'autre :"),
    ):
        item = replace(outer, connective=connective, id="")
        assert explain(one_rule("print", item), "fr")[4] == f"1.1. Condition : {said}"


def test_units_references_refinements_status_and_datatype() -> None:
    euro = "http://qudt.org/vocab/currency/EUR"
    paid = replace(
        amount(ODRL + "payAmount", "5.50"),
        unit=euro,
        status=Literal("2", XSD + "integer"),
        datatype=XSD + "decimal",
    )
    listed = Constraint(ODRL + "purpose", Operator.IS_ANY_OF, (), reference=("urn:x:list",))
    policy = one_rule("print", paid, replace(paid, unit="urn:x:shell", status=None), listed)
    rule = policy.permissions[0]
    refined = replace(rule.action, refinements=(amount(ODRL + "percentage", "5", "lt"),))
    sentences = explain(replace(policy, permissions=(replace(rule, action=refined),)))
    assert sentences[4:11] == (
        "1.1. More precisely: the percentage is less than 5.",
        "1.2. Condition: the amount paid is at most 5.50 €.",
        "1.2.1. The value is meant as number.",
        '1.2.2. Reached so far: "2" (whole number).',
        "1.3. Condition: the amount paid is at most 5.50 (unit shell [2]).",
        "1.3.1. The value is meant as number.",
        "1.4. Condition: the purpose is what stands at list [3], narrower ones included.",
    )


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
        "1.1. Cela porte sur tout ce que contient rows [2], à prendre dans table [3].",
        "1.2. C'est accordé par ceux que l'on prend dans all [4].",
        "1.3. Cela vaut pour les membres de class [5].",
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


def test_descriptions_are_said_where_they_belong() -> None:
    note = ((RDFS_LABEL, Literal("why")),)
    choice = LogicalConstraint(Connective.OR, (replace(until("2027-01-01Z"), notes=note),))
    policy = one_rule("read", replace(choice, notes=note))
    action = Action(ODRL + "read", notes=note, node="urn:x:reading")
    rule = replace(policy.permissions[0], notes=note, action=action)
    assert explain(replace(policy, permissions=(rule,)))[4:11] == (
        '1.1. Note, name: "why".',
        '1.2. Note on the action, name: "why".',
        "1.3. The action stands in the data as reading [2].",
        "1.4. Condition: at least one of these holds:",
        '1.4.1. Note, name: "why".',
        "1.4(a). until 1 January 2027 (UTC) inclusive.",
        '1.4(a).1. Note, name: "why".',
    )


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(("left", "operator"), SPECIAL)
def test_a_plain_sentence_is_only_used_where_it_is_true(left: str, operator: Operator) -> None:
    strange = Constraint(left, operator, (Literal("one\ntwo", "urn:x:type"),))
    assert "urn:x:type" in sentence(strange)
    two = Constraint(left, operator, (Iri("urn:x:a"), Iri("urn:x:b")))
    assert sentence(two).startswith(("the ", "the value of"))
    assert sentence(replace(two, right=two.right[:1], unit="urn:x:u")).endswith("(unit urn:x:u)")


@pytest.mark.parametrize(("name", "value"), [("epsilon", "31"), ("epsilon", "-1"), ("delta", "0")])
def test_a_number_without_a_meaning_is_said_plainly(name: str, value: str) -> None:
    assert sentence(amount(name, value)).endswith(f"is at most {value}")
    assert sentence(amount(name, "1")) != sentence(amount(name, value))


def test_every_operator_has_a_sentence_in_both_languages() -> None:
    assert set(OPERATORS) == set(Operator)
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
                assert labelled(group, label(group, term, lang), lang) == term
    assert not labelled("actions", "fly", "en")
    assert len(names("actions", "en")) <= len({*INCLUDED_IN, *SAME_ACTION})


def test_french_names_are_french() -> None:
    for group, terms in (("actions", INCLUDED_IN), ("operands", OPERANDS)):
        for term in terms:
            if not term.endswith(("δ", "ε")):
                assert label(group, term, "fr") != label(group, term, "en") or "ε" in term


def test_the_current_term_keeps_a_name_and_a_stranger_is_numbered() -> None:
    assert explain(one_rule("compensate"))[3] == "1. It is permitted to pay."
    assert explain(one_rule("urn:x:fly"))[3] == "1. It is permitted to perform fly [2]."
    assert explain(one_rule("urn:x:fly"), "fr")[3] == "1. Il est permis d'accomplir fly [2]."


def test_each_sentence_knows_what_it_is_about() -> None:
    policy = agreed(one_rule("read", until("2027-01-01Z"), name_is("membership", "urn:x:s")))
    found = {line.path: line.number for line in numbered(policy, "en")}
    assert found["/target"] == "E"
    assert found["/permission/0"] == "1"
    assert found["/permission/0/constraint/1"] == "1.2"


def test_letters_go_on_after_z() -> None:
    assert [letters(number) for number in (1, 26, 27, 52, 53, 703)] == [
        "a",
        "z",
        "aa",
        "az",
        "ba",
        "aaa",
    ]


def test_the_same_policy_always_reads_the_same() -> None:
    assert explain(training_offer(), "fr") == explain(training_offer(), "fr")
