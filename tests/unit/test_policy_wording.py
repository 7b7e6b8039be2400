"""Numbers, dates and durations in words, there and back; what numbers mean."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies_odrl import Literal
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.language.wording import heard, meaning, said
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import PREAU
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


@pytest.mark.parametrize("text", ["", "june", "5x", "5-", "1 Juin 2027", "32 foos", "P1D", "٥"])
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
