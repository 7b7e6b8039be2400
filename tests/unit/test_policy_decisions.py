"""The decision cases of `tests/conformance/policies/decisions.json`, through the library."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connector.jsonld.policy import read_policy
from policies_odrl import Facts, Knowledge, Performed, Request, evaluate

FILE = Path(__file__).parents[1] / "conformance" / "policies" / "decisions.json"
CASES = json.loads(FILE.read_text("utf-8"))["cases"]


def request_of(case: dict[str, Any]) -> Request:
    asked = case["request"]
    return Request(
        asked["action"],
        asked.get("assignee", ""),
        asked.get("target"),
        {left: tuple(values) for left, values in asked.get("facts", {}).items()},
    )


def facts_of(case: dict[str, Any]) -> Facts:
    return Facts(
        now=datetime.fromisoformat(case["now"]) if "now" in case else None,
        performed=tuple(
            Performed(act["action"], datetime.fromisoformat(act["at"]))
            for act in case.get("performed", ())
        ),
        knowledge=Knowledge(
            broader={name: tuple(items) for name, items in case.get("broader", {}).items()}
        ),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_decision_is_as_the_case_says(case: dict[str, Any]) -> None:
    decision = evaluate(read_policy(case["policy"]), request_of(case), facts_of(case))
    assert decision.granted is case["granted"], decision.reasons
    assert decision.void is case.get("void", False)
    assert decision.reasons
    assert set(case.get("missing", ())) <= set(decision.missing)


def test_bad_cases_outnumber_good_ones() -> None:
    granted = sum(case["granted"] for case in CASES)
    assert 0 < granted < len(CASES) - granted
