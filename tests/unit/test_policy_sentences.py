"""From sentences back to the policy: nothing guessed, nothing dropped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies_odrl import (
    Action,
    Constraint,
    Duty,
    Iri,
    LimitExceeded,
    Literal,
    NotUnderstood,
    Operator,
    PartyRef,
    Policy,
    Prohibition,
    explain,
    from_sentences,
    same_meaning,
)
from policies_odrl.authoring import Template, fill, templates
from policies_odrl.language.explain import spelled, spelled_constraint
from policies_odrl.language.forms import grammar
from policies_odrl.language.from_sentences import MAX_LINE, MAX_LINES, outline
from policies_odrl.language.phrases import LANGUAGES, names
from policies_odrl.language.voice import References, entry, nick
from policies_odrl.model import ODRL, XSD, every_rule
from policies_odrl.reading.inventory import described
from tests.support.choices import any_text, chosen
from tests.support.each import over
from tests.support.odd_policies import odd_policies
from tests.support.policies import agreed, amount, one_rule, purpose, training_offer, until
from tests.support.policy_strategies import policies
from tests.support.tables import rows

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=40)
languages = st.sampled_from(LANGUAGES)


def there_and_back(policy: Policy, lang: str) -> Policy:
    return from_sentences("\n".join(explain(policy, lang)), lang)


@QUIET
@given(policies, languages)
def test_sensible_policies_come_back(policy: Policy, lang: str) -> None:
    found = there_and_back(policy, lang)
    assert found == spelled(policy)
    assert same_meaning(found, policy)


@QUIET
@given(odd_policies, languages)
def test_policies_of_every_shape_come_back(policy: Policy, lang: str) -> None:
    found = there_and_back(policy, lang)
    assert found == spelled(policy)
    assert described(found) == described(spelled(policy))
    assert [rule.action.node for _, rule, _ in every_rule(found)] == [
        rule.action.node for _, rule, _ in every_rule(policy)
    ]


@over("lang", LANGUAGES)
@over("template", templates())
def test_every_template_comes_back(template: Template, lang: str) -> None:
    policy = fill(template, template.example)
    found = there_and_back(policy, lang)
    assert found == spelled(policy)
    assert same_meaning(found, policy)


def unnumbered(lines: Iterable[str]) -> list[str]:
    """The numbers of the list may have gaps once a line is gone; which IRI is meant stays."""
    return [re.sub(r"\[\d+\]", "[]", line) for line in lines]


@QUIET
@given(odd_policies, languages, st.data())
def test_a_line_less_is_refused_or_says_what_is_left(
    policy: Policy, lang: str, data: st.DataObject
) -> None:
    lines = explain(policy, lang)
    gone = data.draw(st.integers(0, len(lines) - 1))
    left = [*lines[:gone], *lines[gone + 1 :]]
    try:
        found = from_sentences(left, lang)
    except NotUnderstood:
        return
    assert sorted(unnumbered(explain(found, lang))) == sorted(unnumbered(left))
    assert found != spelled(policy) or described(found) != described(spelled(policy))


@QUIET
@given(policies, languages, st.data())
def test_a_changed_character_never_goes_unnoticed(
    policy: Policy, lang: str, data: st.DataObject
) -> None:
    text = "\n".join(explain(policy, lang))
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.sampled_from("x1 .,()")) + text[at + 1 :]
    try:
        found = from_sentences(changed, lang)
    except NotUnderstood:
        return
    said = [" ".join(line.split()) for line in changed.split("\n") if line.strip()]
    assert sorted(" ".join(line.split()) for line in explain(found, lang)) == sorted(said)


@given(chosen(lambda pick: any_text(pick, 200), 512), languages)
@settings(max_examples=40, deadline=None)
def test_any_text_is_refused_and_never_crashes(text: str, lang: str) -> None:
    with pytest.raises(NotUnderstood):
        from_sentences(text, lang)


def test_spaces_and_empty_lines_do_not_count() -> None:
    lines = explain(agreed(training_offer()))
    padded = "\r\n\n  ".join(lines) + "\n\n"
    assert from_sentences(padded) == spelled(agreed(training_offer()))


def test_the_numbers_of_the_list_may_differ() -> None:
    text = "\n".join(explain(agreed(training_offer())))
    swapped = text.replace("[3]", "[x]").replace("[4]", "[3]").replace("[x]", "[4]")
    assert from_sentences(swapped) == spelled(agreed(training_offer()))


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="`de`"):
        from_sentences("A. This is a set of rules.", "de")


GOOD = (
    "A. This is a set of rules.",
    "B. Its identifier is policy [1].",
    "1. It is permitted to read the data.",
    "1.1. Condition: the purpose is “marketing”, narrower ones included.",
    "1.2. Condition: at least one of these holds:",
    "1.2(a). at most 5 times.",
    "1.2(b). before 30 June 2027 (UTC).",
    "1.3. In return, one must pay.",
    "2. It is prohibited to sell the data.",
    "2.1. It holds for the members of class [2].",
    '2.1.1. Only where: the language is exactly "fr".',
    "C. Where something is both permitted and prohibited, the prohibition wins.",
    "D. Whatever is not permitted here is refused.",
    "[1] urn:example:policy",
    "[2] urn:example:class",
)


def test_the_good_text_is_understood() -> None:
    policy = from_sentences(GOOD)
    assert explain(policy) == GOOD
    assert policy.permissions[0].duties[0].action.id == ODRL + "compensate"


@rows("sentences", "a mistake is named")
def test_a_mistake_is_named(before: str, after: str, reason: str) -> None:
    text = "\n".join(GOOD)
    assert before in text
    with pytest.raises(NotUnderstood) as caught:
        from_sentences(text.replace(before, after, 1))
    assert reason in str(caught.value)


@rows("sentences", "a mistake in french is named")
def test_a_mistake_in_french_is_named(before: str, after: str, reason: str) -> None:
    policy = one_rule("read", purpose("Marketing"), until("2027-06-30Z"), amount("delta", "0.5"))
    ban = Prohibition(action=Action(ODRL + "aggregate"))
    text = "\n".join(explain(replace(policy, prohibitions=(ban,)), "fr"))
    assert before in text
    with pytest.raises(NotUnderstood) as caught:
        from_sentences(text.replace(before, after, 1), "fr")
    assert reason in str(caught.value)


def test_what_would_have_been_guessed_is_refused() -> None:
    policy = one_rule("read", amount(ODRL + "count", "5"))
    text = "\n".join(explain(policy))
    for spelling in ("05", "5.", "five", "+5", "5,0", "٥"):
        with pytest.raises(NotUnderstood):
            from_sentences(text.replace("at most 5 times", f"at most {spelling} times"))


def test_a_meaning_that_does_not_fit_its_number_is_refused() -> None:
    text = "\n".join(explain(training_offer()))
    for before, after in (("about 20 times", "about 2 times"), ("in 100,000", "in 100")):
        assert before in text
        with pytest.raises(NotUnderstood):
            from_sentences(text.replace(before, after))


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="no sentence"):
        from_sentences("\n \n")


def test_hostile_sizes_are_refused() -> None:
    with pytest.raises(LimitExceeded, match="lines"):
        outline("\n" * (MAX_LINES + 1))
    with pytest.raises(LimitExceeded, match="sentence is at most"):
        outline("A. " + "x" * MAX_LINE)
    deep = ["1. It is permitted to read the data."]
    deep += [f"1{'.1' * depth}. x" for depth in range(1, 70)]
    with pytest.raises(LimitExceeded, match="deeper"):
        outline(deep)


def test_many_values_are_read_in_one_go() -> None:
    many = purpose(*(f"urn:x:{index}" for index in range(400)))
    policy = one_rule("read", many)
    assert there_and_back(policy, "fr") == policy


def test_iris_are_listed_so_that_they_come_back() -> None:
    references = References()
    assert references.mention("urn:x:a b") == "[1]"
    assert references.mention("https://example.org/data/") == "data [2]"
    assert references.mention("urn:x:a b") == "[1]"
    assert references.lines() == ('[1] "urn:x:a b"', "[2] https://example.org/data/")
    assert [entry(line) for line in references.lines()] == [
        (1, "urn:x:a b", ""),
        (2, "https://example.org/data/", ""),
    ]
    assert entry("[1] urn:x:a (la DEPP)") == (1, "urn:x:a", "la DEPP")
    for line in ("[1] a b", '[1] "a', '[1] "a" b', "[1]", "1. Sentence", '[1] "\\q"'):
        assert entry(line) is None


@rows("sentences", "the readable end of an iri")
def test_the_readable_end_of_an_iri(iri: str, name: str) -> None:
    assert nick(iri) == name


@rows("sentences", "numbers get one spelling")
def test_numbers_get_one_spelling(given_: Literal | Iri, wanted: Literal | Iri) -> None:
    item = Constraint(ODRL + "count", Operator.LTEQ, (given_,))
    assert spelled_constraint(item) == replace(item, right=(wanted,))


@rows("sentences", "times and durations get one spelling")
def test_times_and_durations_get_one_spelling(left: str, before: Literal, after: str) -> None:
    item = Constraint(ODRL + left, Operator.LTEQ, (before,))
    found = spelled_constraint(item)
    assert found == replace(item, right=(Literal(before.lexical.strip(), XSD + after),))
    policy = one_rule("read", item)
    assert same_meaning(spelled(policy), policy)


@over("lang", LANGUAGES)
def test_the_grammar_is_printed(lang: str) -> None:
    printed = grammar(lang)
    for name in names("actions", lang).terms:
        assert f'"{name}"' in printed
    assert "{" not in printed.replace("{ ", "").replace("[ {", "")
    for rule in printed.split(" ;\n"):
        assert not rule.strip() or " = " in rule
    with pytest.raises(ValueError, match="`de`"):
        grammar("de")


def test_a_duty_below_a_duty_below_a_duty() -> None:
    last = Duty(action=Action(ODRL + "delete"), constraints=(until("2027-01-01Z"),))
    middle = Duty(action=Action(ODRL + "inform"), consequences=(last, last))
    policy = replace(
        one_rule("read"),
        obligations=(Duty(action=Action("urn:x:act"), consequences=(middle,), id="urn:x:d"),),
    )
    for lang in LANGUAGES:
        assert there_and_back(policy, lang) == policy


# -- labels of parties and assets ---------------------------------------------------------------

NAME = "http://www.w3.org/2000/01/rdf-schema#label"


def called(did: str, *names: str) -> PartyRef:
    """A party with labels such as `la DEPP@fr`."""
    parts = (name.partition("@") for name in names)
    return PartyRef(did, notes=tuple((NAME, Literal(it[0], language=it[2])) for it in parts))


def informing(grants: PartyRef, informed: PartyRef) -> Policy:
    """A policy of one party with a duty to inform another one, and to obtain its consent."""
    told = Duty(action=Action(ODRL + "inform"), functions=((ODRL + "informedParty", informed),))
    asked = Duty(
        action=Action(ODRL + "obtainConsent"), functions=((ODRL + "consentingParty", informed),)
    )
    (rule,) = one_rule("read").permissions
    return replace(
        one_rule("read"), assigner=grants, permissions=(replace(rule, duties=(told, asked)),)
    )


DEPP = called("did:web:depp.example", "la DEPP@fr", "the DEPP@en-GB")
LAB = called("did:web:labo.example", "le laboratoire")


@over(
    ("grants", "lang", "said"),
    [
        (DEPP, "fr", ("informer la DEPP [", "consentement de la DEPP [")),
        (DEPP, "en", ("inform the DEPP [", "of the DEPP [")),
        (LAB, "fr", ("informer le laboratoire [", "consentement du laboratoire [")),
        (LAB, "en", ("inform le laboratoire [",)),
        (called("urn:x:a", "l’école@fr"), "fr", ("informer l'école [",)),
        (called("urn:x:a", "les écoles@fr"), "fr", ("consentement des écoles [",)),
        (called("urn:x:a", "Académie de Lille@fr"), "fr", ("consentement d'Académie de Lille [",)),
        (called("urn:x:a", "la DEPP@fr"), "en", ("inform a [",)),  # no label in that language
        (called("urn:x:a", "depp.example"), "fr", ("informer a [",)),  # it is like an address
        (called("urn:x:a", "l'usage, 1. Il est permis"), "fr", ("informer a [",)),
        (called("urn:x:a", "les membres de droit"), "fr", ("informer a [",)),  # it opens a form
    ],
)
def test_a_party_is_named_by_its_label_and_read_back(
    grants: PartyRef, lang: str, said: tuple[str, ...]
) -> None:
    policy = informing(grants, replace(grants))
    text = "\n".join(explain(policy, lang))
    assert all(words in text for words in said)
    typeset = text.replace("'", "’").replace(" :", "\u00a0:")  # as an office program writes it
    heard = "\n".join(explain(from_sentences(typeset, lang), lang))
    assert heard.replace("’", "'") == text.replace("’", "'")
    found = from_sentences(text, lang)
    assert (found, described(found)) == (spelled(policy), described(spelled(policy)))
    assert text.count("Note, ") + text.count("Remarque, ") == len(grants.notes)  # told once


def test_a_label_that_two_have_names_neither() -> None:
    text = "\n".join(explain(informing(DEPP, called("urn:x:other", "la DEPP@fr")), "fr"))
    assert "depp.example [2]" in text
    assert "la DEPP [" not in text
    assert from_sentences(text, "fr").assigner == PartyRef(DEPP.id)


@over(
    ("old", "new", "word"),
    [
        ("informer la DEPP [2]", "informer la DEPP [1]", "DEPP [1]"),
        ("informer la DEPP [2]", "informer la DGESCO [2]", "DGESCO [2]"),
        ("informer la DEPP [2]", "informer depp.example [2]", "depp.example [2]"),
        ("(la DEPP)", "", "DEPP [2]"),
        ("(la DEPP)", "(la DGESCO)", "DEPP [2]"),
        ('"la DEPP" (langue fr)', '"la DGESCO" (langue fr)', "la DGESCO"),
    ],
)
def test_label_and_number_agree_or_the_word_is_named(old: str, new: str, word: str) -> None:
    text = "\n".join(explain(informing(DEPP, DEPP), "fr"))
    assert old in text
    with pytest.raises(NotUnderstood) as refused:
        from_sentences(text.replace(old, new), "fr")
    assert word in refused.value.french
