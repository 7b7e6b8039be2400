"""The decision cases of `tests/conformance/policies`, through the library."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.jsonld.policy import read_policy
from policies_odrl import Facts, Knowledge, Performed, Quantity, Request, evaluate
from policies_odrl.evaluation.operands import Fact
from policies_odrl.evaluation.state import Usage, UsageKey, Use

FOLDER = Path(__file__).parents[1] / "conformance" / "policies"
FILES = {
    name: json.loads((FOLDER / name).read_text("utf-8"))["cases"]
    for name in ("decisions.json", "live.json")
}
CASES = [case for cases in FILES.values() for case in cases]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def values_of(stated: dict[str, list[Any]]) -> dict[str, tuple[Fact, ...]]:
    return {left: tuple(value_of(item) for item in items) for left, items in stated.items()}


def value_of(item: Any) -> Fact:
    if isinstance(item, dict):
        return Quantity(Decimal(item["amount"]), item["unit"])
    found: Fact = item
    return found


def request_of(case: dict[str, Any]) -> Request:
    asked = case["request"]
    return Request(
        asked["action"],
        asked.get("assignee", ""),
        asked.get("target"),
        values_of(asked.get("facts", {})),
    )


def usage_of(case: dict[str, Any]) -> Usage | None:
    if "usage" not in case:
        return None
    policy = case["policy"]["@id"]
    uses: dict[UsageKey, list[Use]] = {}
    for index, use in enumerate(case["usage"]["uses"]):
        key = UsageKey(policy, use["rule"], use["assignee"], use["target"])
        end = moment(use["end"]) if "end" in use else None
        uses.setdefault(key, []).append(Use(f"t{index}", moment(use["start"]), end, committed=True))
    started = {name: moment(at) for name, at in case["usage"]["started"].items()}
    return Usage(started, {key: tuple(found) for key, found in uses.items()})


def facts_of(case: dict[str, Any]) -> Facts:
    return Facts(
        now=moment(case["now"]) if "now" in case else None,
        values=values_of(case.get("values", {})),
        members={name: frozenset(items) for name, items in case.get("members", {}).items()},
        performed=tuple(
            Performed(act["action"], moment(act["at"])) for act in case.get("performed", ())
        ),
        knowledge=Knowledge(
            broader={name: tuple(items) for name, items in case.get("broader", {}).items()},
            events={
                name: (moment(start), moment(end))
                for name, (start, end) in case.get("events", {}).items()
            },
        ),
        usage=usage_of(case),
        since={name: moment(at) for name, at in case.get("since", {}).items()},
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_decision_is_as_the_case_says(case: dict[str, Any]) -> None:
    decision = evaluate(read_policy(case["policy"]), request_of(case), facts_of(case))
    assert decision.granted is case["granted"], decision.reasons
    assert decision.void is case.get("void", False)
    assert decision.reasons
    assert set(case.get("missing", ())) <= set(decision.missing)


@pytest.mark.parametrize("name", FILES)
def test_bad_cases_outnumber_good_ones(name: str) -> None:
    granted = sum(case["granted"] for case in FILES[name])
    assert 0 < granted < len(FILES[name]) - granted


def test_names_are_told_apart() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES)
