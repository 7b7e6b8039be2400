"""Public policies of the field: read, explained, checked and decided as their own papers say."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.cli.policy.check import checked
from policies_odrl import Facts, Request, evaluate, explain
from policies_odrl.checking.findings import Severity
from policies_odrl.documents.sources import is_json
from policies_odrl.errors import IllFormed
from policies_odrl.model import ODRL
from policies_odrl.reading.profiles import profiles
from policies_odrl.reading.reader import load
from tests.support.policies import load_all

ROOT = Path(__file__).parents[2]
CATENA_X = ROOT / "examples/catena-x/profile.ttl"
VECTORS = json.loads(
    (Path(__file__).parent / "policies/field/evaluations.json").read_text(encoding="utf-8")
)


def folder() -> Path:
    return Path(os.environ.get("PREAU_REFERENCE", "/nowhere")) / "policies"


def documents() -> list[Path]:
    """Files that are JSON and a policy: not the constraints alone, not what is no JSON."""
    return [file for file in sorted(folder().glob("*/*.json")) if _is_policy(file)]


def _is_policy(file: Path) -> bool:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return False
    keys = set(value) if isinstance(value, dict) else set()
    return isinstance(value, list) or bool(keys - {"leftOperand", "operator", "rightOperand"})


def _profile(name: str) -> Path | str:
    return CATENA_X if name == "catena-x" else str(VECTORS["profiles"][name])


@pytest.mark.reference
def test_every_policy_is_read_and_explained() -> None:
    files = documents()
    assert len(files) >= 30
    for file in files:
        for policy in load_all(file):
            assert explain(policy, "en"), file
            assert explain(policy, "fr"), file
            assert policy.permissions or policy.obligations, file


@pytest.mark.reference
def test_what_is_no_policy_is_refused_by_name() -> None:
    rest = [file for file in folder().glob("*/*") if file not in documents()]
    assert rest
    for file in rest:
        with pytest.raises(IllFormed):
            load_all(file)


@pytest.mark.reference
def test_the_check_says_what_is_wrong_in_the_file() -> None:
    """Never that we could not read it; a file of correct ODRL is not called wrong."""
    for file in documents():
        found = checked(file)
        codes = {item.code for item in found.findings}
        assert not codes & {"unreadable", "not-a-document", "unknown-context"}, file
        assert not codes & {"inline-context", "loose-node"}, file
        assert found.policies, file
    good = folder() / "fiware/edc-compacted-edc.json"
    worst = [item for item in checked(good).findings if item.severity is Severity.ERROR]
    assert [item.code for item in worst] == []


def _cases() -> Iterator[Any]:
    for index, case in enumerate(VECTORS["cases"]):
        yield pytest.param(case, id=f"{index}-{Path(case['file']).stem}")


@pytest.mark.reference
@pytest.mark.parametrize("case", list(_cases()))
def test_samples_are_decided_as_their_papers_say(case: dict[str, Any]) -> None:
    known = profiles(_profile(case["profile"])) if "profile" in case else profiles()
    ask = case["ask"]
    action = ask["action"] if ":" in ask["action"] else ODRL + ask["action"]
    request = Request(
        action,
        ask.get("assignee", ""),
        ask.get("target"),
        {name: tuple(values) for name, values in ask.get("values", {}).items()},
    )
    members = {name: frozenset(found) for name, found in case.get("members", {}).items()}
    facts = Facts(knowledge=known, members=members)
    decision = evaluate(load(folder() / case["file"], known), request, facts)
    assert decision.granted is case["granted"], decision.reasons
    assert case.get("missing", "") in " ".join(decision.reasons)


def test_the_catena_x_profile_of_the_examples_is_one() -> None:
    known = profiles(CATENA_X)
    assert len(known.operands) > 30
    assert known.known_action("https://w3id.org/catenax/policy/access")
    assert not is_json(CATENA_X.read_text(encoding="utf-8"))
