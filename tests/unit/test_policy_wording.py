"""Numbers, dates and durations in words, there and back; what numbers mean."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies_odrl import Literal
from policies_odrl.language.meaning import meaning
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.language.wording import heard, said
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import PREAU

SAID = [
    ("decimal", "0.00001", "0.00001", "0,00001"),
    ("decimal", "-5", "-5", "-5"),
    ("date", "2027-06-30", "30 June 2027", "30 juin 2027"),
    ("date", "2027-07-01Z", "1 July 2027 (UTC)", "1er juillet 2027 (UTC)"),
    ("date", "2027-08-31-05:00", "31 August 2027 (UTC-05:00)", "31 août 2027 (UTC-05:00)"),
    ("dateTime", "2027-06-30T22:00:00Z", "30 June 2027 at 22:00 (UTC)",
     "30 juin 2027 à 22 h 00 (UTC)"),
    ("dateTime", "2027-12-31T23:59:59.50+02:00", "31 December 2027 at 23:59:59.50 (UTC+02:00)",
     "31 décembre 2027 à 23 h 59 min 59,50 s (UTC+02:00)"),
    ("dateTime", "2027-06-30T22:00:00", "30 June 2027 at 22:00", "30 juin 2027 à 22 h 00"),
    ("duration", "P1Y2M3DT4H5M6.5S", "1 year 2 months 3 days 4 hours 5 minutes 6.5 seconds",
     "1 an 2 mois 3 jours 4 heures 5 minutes 6,5 secondes"),
    ("duration", "P0D", "0 days", "0 jour"),
    ("duration", "-PT1M", "minus 1 minute", "moins 1 minute"),
    ("duration", "P1M", "1 month", "1 mois"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "lexical", "english", "french"), SAID)
def test_values_have_words_in_both_languages(
    kind: str, lexical: str, english: str, french: str
) -> None:
    item = Literal(lexical, XSD + kind)
    for lang, words in zip(LANGUAGES, (english, french), strict=True):
        assert said(item, lang) == words
        assert heard(f"<{words}>", 1, lang) == (item, len(words) + 1)


@pytest.mark.parametrize(
    ("kind", "lexical"),
    [
        ("decimal", "+5"),
        ("decimal", "05"),
        ("decimal", ".5"),
        ("decimal", "1e3"),
        ("decimal", "five"),
        ("date", "2027-13-01"),
        ("date", "2027-06-30T22:00:00Z"),
        ("dateTime", "2027-06-30"),
        ("dateTime", "2027-06-30T24:00:00Z"),
        ("duration", "P01D"),
        ("duration", "P"),
        ("duration", "PT"),
        ("duration", "P1W"),
        ("integer", "5"),
        ("string", "2027-06-30"),
    ],
)
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


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("epsilon", "0", "1.0"),
        ("epsilon", "1", "2.7"),
        ("epsilon", "3", "20"),
        ("epsilon", "10", "22000"),
        ("epsilon", "31", ""),
        ("epsilon", "-1", ""),
        ("delta", "0.00001", "100000"),
        ("delta", "1", "1.0"),
        ("delta", "0", ""),
        ("delta", "2", ""),
    ],
)
def test_what_privacy_numbers_mean(name: str, value: str, wanted: str) -> None:
    assert meaning(PREAU + name, Decimal(value)) == wanted


def test_other_numbers_mean_themselves() -> None:
    assert meaning(ODRL + "count", Decimal(3)) == ""
    assert meaning(PREAU + "epsilon", None) == ""
