"""Numbers, dates and durations in words, there and back; what numbers mean."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies_odrl import Constraint, Literal, NotUnderstood, Operator, explain, from_sentences
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.language.wording import heard, meaning, said
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import PREAU
from tests.support.each import over
from tests.support.policies import one_rule
from tests.support.tables import rows


@rows("wording", "values have words in both languages")
def test_values_have_words_in_both_languages(
    kind: str, lexical: str, english: str, french: str
) -> None:
    item = Literal(lexical, XSD + kind)
    for lang, words in zip(LANGUAGES, (english, french), strict=True):
        assert said(item, lang) == words
        assert heard(f"<{words}>", 1, lang) == (item, len(words) + 1)


@rows("wording", "other spellings have no words")
def test_other_spellings_have_no_words(kind: str, lexical: str) -> None:
    assert [said(Literal(lexical, XSD + kind), lang) for lang in LANGUAGES] == ["", ""]


def test_a_language_tag_has_no_words() -> None:
    assert said(Literal("5", XSD + "decimal", "fr"), "fr") == ""


@over("text", ["", "june", "5x", "5-", "1 Juin 2027", "32 foos", "P1D", "٥"])
def test_what_says_no_value_is_not_heard(text: str) -> None:
    for lang in LANGUAGES:
        found = heard(text, 0, lang)
        assert found is None or found[1] < len(text)


@settings(max_examples=80, deadline=None)
@given(
    st.one_of(
        st.decimals(-(10**9), 10**9, places=4).map(lambda n: Literal(f"{n}", XSD + "decimal")),
        st.dates().map(lambda day: Literal(day.isoformat(), XSD + "date")),
        st.datetimes().map(lambda at: Literal(at.isoformat() + "Z", XSD + "dateTime")),
    ),
    st.sampled_from(LANGUAGES),
)
def test_words_lead_back_to_the_value(item: Literal, lang: str) -> None:
    words = said(item, lang)
    assert words
    assert heard(words, 0, lang) == (item, len(words))


@rows("wording", "what privacy numbers mean")
def test_what_privacy_numbers_mean(name: str, value: str, wanted: str) -> None:
    assert meaning(PREAU + name, Decimal(value)) == wanted


def test_other_numbers_mean_themselves() -> None:
    assert meaning(ODRL + "count", Decimal(3)) == ""
    assert meaning(PREAU + "epsilon", None) == ""


@over("lang", LANGUAGES)
@rows("wording", "one of something is said as one")
def test_one_of_something_is_said_as_one(
    left: str, operator: str, english: str, french: str, lang: str
) -> None:
    said_ = english if lang == "en" else french
    one, two = (
        one_rule("read", Constraint(left, Operator(operator), (Literal(n, XSD + "decimal"),)))
        for n in "12"
    )
    lines, more = explain(one, lang), explain(two, lang)
    assert any(line.endswith(said_) for line in lines)
    assert from_sentences(lines, lang) == one
    assert from_sentences(more, lang) == two
    if not any(said_.split("1", 1)[1] in line for line in more):
        with pytest.raises(NotUnderstood):
            from_sentences([re.sub(r"\b2 ", "1 ", line) for line in more], lang)
