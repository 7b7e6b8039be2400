"""The one table of a request: what it refuses and how, and that manifests know the same members."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connector.services.federation.request import members
from connector.services.federation.request.form import (
    Choice,
    Either,
    Form,
    Kinds,
    Many,
    Named,
    Real,
    Text,
    Whole,
    faults,
)
from connector.services.federation.request.schema import schema
from federated.errors import ManifestInvalid
from federated.reading import Member
from federated.task import feature, model, optimiser, target
from tests.support.each import over

ROOT = Path(__file__).parents[2]
REQUEST = json.loads((ROOT / "examples/node/request.json").read_text(encoding="utf-8"))
# Where one member must lie above another, or be one of its values.
FITTING = {"low": 0, "high": 1, "values": ["a", "b"], "beta2": 0.99, "missing": "refuse"}


def found(**changes: Any) -> list[str]:
    request = {k: v for k, v in {**REQUEST, **changes}.items() if v is not ...}
    return [f"{each.pointer}: {each.what}" for each in faults(request, members.REQUEST)]


def test_the_request_of_the_guide_has_no_fault() -> None:
    assert found() == []
    spaced = {"column": "a", "kind": "category", "values": ["10\u202f000"]}  # as French writes it
    assert found(features=[spaced]) == []


def with_target(**changes: Any) -> dict[str, Any]:
    return {"target": {**REQUEST["target"], **changes}}


def with_privacy(**changes: Any) -> dict[str, Any]:
    return {"privacy": {**REQUEST["privacy"], **changes}}


NET = {"kind": "mlp", "hidden": [4], "activation": "tanh"}
BAD: list[tuple[Mapping[str, Any], list[str]]] = [
    (with_target(by=None), ["/target/by: must be the name of a column; found `null`"]),
    (
        {"model": {**NET, "activation": "sigmoid"}},
        ['/model/activation: must be `tanh` or `relu`; found `"sigmoid"`'],
    ),
    (
        {"model": {**NET, "hidden": [4, 0, 513, "8", True]}},
        [
            "/model/hidden: must be a list of 0 to 4, each a whole number from 1 to 512; found 5",
            *(
                f"/model/hidden/{place}: must be a whole number from 1 to 512; found `{value}`"
                for place, value in ((1, "0"), (2, "513"), (3, '"8"'), (4, "true"))
            ),
        ],
    ),
    ({"model": {"kind": "logistics"}}, ["/model/kind: must be `linear`, "]),
    ({"model": {"kind": None}}, ["/model/kind: must be `linear`, "]),
    ({"model": {}}, ["/model/kind: must be `linear`, "]),
    (
        {"model": {"kind": "linear", "hidden": []}},
        ["/model/hidden: is not a member of kind `linear`"],
    ),
    ({"model": ["mlp"]}, ["/model: must be an object of kind "]),
    ({"privacy": ...}, ["/privacy: is missing: must be an object"]),
    (
        {"privcy": REQUEST["privacy"]},
        ["/privcy: is not a member, did you mean `privacy`; known members: purpose, agreements, "],
    ),
    (with_privacy(delta=1), ["/privacy/delta: must be a number above 0 and below 1; found `1`"]),
    (
        with_privacy(samplingRate=0, noiseMultiplier=None, clip=float("nan")),
        [
            "/privacy/noiseMultiplier: must be a number above 0.1 and at most 10,000; found `null`",
            "/privacy/samplingRate: must be a number above 0 and at most 1; found `0`",
            "/privacy/clip: must be a number above 1e-06 and at most 1,000; found `NaN`",
        ],
    ),
    ({"learningRate": 10**400}, ["/learningRate: must be a number above 0"]),
    ({"purpose": "research"}, ['/purpose: must be an IRI; found `"research"`']),
    ({"purpose": "a\nb"}, ["/purpose: must be an IRI; found `"]),
    ({"agreements": []}, ["/agreements: must be a list of 1 to 100, each the id of a contract; "]),
    (
        {"features": [7]},
        ["/features/0: must be the name of a column or an object of kind `number`"],
    ),
    (
        {"features": [{"column": "a", "kind": "numer"}]},
        ['/features/0/kind: must be `number` or `category`; found `"numer"`, did you mean `num'],
    ),
    (
        {"features": [{"column": "a", "kind": "number", "low": "3", "values": ["a"]}]},
        [
            "/features/0/values: is not a member of kind `number`",
            '/features/0/low: must be a number above -1e12 and at most 1e12; found `"3"`',
        ],
    ),
    ({"features": [{"low": 3}]}, ["/features/0/column: is missing: must be the name of a column"]),
    (
        {"features": [{"column": "a", "missing": {"kind": "value"}}]},
        ["/features/0/missing/value: is missing, which kind `value` needs: must be a number"],
    ),
    (
        {"features": [{"column": "a", "missing": "mean"}]},
        ["/features/0/missing: must be `indicator`"],
    ),
    (with_target(thresholds={}), ["/target/thresholds: must be an object of 1 to 200 members, "]),
    (with_target(thresholds={"a/b": "x"}), ["/target/thresholds/a~1b: must be a number "]),
    ({"optimiser": {"momentum": 1}}, ["/optimiser/momentum: must be a number of at least 0"]),
    ({"rounds": 2.0}, ["/rounds: must be a whole number from 1 to 1,000; found `2.0`"]),
    ({"start": {"source": "s"}}, ["/start/model: is missing: must be a file in Base64"]),
]


@over(("changes", "says"), BAD)
def test_a_fault_names_the_member_what_it_may_be_and_what_it_is(
    changes: Mapping[str, Any], says: list[str]
) -> None:
    for fault, start in zip(found(**changes), says, strict=True):
        assert fault.startswith(start)
        assert len(fault) < 400


def sample(form: Form, name: str = "") -> Any:
    """Return something that a form allows, with all that it may have."""
    if name in FITTING:
        return FITTING[name]
    if isinstance(form, Text | Choice):
        return form.values[0] if isinstance(form, Choice) else "a"
    if isinstance(form, Whole | Real):
        return form.least if isinstance(form, Whole) else 0.5
    if isinstance(form, Many | Named):
        inner = sample(form.of)
        return [inner] * form.least if isinstance(form, Many) else {"a": inner}
    assert isinstance(form, Either)
    return sample(form.forms[-1])


def of_kinds(form: Kinds) -> Iterator[dict[str, Any]]:
    for kind in form.kinds:
        rows = form.of(kind)
        yield {"kind": kind, **{row.name: sample(row.form, row.name) for row in rows}}


def read_feature(member: Member) -> object:
    stated = {**member.value, "missing": {"kind": "refuse"}}
    return feature.read(Member(stated, ManifestInvalid), 2)


OBJECTS = {
    "model": (members.MODEL, model.KINDS, lambda member: model.read(member, 2)),
    "target": (members.TARGET, target.KINDS, lambda member: target.read(member, 2)),
    "optimiser": (members.OPTIMISER, ("sgd", "adam"), optimiser.read),
    "feature": (members.FEATURE.forms[1], ("number", "category"), read_feature),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_manifests_know_the_members_of_the_table_and_no_others(name: str) -> None:
    form, kinds, read = OBJECTS[name]
    assert isinstance(form, Kinds)
    assert tuple(form.kinds) == kinds
    for whole in of_kinds(form):
        assert list(faults(whole, form)) == []
        read(Member(whole, ManifestInvalid))
        for row in form.of(whole["kind"]):
            without = {name: value for name, value in whole.items() if name != row.name}
            fine = not list(faults(without, form))
            assert fine is bool(row.otherwise)
            if not fine:
                with pytest.raises(ManifestInvalid):
                    read(Member(without, ManifestInvalid))
        with pytest.raises(ManifestInvalid):
            read(Member({**whole, "other": 1}, ManifestInvalid))


def test_the_schema_says_what_must_be_there_and_what_else_may() -> None:
    whole = schema(members.REQUEST)
    rows = {row.name: row for row in members.REQUEST.rows}
    assert set(whole["properties"]) == set(rows)
    assert set(whole["required"]) == {name for name, row in rows.items() if not row.otherwise}
    assert whole["additionalProperties"] is False
    clip = whole["properties"]["privacy"]["properties"]["clip"]
    assert (clip["exclusiveMinimum"], clip["maximum"]) == (1e-6, 1e3)
    kinds = whole["properties"]["target"]["oneOf"]
    assert [each["properties"]["kind"]["const"] for each in kinds] == list(target.KINDS)
    assert ["kind" in each["required"] for each in kinds].count(False) == 1
