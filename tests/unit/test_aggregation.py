"""Sums over sites under pairwise masks: exact, hidden, and refused where they would tell of one."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.aggregation import (
    MOST_AMOUNT,
    Left,
    Side,
    agreed,
    counted,
    decoded,
    encoded,
    masked,
    narrowed,
    public_key,
    side,
    spelled,
    total,
    triangle,
    unspelled,
    why_not,
)
from federated.errors import StatisticUnfit
from federated.statistics import Terms, regress
from tests.support.each import over
from tests.unit.test_statistics import authorities, chem97, design, design_of, pooled_logit

CONTEXT = b"c" * 32


@cache
def secret(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


@cache
def shared(one: str, other: str) -> bytes:
    if one > other:
        return shared(other, one)
    return agreed(secret(one), public_key(secret(other)))


def sides(own: str, names: Iterable[str], context: bytes = CONTEXT) -> list[Side]:
    return [side(shared(own, it), own, it, context) for it in names if it != own]


def under_masks(parts: dict[str, list[float]], context: bytes = CONTEXT) -> list[list[int]]:
    return [masked(encoded(it), sides(own, parts, context)) for own, it in parts.items()]


AMOUNTS = st.floats(-MOST_AMOUNT, MOST_AMOUNT, allow_nan=False)


@given(st.lists(st.lists(AMOUNTS, min_size=2, max_size=2), min_size=3, max_size=6))
def test_masks_cancel_and_the_sum_is_within_its_bound(parts: list[list[float]]) -> None:
    named = {f"s{at}": part for at, part in enumerate(parts)}
    found = decoded(total(under_masks(named)))
    for value, column in zip(found, zip(*parts, strict=True), strict=True):
        true = sum(map(Fraction, column), Fraction())
        assert abs(Fraction(value) - true) <= Fraction(len(parts), 2**65) + abs(true) / 2**53


def test_what_leaves_is_uniform_without_the_last_site() -> None:
    parts = {name: [1.0] * 4096 for name in "abcd"}
    shown = under_masks(parts)
    for number in (1, 2, 3):
        for some in combinations(shown, number):
            sums = total(some)
            assert decoded(sums) != [float(number)] * 4096
            high = np.array([each >> 120 for each in sums])  # the first byte
            counts = np.bincount(high, minlength=256)
            assert ((counts - 16) ** 2 / 16).sum() < 400  # χ², 255 degrees: 1e-8
    assert decoded(total(shown)) == [4.0] * 4096


def test_a_pair_that_is_told_different_rounds_gets_noise() -> None:
    parts = {name: [1.0] for name in "abc"}
    told, other = under_masks(parts), under_masks(parts, b"d" * 32)
    assert decoded(total([told[0], told[1], other[2]])) != [3.0]
    one, another = (sides("a", "abc", each)[0].key for each in (CONTEXT, b"d" * 32))
    assert one != another
    pair = (("a", "b"), ("b", "a"))
    one, another = (agreed(secret(own), public_key(secret(other))) for own, other in pair)
    assert one == another
    assert len({sides(own, other)[0].key for own, other in pair}) == 1
    with pytest.raises(StatisticUnfit, match="not an X25519 key"):
        agreed(secret("a"), bytes(32))  # a point of small order


def test_a_site_that_gives_the_key_of_another_does_not_cancel_a_mask() -> None:
    """`0` and `c` have one key: `b` adds the mask of one, and subtracts that of the other."""
    both = agreed(secret("b"), public_key(secret("c")))
    pairs = [side(both, "b", other, CONTEXT) for other in ("0", "c")]
    assert [each.adds for each in pairs] == [False, True]
    assert decoded(masked(encoded([1.0]), pairs)) != [1.0]


@pytest.mark.parametrize("value", [math.nan, math.inf, 2 * MOST_AMOUNT])
def test_what_the_ring_does_not_hold_is_refused(value: float) -> None:
    with pytest.raises(StatisticUnfit):
        encoded([value])


def test_elements_are_spelled_one_way() -> None:
    assert unspelled(spelled(255)) == 255
    for text in ("ff", "F" * 32, "-" + "0" * 31):
        with pytest.raises(StatisticUnfit):
            unspelled(text)
    with pytest.raises(StatisticUnfit, match="length"):
        total([[1], [1, 2]])


# --- which sums a site adds to

THREE = frozenset({("a", "x"), ("b", "y"), ("c", "z")})
FIRST = Left("1", "s", THREE, "rows", "today", "model", "β0")
NEXT = replace(FIRST, context="2", point="β1")


def test_a_site_adds_to_sums_of_one_set() -> None:
    assert why_not([], FIRST, 30) == why_not([FIRST], NEXT, 30) == ""
    assert why_not([FIRST], replace(NEXT, model="another", session="t"), 30) == ""
    assert why_not([FIRST], replace(NEXT, snapshot="tomorrow"), 1) == ""


def test_evaluations_are_counted_by_contract_and_of_the_set_of_all_sums() -> None:
    first = Left("3", "job1", THREE, "held", "", "", "model", held="contract")
    again = replace(first, context="4", session="job2")
    assert why_not([FIRST], first, 1) == why_not([first], again, 2) == ""
    assert "evaluations without noise, and all were made" in why_not([FIRST, first], again, 1)
    assert why_not([first], replace(again, held="another", rows="others"), 1) == ""
    assert "other rows" in why_not([first], replace(again, rows="others"), 2)
    assert "sums began over" in why_not([FIRST], replace(first, members=MORE), 1)
    assert "sums began over" in why_not([first], replace(NEXT, members=MORE), 30)


def test_whole_numbers_are_told_in_64_bits() -> None:
    pairs = {
        own: [side(b"k" * 32, own, other, CONTEXT) for other in "abc" if other != own]
        for own in "abc"
    }
    hidden = [narrowed(masked([at, 7], sides)) for at, sides in enumerate(pairs.values())]
    assert counted(hidden) == [3, 21]
    assert counted(hidden[:2]) != [1, 14]


MORE = frozenset({*THREE, ("d", "w")})
OTHERS = frozenset({("a", "x"), *((each, each) for each in "defgh")})
REFUSED = {
    "two sites": (replace(NEXT, members=frozenset(list(THREE)[:2])), "at least 3 sites"),
    "a session of another set": (replace(NEXT, members=MORE), "the session began over a, b, c"),
    "one site more": (replace(NEXT, session="t", members=MORE), "the dataset's sums began over"),
    "most sites are others": (replace(NEXT, session="t", members=OTHERS), "sums began over"),
    "another dataset of a site": (
        replace(NEXT, session="t", members=THREE - {("c", "z")} | {("c", "q")}),
        "sums began over",
    ),
    "another model of another set": (
        replace(NEXT, session="t", model="m", members=MORE),
        "sums began over",
    ),
    "other rows": (replace(NEXT, rows="others"), "other rows"),
    "the same round": (replace(NEXT, context="1"), "same masks"),
    "another point than may be": (NEXT, "asked at 1 points"),
}


@over("name", REFUSED)
def test_what_would_tell_of_single_sites_is_refused(name: str) -> None:
    new, fault = REFUSED[name]
    assert fault in why_not([FIRST], new, 1)


# --- the same as the pooled fit


def test_fits_over_131_authorities_under_masks_equal_the_pooled_fit() -> None:
    found, everybody = authorities(), chem97()
    x = design(everybody)
    names = sorted(map(str, found))
    rows = {str(lea): design_of(them, everybody) for lea, them in found.items()}
    for part in rows.values():
        part[:, 2] = part[:, 2] / 4 - 1  # its place in 0 to 8
    y = {str(lea): np.array([row["score"] for row in them]) / 5 - 1 for lea, them in found.items()}
    d = {
        str(lea): np.array([row["good"] == "yes" for row in them], float)
        for lea, them in found.items()
    }
    asked = Terms({"gender": ["F", "M"]}, {"gcsescore": (0.0, 8.0)}, (0.0, 10.0))
    rounds = 0

    def told(vectors: dict[str, list[float]]) -> list[float]:
        nonlocal rounds
        rounds += 1
        return decoded(total(under_masks(vectors, rounds.to_bytes(32, "big"))))

    def products(_: Sequence[float]) -> Sequence[float]:
        both = {own: np.column_stack([rows[own], y[own]]) for own in names}
        return told(
            {own: [float(it[:, a] @ it[:, b]) for a, b in triangle(4)] for own, it in both.items()}
        )

    def newton(at: Sequence[float]) -> Sequence[float]:
        vectors = {}
        for own in names:
            part = rows[own]
            p = 1 / (1 + np.exp(-part @ np.array(at)))
            h = (part * (p * (1 - p))[:, None]).T @ part
            g = part.T @ (d[own] - p)
            vectors[own] = [float(len(part)), *g, *(h[a, b] for a, b in triangle(3))]
        return told(vectors)

    score = np.array([row["score"] for row in everybody], float)
    linear = regress("linear", asked, products, 0.95, names, 1)
    np.testing.assert_allclose(
        linear.table["value"], np.linalg.lstsq(x, score, rcond=None)[0], rtol=0, atol=1e-9
    )
    good = np.array([row["good"] == "yes" for row in everybody], float)
    logit = regress("logistic", asked, newton, 0.95, names, 1)
    np.testing.assert_allclose(logit.table["value"], pooled_logit(x, good), rtol=0, atol=1e-9)
    assert logit.table["term"].to_pylist() == ["(intercept)", "gender=M", "gcsescore"]
    assert not logit.private
    assert logit.notes[0].startswith("not DP: exact sums over 131 sites")


def test_sums_of_another_number_of_terms_are_no_fit() -> None:
    asked = Terms({}, {"x": (0.0, 1.0)})
    for kind in ("linear", "logistic"):
        with pytest.raises(StatisticUnfit, match="another number of terms"):
            regress(kind, asked, lambda _: [90.0, 0.0, 0.0], 0.95, "abc", 1)
    few = [2.0, 0.0, 0.0, 1.0, 0.0, 1.0]
    with pytest.raises(StatisticUnfit, match="parameters"):
        regress("logistic", asked, lambda _: few, 0.95, "abc", 1)
