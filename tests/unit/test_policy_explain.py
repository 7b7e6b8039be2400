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
    LogicalConstraint,
    Operator,
    Prohibition,
    explain,
)
from policies_odrl.model import ODRL
from policies_odrl.phrases import LANGUAGES, OPERATORS, PHRASES, SPECIAL, label
from policies_odrl.vocabulary import INCLUDED_IN, OPERANDS
from tests.support.policies import agreed, amount, one_rule, purpose, training_offer, until


def test_the_contract_in_english() -> None:
    assert explain(training_offer()) == (
        "1. It is permitted to train a model where the data is (federated training).",
        "1.1. Condition: purpose is academic research, or a kind of it.",
        "1.2. Condition: until 2027-06-30T22:00:00Z at the latest.",
        "1.3. Condition: only for members of the space did:web:authority.example.",
        "1.4. Condition: all jobs together spend at most ε = 3 of privacy per person.",
        "1.5. Condition: that limit is stated at δ = 0.00001.",
        "1.6. Condition: what is protected is the person, with all their rows.",
        "1.7. Condition: at most 4 rows of a person are used.",
        "1.8. Condition: at least 3 sites take part.",
        "Whatever is not permitted here is refused.",
    )


def test_the_contract_in_french() -> None:
    sentences = explain(agreed(training_offer()), "fr")
    assert sentences[:4] == (
        "Cela porte sur urn:example:dataset.",
        "C'est accordé par did:web:provider.example.",
        "Cela s'adresse à did:web:consumer.example.",
        "1. Il est permis de : entraîner un modèle là où sont les données (apprentissage fédéré).",
    )
    assert (
        "1.3. Condition : réservé aux membres de l'espace did:web:authority.example." in sentences
    )
    assert sentences[-1] == "Tout ce qui n'est pas permis ici est refusé."


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="`de`"):
        explain(training_offer(), "de")


def test_rules_of_all_kinds_and_what_hangs_below_them() -> None:
    delete = Duty(action=Action(ODRL + "delete"), constraints=(until("2027-01-01T00:00:00Z"),))
    pay = Duty(action=Action(ODRL + "compensate"), consequences=(delete,))
    policy = one_rule("read", purpose("Marketing", "AcademicResearch"))
    policy = replace(
        policy,
        permissions=(
            replace(policy.permissions[0], duties=(pay,), target=AssetRef("urn:example:a")),
        ),
        prohibitions=(Prohibition(action=Action(ODRL + "sell"), remedies=(delete,)),),
        obligations=(Duty(action=Action(ODRL + "inform")),),
        conflict=Conflict.PROHIBIT,
    )
    assert explain(policy) == (
        "1. It is permitted to read.",
        "1.1. It is about urn:example:a.",
        "1.2. Condition: purpose is marketing or academic research, or a kind of it.",
        "1.3. In return, one must compensate.",
        "1.3.1. If that is not done, one must also delete.",
        "1.3.1.1. Condition: until 2027-01-01T00:00:00Z at the latest.",
        "2. It is prohibited to sell.",
        "2.1. Whoever did so must delete.",
        "2.1.1. Condition: until 2027-01-01T00:00:00Z at the latest.",
        "3. It is mandatory to inform.",
        "Where something is both permitted and prohibited, the prohibition wins.",
        "Whatever is not permitted here is refused.",
    )
    assert "la prohibition" not in " ".join(explain(policy, "fr"))
    assert len(explain(policy, "fr")) == len(explain(policy))
    assert "the whole policy is void" in " ".join(explain(replace(policy, conflict=None)))


def test_logical_constraints_units_references_and_refinements() -> None:
    paid = replace(amount(ODRL + "payAmount", "5"), unit="urn:eur")
    listed = Constraint(ODRL + "purpose", Operator.IS_ANY_OF, (), reference=("urn:list",))
    choice = LogicalConstraint(Connective.OR, (paid, listed))
    policy = one_rule("print", choice, purpose("Marketing", "PublicBenefit", operator="isAllOf"))
    rule = policy.permissions[0]
    refined = replace(rule.action, refinements=(amount(ODRL + "percentage", "5", "lt"),))
    sentences = explain(replace(policy, permissions=(replace(rule, action=refined),)))
    assert sentences == (
        "1. It is permitted to print.",
        "1.1. More precisely: percentage is below 5.",
        (
            "1.2. Condition: at least one of these holds: pay amount is at most 5 urn:eur; "
            "purpose is urn:list, or a kind of it."
        ),
        "1.3. Condition: purpose covers marketing and public benefit.",
        "Whatever is not permitted here is refused.",
    )


def test_every_operator_has_a_sentence_in_both_languages() -> None:
    assert set(OPERATORS) == set(Operator)
    for pair in (*PHRASES.values(), *OPERATORS.values(), *SPECIAL.values()):
        assert len(pair) == len(LANGUAGES)
        assert all(pair)


def test_every_action_and_operand_has_a_name_in_both_languages() -> None:
    for group, terms in (("actions", INCLUDED_IN), ("operands", OPERANDS)):
        for term in terms:
            short = term.rpartition("/")[2].rpartition("#")[2]
            for lang in LANGUAGES:
                assert label(group, short, lang)


def test_the_same_policy_always_reads_the_same() -> None:
    assert explain(training_offer(), "fr") == explain(training_offer(), "fr")
