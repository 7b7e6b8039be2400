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
    Policy,
    Prohibition,
    explain,
    from_sentences,
    same_meaning,
)
from policies_odrl.authoring.contracts import Template, fill, templates
from policies_odrl.language.grammar import grammar
from policies_odrl.language.labels import names
from policies_odrl.language.outline import MAX_LINE, MAX_LINES, outline
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.language.references import References, entry, nick
from policies_odrl.language.spelled import spelled, spelled_part
from policies_odrl.model import ODRL, XSD
from policies_odrl.reading.inventory import described, rules_of
from tests.support.odd_policies import odd_policies
from tests.support.policies import agreed, amount, one_rule, purpose, training_offer, until
from tests.support.policy_strategies import policies

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
    assert [rule.action.node for rule in rules_of(found)] == [
        rule.action.node for rule in rules_of(policy)
    ]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("template", templates(), ids=lambda item: item.name)
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


@given(st.text(max_size=200), languages)
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
    "1. It is permitted to read.",
    "1.1. Condition: the purpose is “marketing”, narrower ones included.",
    "1.2. Condition: at least one of these holds:",
    "1.2(a). at most 5 times.",
    "1.2(b). before 30 June 2027 (UTC).",
    "1.3. In return, one must pay.",
    "2. It is prohibited to sell.",
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


MISTAKES = [
    ("1. It is permitted to read.", "1. It is permitted to raed.", "the nearest is `read`"),
    ("It is permitted to read.", "It is permited to read.", "form: `It is permitted to …"),
    ("“marketing”", "“marketting”", "no term is called `marketting`, the nearest is `marketing`"),
    ("the purpose is “", "the purpose are “", "nearest form: `Condition: the purpose is …"),
    ("at most 5 times", "max 5 times", "nearest form: `at most … times.`"),
    ("before 30 June", "before 31 Jun", "nearest form: `before …"),
    ("at least one of these holds:", "one of these holds:", "sentence 1.2 is not understood"),
    ("1.3. In return, one must pay", "1.3. One must pay", "nearest form: `In return, one must …"),
    ("A. This is a set of rules.", "A. This is a set.", "nearest form: `This is a set of rules.`"),
    ("B. Its identifier", "B. The identifier", "nearest form: `Its identifier is ….`"),
    ("C. Where something", "C. Whenever something", "sentence C is not understood"),
    ("Only where:", "Only if:", "nearest form: `Only where: …`"),
    ("1.2(b). ", "1.2(c). ", "sentence 1.2(c) stands where 1.2(b) should"),
    ("2. It is prohibited", "3. It is prohibited", "sentence 3 stands where 2 should"),
    ("C. Where", "E. Where", "sentence E stands where C should"),
    ("2.1.1. Only", "2.2.1. Only", "sentence 2.2.1 has nothing that it stands below"),
    ("A. This", "This", "has no number"),
    ("class [2]", "klass [2]", "sentence 2.1 is not understood"),
    ("class [2]", "class [3]", "sentence 2.1 is not understood"),
    ("policy [1].", "[1].", "sentence B is not understood"),
    ("[2] urn:example:class", "[2] urn:example:class\n[2] urn:example:other", "listed twice"),
    ("[2] urn:example:class", "[2] urn:example:class\n[3] urn:example:class", "listed twice"),
    ("[2] urn:example:class", "[2] urn:example:class\n[1] urn:example:third", "listed twice"),
    ("[2] urn:example:class", "[2] urn:example:class\n[3] urn:example:policy", "listed twice"),
    ("[2] urn:example:class", "[2] urn:example:class\n[3] urn:x", "[3] is listed, but no sentence"),
    ("[1] urn", "E. It is permitted.\n[1] urn", "sentence E is not understood"),
    ("[2] urn:example:class", "[2] urn:example:class\nE. More.", "after the list of addresses"),
    ("D. Whatever is not permitted here is refused.\n", "", "sentence D is missing"),
    (
        "C. Where something is both permitted and prohibited, the prohibition wins.\nD. ",
        "C. ",
        "sentence C is not as it would be written",
    ),
    (
        "D. Whatever",
        "D. Dates and times without a time zone are read as UTC.\nE. Whatever",
        "sentence D is not as it would be written",
    ),
    ("1.3. In return", "1.3. It is about [1].\n1.4. In return", "sentence 1.3 is not understood"),
    (
        "1.3. In return",
        "1.3. It is about policy [1].\n1.4. In return",
        "sentence 1.1 is not as it would be written",
    ),
    (
        "2.1. It holds",
        "2.1. It holds for policy [1].\n2.2. It holds",
        "sentence 2.2 says again",
    ),
    ("policy [1].", "policy [1].\nC. Its identifier is class [2].", "stands where D should"),
    ("[1] urn", "E. Whatever is not permitted here is refused.\n[1] urn", "E is one too many"),
    ("5 times.", "5 times.\n1.2(a).1. Reached so fast: 3.", "nearest form: `Reached"),
    ("“marketing”, narrower ones included", "“marketing”", "sentence 1.1 is not understood"),
    ('exactly "fr"', "exactly French", "nearest form: `Only where: the language is exactly ….`"),
    ("to read.", "to read", "nearest form: `It is permitted to ….`"),
    ('"fr".', '"fr" (frog).', "nearest form: `Only where: the language is exactly ….`"),
    ('exactly "fr"', 'exactly "fr', "sentence 2.1.1 is not"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "reason"), MISTAKES)
def test_a_mistake_is_named(before: str, after: str, reason: str) -> None:
    text = "\n".join(GOOD)
    assert before in text
    with pytest.raises(NotUnderstood) as caught:
        from_sentences(text.replace(before, after, 1))
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("permis de lire", "permis d'lire", "nearest form: `Il est permis ….`"),
        ("permis de lire", "permis lire", "nearest form: `Il est permis ….`"),
        ("permis de lire", "permis de manger", "no action is called `manger`"),
        ("interdit d'agréger", "interdit de agréger", "nearest form: `Il est interdit ….`"),
        ("« marketing »", "« marketting »", "the nearest is `marketing`"),
        ("cas particuliers compris", "et cas particuliers", "Condition : la finalité est …, cas"),
        ("30 juin 2027", "30 June 2027", "nearest form: `Condition : jusqu'au … inclus.`"),
        ("0,5", "0.5", "sentence 1.3 is not understood"),
    ],
)
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
    deep = ["1. It is permitted to read."]
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
        (1, "urn:x:a b"),
        (2, "https://example.org/data/"),
    ]
    for line in ("[1] a b", '[1] "a', '[1] "a" b', "[1]", "1. Sentence", '[1] "\\q"'):
        assert entry(line) is None


@pytest.mark.parametrize(
    ("iri", "name"),
    [
        ("did:web:lycee.example", "lycee.example"),
        ("https://example.org/a#b", "b"),
        ("urn:uuid:0b7f9b8e-6f0d-4d1c-9a52-1f1f1f1f1f1f", ""),
        ("urn:x:12", ""),
        ("urn:x:trailing.", ""),
        ("urn:x:" + "a" * 41, ""),
        ("", ""),
    ],
)
def test_the_readable_end_of_an_iri(iri: str, name: str) -> None:
    assert nick(iri) == name


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        (Literal("5", XSD + "integer"), Literal("5", XSD + "decimal")),
        (Literal(" +5.0e1 "), Literal("50", XSD + "decimal")),
        (Literal("five"), Literal("five")),
        (Literal("1e300"), Literal("1e300")),
        (Iri("urn:x:five"), Iri("urn:x:five")),
    ],
)
def test_numbers_get_one_spelling(given_: Literal | Iri, wanted: Literal | Iri) -> None:
    item = Constraint(ODRL + "count", Operator.LTEQ, (given_,))
    assert spelled_part(item) == replace(item, right=(wanted,))


@pytest.mark.parametrize(
    ("left", "before", "after"),
    [
        ("dateTime", Literal("2027-06-30"), "date"),
        ("dateTime", Literal(" 2027-06-30T10:00:00Z", XSD + "dateTimeStamp"), "dateTime"),
        ("dateTime", Literal("2027-06-30 ", XSD + "date"), "date"),
        ("elapsedTime", Literal("P1D"), "duration"),
        ("elapsedTime", Literal("P1D", XSD + "dayTimeDuration"), "duration"),
    ],
)
def test_times_and_durations_get_one_spelling(left: str, before: Literal, after: str) -> None:
    item = Constraint(ODRL + left, Operator.LTEQ, (before,))
    found = spelled_part(item)
    assert found == replace(item, right=(Literal(before.lexical.strip(), XSD + after),))
    policy = one_rule("read", item)
    assert same_meaning(spelled(policy), policy)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_grammar_is_printed(lang: str) -> None:
    printed = grammar(lang)
    for name in names("actions", lang):
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
