from __future__ import annotations

import copy
import json
from types import ModuleType
from typing import Any

import pytest

import federated.training
from federated.errors import BY_CODE, ColumnMissing, FederatedError, ManifestInvalid, StepIllegal
from federated.job import TRANSITIONS, JobState, advance, is_final, parse, render
from tests.support.each import over
from tests.support.training_rig import SITES, contract, document

_GONE = object()


def _changed(pointer: str, value: Any) -> bytes:
    """Return the valid manifest with one member replaced, added or (`_GONE`) removed."""
    whole = copy.deepcopy(document())
    *path, last = pointer.strip("/").split("/")
    place: Any = whole
    for step in path:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is _GONE:
        del place[last]
    elif isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return json.dumps(whole).encode()


def test_a_manifest_is_read_and_written_without_loss() -> None:
    manifest = parse(json.dumps(document()).encode())
    assert parse(json.dumps(render(manifest)).encode()) == manifest
    assert render(manifest) == document()
    treated = _changed("/features/0/missing", 7)
    assert render(parse(treated)) == json.loads(treated)


def test_what_follows_from_a_manifest() -> None:
    manifest = parse(json.dumps(document()).encode())
    assert manifest.steps_per_round == 2
    assert manifest.sites == SITES
    assert manifest.width == 3
    assert manifest.columns == ("pupil", "score", "grade", "age", "class")
    site = manifest.contract(SITES[1])
    assert site is not None
    assert site.population == 200
    assert manifest.contract("did:web:elsewhere.example") is None


GOOD = {
    "no hidden layer": ("/model/hidden", []),
    "four hidden layers": ("/model/hidden", [512, 1, 1, 512]),
    "relu": ("/model/activation", "relu"),
    "everybody takes part": ("/privacy/samplingRate", 1),
    "a number without a fraction": ("/privacy/clip", 2),
    "the smallest clip": ("/privacy/clip", 1.1e-6),
    "the largest clip": ("/privacy/clip", 1000),
    "the least noise": ("/privacy/noiseMultiplier", 0.11),
    "the most noise": ("/privacy/noiseMultiplier", 10000),
    "one round": ("/rounds", 1),
    "quorum of one": ("/quorum", 1),
    "accents and no-break spaces": ("/features/1/values/0", "collège\u00a0privé"),
    "what a missing value counts as": ("/features/0/missing", 15),
    "column by which thresholds go is a feature": ("/features/0/column", "grade"),
}


@over(("pointer", "value"), GOOD.values(), GOOD)
def test_good_members_are_read(pointer: str, value: Any) -> None:
    assert parse(_changed(pointer, value)).job


BAD = {
    "another version": ("/version", 3, "/version"),
    "version as text": ("/version", "1", "/version"),
    "missing member": ("/quorum", _GONE, "/quorum"),
    "unknown member": ("/colour", "red", "/colour"),
    "unknown member with odd signs": ("/a~b", 1, "/a~0b"),
    "job is no IRI": ("/job", "job 1", "/job"),
    "lead is no DID": ("/lead", "https://lab.example", "/lead"),
    "empty text": ("/purpose", "", "/purpose"),
    "long text": ("/purpose", "urn:" + "x" * 600, "/purpose"),
    "text of two lines": ("/purpose", "urn:a\nb", "/purpose"),
    "text that cannot be shown": ("/features/0/column", "a\u202eb", "/features/0/column"),
    "lone surrogate": ("/features/0/column", "a\ud800", "/features/0/column"),
    "contracts no list": ("/contracts", {}, "/contracts"),
    "no contract": ("/contracts", [], "/contracts"),
    "too many contracts": ("/contracts", [contract("did:web:a", 9)] * 101, "/contracts"),
    "contract no object": ("/contracts/0", "x", "/contracts/0"),
    "contract of no DID": ("/contracts/0/site", "nord", "/contracts/0/site"),
    "digest no SHA-256": ("/contracts/0/digest", "A" * 64, "/contracts/0/digest"),
    "receipt missing": ("/contracts/0/receipt", _GONE, "/contracts/0/receipt"),
    "lead as a site": ("/contracts/2/site", document()["lead"], "/contracts/2/site"),
    "site twice": ("/contracts/1", contract(SITES[0], 9), "/contracts"),
    "nobody": ("/contracts/0/population", 0, "/contracts/0/population"),
    "population no integer": ("/contracts/0/population", 100.0, "/contracts/0/population"),
    "population boolean": ("/contracts/0/population", True, "/contracts/0/population"),
    "population below one sample": ("/contracts/0/population", 4, "/contracts/0/population"),
    "model of another kind": ("/model/kind", "forest", "/model/kind"),
    "too deep": ("/model/hidden", [1, 1, 1, 1, 1], "/model/hidden"),
    "too wide": ("/model/hidden", [513], "/model/hidden/0"),
    "no width": ("/model/hidden", [0], "/model/hidden/0"),
    "activation unknown": ("/model/activation", "sine", "/model/activation"),
    "no feature": ("/features", [], "/features"),
    "feature no object": ("/features/0", 3, "/features/0"),
    "feature of another kind": ("/features/0/kind", "text", "/features/0/kind"),
    "feature's kind no text": ("/features/0/kind", ["number"], "/features/0/kind"),
    "number with values": ("/features/0/values", ["a"], "/features/0/values"),
    "empty range": ("/features/0/high", 5, "/features/0/high"),
    "a missing value outside": ("/features/0/missing", 4.9, "/features/0/missing"),
    "a missing value no number": ("/features/0/missing", None, "/features/0/missing"),
    "range no number": ("/features/0/low", "5", "/features/0/low"),
    "range boolean": ("/features/0/low", False, "/features/0/low"),
    "range too large": ("/features/0/high", 1e13, "/features/0/high"),
    "range past floats": ("/features/0/high", 10**400, "/features/0/high"),
    "no value": ("/features/1/values", [], "/features/1/values"),
    "value twice": ("/features/1/values", ["a", "a"], "/features/1/values"),
    "value no text": ("/features/1/values", [1], "/features/1/values/0"),
    "column twice": ("/features/1/column", "age", "/features"),
    "target as a feature": ("/features/0/column", "score", "/features/0/column"),
    "person as a feature": ("/features/1/column", "pupil", "/features/1/column"),
    "no threshold": ("/target/thresholds", {}, "/target/thresholds"),
    "thresholds a list": ("/target/thresholds", [1], "/target/thresholds"),
    "threshold no number": ("/target/thresholds/K", None, "/target/thresholds/K"),
    "person is the target": ("/unit/column", "score", "/unit/column"),
    "person picks the threshold": ("/unit/column", "grade", "/unit/column"),
    "no row": ("/unit/rows", 0, "/unit/rows"),
    "too many rows": ("/unit/rows", 1001, "/unit/rows"),
    "no noise": ("/privacy/noiseMultiplier", 0, "/privacy/noiseMultiplier"),
    "negative noise": ("/privacy/noiseMultiplier", -1, "/privacy/noiseMultiplier"),
    "no sampling": ("/privacy/samplingRate", 0, "/privacy/samplingRate"),
    "more than everybody": ("/privacy/samplingRate", 1.01, "/privacy/samplingRate"),
    "less noise than the grid holds": ("/privacy/noiseMultiplier", 0.1, "/privacy/noiseMultiplier"),
    "more noise than the grid holds": (
        "/privacy/noiseMultiplier",
        10001,
        "/privacy/noiseMultiplier",
    ),
    "no clip": ("/privacy/clip", 0, "/privacy/clip"),
    "clip too small": ("/privacy/clip", 1e-6, "/privacy/clip"),
    "clip too large": ("/privacy/clip", 1000.5, "/privacy/clip"),
    "no epsilon": ("/privacy/epsilon", 0, "/privacy/epsilon"),
    "no delta": ("/privacy/delta", 0, "/privacy/delta"),
    "delta of one": ("/privacy/delta", 1, "/privacy/delta"),
    "steps uneven": ("/privacy/steps", 7, "/privacy/steps"),
    "too many steps": ("/privacy/steps", 300_000, "/privacy/steps"),
    "no learning": ("/learningRate", 0, "/learningRate"),
    "no round": ("/rounds", 0, "/rounds"),
    "too many rounds": ("/rounds", 1001, "/rounds"),
    "quorum above the sites": ("/quorum", 4, "/quorum"),
    "quorum of nobody": ("/quorum", 0, "/quorum"),
    "no time": ("/roundSeconds", 0, "/roundSeconds"),
    "a round of days": ("/roundSeconds", 1e6, "/roundSeconds"),
    "deadline of another form": ("/deadline", "2099-11-24T15:00:00+00:00", "/deadline"),
    "deadline in other digits": ("/deadline", "٢٠٩٩-11-24T15:00:00Z", "/deadline"),
    "deadline that is none": ("/deadline", "2099-02-30T15:00:00Z", "/deadline"),
    "code no digest": ("/code", "main", "/code"),
}


@over(("pointer", "value", "at"), BAD.values(), BAD)
def test_bad_members_are_named(pointer: str, value: Any, at: str) -> None:
    with pytest.raises(ManifestInvalid) as caught:
        parse(_changed(pointer, value))
    assert caught.value.pointer == at
    assert caught.value.code == "MALFORMED_MESSAGE"
    assert "\n" not in caught.value.reason
    assert at in caught.value.reason


def test_too_many_inputs_are_refused() -> None:
    features = [
        {"column": f"c{n}", "kind": "category", "values": [str(v) for v in range(200)]}
        for n in range(21)
    ]
    with pytest.raises(ManifestInvalid, match="4096 inputs"):
        parse(json.dumps(document(features=features)).encode())
    assert parse(json.dumps(document(features=features[:20])).encode()).width == 4000


@over(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b'{"version":1,"version":1}',
        b'{"version":NaN}',
        b'{"version":-Infinity}',
        b'{"":1}',
        b'{"a\\nb":1}',
        b"[" * 100_000,
        b" " * (4 * 1024 * 1024 + 1),
    ],
    ["empty", "cut", "no UTF-8", "twice", "NaN", "inf", "no name", "lines", "deep", "large"],
)
def test_what_is_no_strict_json_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestInvalid) as caught:
        parse(data)
    assert caught.value.pointer == ""


def test_a_number_past_floats_is_not_finite() -> None:
    data = json.dumps(document()).replace('"learningRate": 0.5', '"learningRate": 1e999').encode()
    with pytest.raises(ManifestInvalid, match="/learningRate: must be finite"):
        parse(data)


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"x"'])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestInvalid, match="must be an object"):
        parse(data)


def test_the_table_of_states() -> None:
    arrows = {(str(state), str(to)) for state, steps in TRANSITIONS.items() for to in steps}
    assert arrows == {
        ("SUBMITTED", "ACCEPTED"),
        ("SUBMITTED", "REFUSED"),
        ("SUBMITTED", "FAILED"),
        ("SUBMITTED", "CANCELLED"),
        ("ACCEPTED", "RUNNING"),
        ("ACCEPTED", "FAILED"),
        ("ACCEPTED", "CANCELLED"),
        ("RUNNING", "COMPLETED"),
        ("RUNNING", "FAILED"),
        ("RUNNING", "CANCELLED"),
    }
    assert set(TRANSITIONS) == set(JobState)


@over("state", list(JobState))
@over("to", list(JobState))
def test_a_job_takes_the_steps_of_the_table_only(state: JobState, to: JobState) -> None:
    if to in TRANSITIONS[state]:
        assert advance(str(state), to) is to
    else:
        with pytest.raises(StepIllegal, match=f"`{state}` cannot become `{to}`"):
            advance(state, to)


def test_a_state_that_is_none_takes_no_step() -> None:
    with pytest.raises(StepIllegal):
        advance("DREAMING", JobState.RUNNING)


def test_final_states() -> None:
    final = {state for state in JobState if is_final(state)}
    assert final == {JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED, JobState.REFUSED}


def test_codes_name_classes() -> None:
    assert BY_CODE["COLUMN_MISSING"] is ColumnMissing
    assert BY_CODE["INTERNAL"] is FederatedError
    assert issubclass(BY_CODE["JOB_REFUSED"], FederatedError)


@pytest.mark.parametrize("module", [federated, federated.job, federated.training])
def test_what_the_library_offers_is_sorted_and_there(module: ModuleType) -> None:
    assert module.__all__ == sorted(module.__all__, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(module, name) for name in module.__all__)
