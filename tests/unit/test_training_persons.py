"""One spelling a person, and digests that tell whether two files are about the same persons."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from federated.errors import DataFileUnreadable
from federated.persons import FORMS, LONGEST
from federated.training.rows.persons import digests, spelled
from tests.support.each import over

KEY = bytes(range(32))


def _spelled(form: str, *names: str | None) -> list[str | None]:
    return spelled(pa.array(names, pa.string()), form).to_pylist()


@over(
    ("form", "names", "person"),
    [
        ("number", ["7", "7 ", "07", "7.0", "+7", "\u200b7\ufeff", "\t0007.00"], "7"),
        ("number", ["0", "-0", "000", "-0.0"], "0"),
        ("number", ["-7", "-07"], "-7"),
        ("text", ["7", "7 ", "\u00a07", "\u200b7", "7\r"], "7"),
        ("text", ["e\u0301va", " \u00e9va"], "\u00e9va"),
        ("text-fold", ["Straße", "STRASSE ", "straße"], "strasse"),
        ("text-fold", ["Ada  Lovelace", "ada\tlovelace", "ＡＤＡ Lovelace"], "ada lovelace"),
    ],
)
def test_spellings_of_one_person(form: str, names: list[str], person: str) -> None:
    assert set(_spelled(form, *names)) == {person}


@over(
    ("form", "one", "other"),
    [
        ("text", "7", "07"),
        ("text", "Ada", "ada"),
        ("text", "a b", "a  b"),
        ("text-fold", "7", "07"),
        ("number", "7", "-7"),
        ("number", "7", "70"),
    ],
)
def test_spellings_of_two_persons(form: str, one: str, other: str) -> None:
    first, second = _spelled(form, one, other)
    assert first is not None
    assert first != second


@over("form", FORMS)
@over("name", [None, "", " ", "NA", " NaN ", "\u200b", "x" * (LONGEST + 1)])
def test_nobody(form: str, name: str | None) -> None:
    assert _spelled(form, name, "7") == [None, "7"]


@over("name", ["7.5", "7a", "1e3", "seven", "٧", "7" * 65, "0x7"])
def test_what_is_no_whole_number_is_nobody(name: str) -> None:
    assert _spelled("number", name, "7") == [None, "7"]


def test_a_form_that_is_not_known() -> None:
    with pytest.raises(DataFileUnreadable, match="`rot13`"):
        _spelled("rot13", "7")


def test_a_digest_a_person_sorted() -> None:
    made = digests(["b", "a", "c", "a"], KEY)
    assert len(made) == 3
    assert np.array_equal(made, np.sort(made))


@pytest.mark.parametrize(("one", "other"), [("7", "07"), ("7", "7.0"), ("Ada L", "ada  l")])
def test_digests_are_of_the_coarsest_spelling(one: str, other: str) -> None:
    assert np.array_equal(digests([one], KEY), digests([other], KEY))
    assert not np.array_equal(digests([one], KEY), digests([one + "x"], KEY))


def test_digests_of_two_keys_have_nothing_in_common() -> None:
    names = [str(i) for i in range(1000)]
    assert np.intersect1d(digests(names, KEY), digests(names, bytes(32))).size == 0
