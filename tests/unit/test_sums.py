"""A site's part in sums over sites: what it adds, hides, checks and refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connector.domain.catalog.layout import Field
from connector.domain.transfer.requested import ReleasedTables
from connector.enforcement.steps.minimise import Minimise, RowTest
from connector.enforcement.steps.release import AGGREGATED, Release
from connector.enforcement.steps.sum_request import (
    KEY_TYPE,
    Joined,
    SumRequest,
    check,
    key_bytes,
)
from connector.enforcement.steps.summing import Sum
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.steps.where import QUERY, Where
from connector.errors import SignatureInvalid, StepUnknown, SumRefused
from connector.identity import jws
from connector.jsonld.canonical import canonical, parse_object
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.rows import rows as leaving
from connector.protection.sums import added
from connector.services.negotiation import agree
from connector.services.use import summing
from federated.aggregation import Side, decoded, masked, public_key, triangle, unspelled
from federated.persons import Suppressed, digest
from federated.reading import Member
from tests.support.each import over
from tests.support.protecting import table as batch
from tests.unit.test_use_flow import linked, offer

GROUND = Ground(
    tuple(
        Field(name, kind)
        for name, kind in (
            ("ine", "text"),
            ("sex", "text"),
            ("passed", "text"),
            ("hours", "number"),
            ("score", "number"),
        )
    ),
    person="ine",
)
SITE, LAB, OTHERS = "did:web:a", "did:web:lab", ("did:web:b", "did:web:c")
STEP = Sum(
    sites=OTHERS,
    minimum_sites=3,
    minimum=3,
    ranges={"hours": (0.0, 16.0), "score": (0.0, 20.0)},
    categories={"sex": ("F", "M"), "passed": ("no", "yes")},
)
SESSION = "urn:uuid:00000000-0000-4000-8000-000000000001"
MEMBERS = tuple(Joined(it, f"{it}:data", it[-1] * 64, "x..y") for it in (SITE, *OTHERS))
LINEAR = SumRequest(SESSION, MEMBERS, {"sex": ("F", "M")}, ("hours",), outcome="score")
LOGIT = replace(LINEAR, outcome="", event=("passed", "yes"), at=(0.1, -0.2, 0.3))
SIDES = (Side(b"k" * 32, adds=True), Side(b"l" * 32, adds=False))
Row = tuple[Any, ...]


def steps(step: Sum = STEP, *tests: RowTest) -> TableSteps:
    return TableSteps(
        where=Where(QUERY),
        minimise=Minimise(step.columns, tests),
        pseudonymise=None,
        generalise=(),
        aggregate=None,
        noise=None,
        release=Release(AGGREGATED, ("jsonl",)),
        sum=step,
    )


def pupils(number: int) -> list[Row]:
    return [
        (f"p{at}", "FM"[at % 2], ("no", "yes")[at // 2 % 2], 1.1 + at * 7 % 13, 0.3 + at * 3 % 19)
        for at in range(number)
    ]


def leaves(
    asked: SumRequest,
    data: list[Row],
    *,
    of: TableSteps | None = None,
    sides: Sequence[Side] = SIDES,
    gone: tuple[str, ...] = (),
) -> list[float]:
    """Return what a site adds, its masks taken away."""
    means = Means(suppressed=Suppressed(bytes(16), frozenset(digest(it, bytes(16)) for it in gone)))
    rows = [batch(data[:5], GROUND), batch(data[5:], GROUND)]
    found = added(of or steps(), rows, GROUND, means, asked, sides)
    elements = [unspelled(each) for each in found.column("sum").to_pylist()]
    return decoded(masked(elements, [replace(it, adds=not it.adds) for it in sides]))


def terms(data: list[Row]) -> tuple[Any, Any, Any]:
    x = [[1.0, float(row[1] == "M"), row[3] / 8 - 1] for row in data]
    y, d = [row[4] / 10 - 1 for row in data], [float(row[2] == "yes") for row in data]
    return np.array(x), np.array(y), np.array(d)


def test_a_site_adds_the_sums_of_its_rows() -> None:
    data = pupils(40)
    x, y, d = terms(data)
    both = np.column_stack([x, y])
    expected = [both[:, a] @ both[:, b] for a, b in triangle(4)]
    np.testing.assert_allclose(leaves(LINEAR, data), expected, rtol=0, atol=1e-13)
    p = 1 / (1 + np.exp(-x @ np.array(LOGIT.at)))
    h = (x * (p * (1 - p))[:, None]).T @ x
    expected = [40.0, *(x.T @ (d - p)), *(h[a, b] for a, b in triangle(3))]
    np.testing.assert_allclose(leaves(LOGIT, data), expected, rtol=0, atol=1e-13)


def test_rows_are_those_with_a_value_in_each_column_whatever_the_regression() -> None:
    data = pupils(40)
    half = [("q1", "F", None, 1.0, 1.0), ("q2", "F", "no", None, 1.0), ("q3", "?", "no", 1.0, 1.0)]
    sums = leaves(LINEAR, data)
    assert leaves(LINEAR, [*data, *half]) == sums
    assert leaves(LINEAR, [*data, ("q", "M", "no", 1.0, 1.0)], gone=("q",)) == sums
    only = steps(STEP, RowTest("sex", "anyOf", ("F",)))
    alone = replace(LINEAR, levels={})
    assert leaves(alone, data, of=only)[0] == 20.0
    beyond = [(*row[:4], 20.0 if row[4] > 10 else row[4]) for row in data]
    assert leaves(LINEAR, [(*r[:4], 99.0 if r[4] == 20.0 else r[4]) for r in beyond]) == leaves(
        LINEAR, beyond
    )


ONE_M = [("p", "M", "no", 1.0, 1.0)]
FEW: dict[str, tuple[SumRequest, list[Row], str]] = {
    "few persons": (replace(LINEAR, levels={}, numbers=()), pupils(2), "fewer persons"),
    "many terms": (LINEAR, pupils(8), "more than 0.33 terms"),
    "many rows of few persons": (LINEAR, pupils(2) * 20, "fewer persons"),
    "a value of one": (LINEAR, [*(r for r in pupils(40) if r[1] == "F"), *ONE_M], "a value"),
    "a pair of values of one": (
        LOGIT,
        [*(r for r in pupils(40) if r[1:3] != ("M", "no")), *ONE_M],
        "a pair of values",
    ),
    "few different numbers": (
        LINEAR,
        [(*r[:3], float(at == 0), r[4]) for at, r in enumerate(pupils(40))],
        "few different numbers",
    ),
    "coefficients that weigh one": (
        replace(LOGIT, at=(-60.0, 0.0, 120.0)),
        [(*r[:3], 12.0 if at == 0 else 3.0 + at % 3, r[4]) for at, r in enumerate(pupils(40))],
        "few persons of the site",
    ),
    "coefficients that leave one unexplained": (
        replace(LOGIT, at=(0.0, 0.0, 50.0)),
        [
            (*r[:3], 12.0 if at == 0 or r[2] == "yes" else 4.0, r[4])
            for at, r in enumerate(pupils(40))
        ],
        "few persons of the site",
    ),
}


@over("name", FEW)
def test_sums_of_few_persons_are_not_made(name: str) -> None:
    asked, data, fault = FEW[name]
    of = steps(replace(STEP, minimum=9)) if asked.at else steps()
    with pytest.raises(SumRefused, match=fault):
        leaves(asked, data, of=of)
    if not asked.at:  # nor does the site join
        with pytest.raises(SumRefused, match=fault):
            leaves(replace(asked, members=()), data, sides=())
    good = replace(asked, at=LOGIT.at if asked.at else ())
    assert len(leaves(good, pupils(40), of=of)) == asked.entries


def test_no_vector_leaves_without_the_masks_of_two_others() -> None:
    for sides in ((), SIDES[:1]):
        for members in (MEMBERS, MEMBERS[: len(sides) + 1]):
            with pytest.raises(StepUnknown, match="mask"):
                leaves(replace(LINEAR, members=members), pupils(40), sides=sides)
    assert leaves(replace(LINEAR, members=()), pupils(40), sides=()) == []
    rows = [batch(pupils(40), GROUND)]
    with pytest.raises(StepUnknown, match="no rows leave"):
        next(leaving(steps(), rows, GROUND, Means(), Outcome()))


BEYOND: dict[str, SumRequest] = {
    "another column": replace(LINEAR, numbers=("age",)),
    "a category as a number": replace(LINEAR, levels={}, numbers=("sex",)),
    "not all values": replace(LINEAR, levels={"sex": ("F", "X")}),
    "two outcomes": replace(LINEAR, event=("passed", "yes")),
    "an unknown event": replace(LOGIT, event=("passed", "maybe")),
    "a column twice": replace(LINEAR, numbers=("score",)),
    "no coefficients": replace(LOGIT, at=()),
    "coefficients too far": replace(LOGIT, at=(1e6, 0.0, 0.0)),
    "two sites": replace(LINEAR, members=MEMBERS[:2]),
    "a site twice": replace(LINEAR, members=(*MEMBERS[:2], MEMBERS[1])),
    "a key twice": replace(LINEAR, members=(*MEMBERS[:2], replace(MEMBERS[2], key="b" * 64))),
    "a stranger": replace(LINEAR, members=(*MEMBERS[:2], replace(MEMBERS[2], site="did:web:d"))),
    "not this site": replace(LINEAR, members=(*MEMBERS[1:], replace(MEMBERS[0], site="did:web:d"))),
}


@over("name", BEYOND)
def test_what_the_plan_does_not_say_is_refused(name: str) -> None:
    check(LINEAR, STEP, SITE, LAB)
    check(LOGIT, STEP, SITE, LAB)
    with pytest.raises(SumRefused):
        check(BEYOND[name], STEP, SITE, LAB)
    with pytest.raises(SumRefused, match="no sums"):
        check(LINEAR, None, SITE, LAB)
    with pytest.raises(SumRefused, match="not the consumer"):
        check(LINEAR, STEP, SITE, OTHERS[0])


def test_a_request_is_read_as_it_was_written() -> None:
    for each in (LINEAR, LOGIT, replace(LOGIT, members=(), at=())):
        member = Member(parse_object(canonical(each.body())), ValueError)
        assert SumRequest.read(member) == each


def test_keys_count_with_the_signature_of_their_site(tmp_path: Path) -> None:
    with linked(tmp_path, offer("odrl:read")) as pair:
        school = pair.school.ports
        (found,) = pair.school.agreements()
        agreement = agree.agreement(school, found.id)
        peer = pair.lab.ports.settings.did
        own = summing.key_of(school, agreement, SESSION)
        key = public_key(b"s" * 32).hex()
        said = key_bytes(SESSION, agreement.consumer, peer, "urn:d", key)
        other = Joined(peer, "urn:d", key, jws.sign_detached(pair.lab.ports.signer, said, KEY_TYPE))
        asked = replace(LINEAR, members=(other, own))
        (one,) = summing.sides(school, agreement, asked)
        assert one != summing.sides(school, agreement, replace(asked, numbers=()))[0]
        for wrong in (
            replace(other, key=public_key(b"t" * 32).hex()),  # the lead puts itself between
            replace(other, dataset="urn:e"),
            replace(other, signature=own.signature),
        ):
            with pytest.raises(SignatureInvalid):
                summing.sides(school, agreement, replace(asked, members=(wrong, own)))
        renamed = replace(asked, session=f"{SESSION[:-1]}2")
        with pytest.raises(SignatureInvalid):
            summing.sides(school, agreement, renamed)
        assert summing.key_of(school, agreement, SESSION) == own


def test_a_round_leaves_once_and_binds_those_after_it(tmp_path: Path) -> None:
    with linked(tmp_path, offer("odrl:read")) as pair:
        school = pair.school.ports
        (found,) = pair.school.agreements()
        agreement, of = agree.agreement(school, found.id), steps()
        own = summing.key_of(school, agreement, SESSION)
        asked = replace(LINEAR, members=(*MEMBERS[1:], own))
        assert summing.refusal(school, agreement, of, asked, "today") is None
        left = ReleasedTables(
            use_id="urn:use",
            dataset_id=summing.kept_under(agreement.dataset_id),
            body=summing.kept(of, asked, "today"),
            at=school.clock.now(),
        )
        with school.store.write() as tx:
            tx.released.put(left)
        another, forged = replace(asked, numbers=()), replace(own, key="0" * 64)
        assert summing.refusal(school, agreement, of, another, "today") is None
        for new, steps_of, fault in (
            (asked, of, "same masks"),
            (replace(another, members=(*MEMBERS, own)), of, "over other sites as well"),
            (another, steps(replace(STEP, ranges={"hours": (0.0, 8.0)})), "other rows"),
            (replace(another, members=(*MEMBERS[1:], forged)), of, "does not have the key"),
        ):
            refused = summing.refusal(school, agreement, steps_of, new, "today")
            assert refused is not None
            assert (refused.code, fault in refused.reasons[0]) == (SumRefused.code, True)
