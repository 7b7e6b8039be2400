"""Which clauses of a policy the present semantics decide otherwise than an earlier version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connector.jsonld.policy import policy_bytes, read_policy
from policies_odrl.checking import semantics
from policies_odrl.checking.semantics import FIRST, PRESENT, changes, decided_otherwise
from tests.support.each import over

SAFETY = json.loads(
    (Path(__file__).parents[1] / "conformance/policies/safety.json").read_text("utf-8")
)
CASES = {case["name"]: case for case in SAFETY["cases"]}
# Cases that version 1 of the semantics decided otherwise, as it was measured with its code; the
# other ones it decided alike, or had no words to ask them.
DIFFERED = json.loads(Path(__file__).with_name("data").joinpath("semantics_1.json").read_text())
STORED = Path(__file__).parents[1] / "samples" / "semantics-1" / "policies.jsonl"
RECORDS = Path(__file__).parents[2] / "docs" / "decisions"


def names(case: dict[str, Any]) -> set[str]:
    policy = read_policy({"@context": SAFETY["context"], **case["policy"]})
    assert decided_otherwise(policy, PRESENT) == ()
    return {item.change.name for item in decided_otherwise(policy, FIRST)}


@over(("name", "change"), sorted(DIFFERED.items()))
def test_what_was_decided_otherwise_is_named(name: str, change: str) -> None:
    assert change in names(CASES[name])


def test_each_change_was_measured_and_is_recorded() -> None:
    assert {row.name for row in changes()} == set(DIFFERED.values())
    for row in changes():
        assert FIRST < row.since <= PRESENT
        (record,) = RECORDS.glob(f"{row.record}-*.md")
        assert record.read_text("utf-8").startswith(f"# {row.record} ")
        assert row.en != row.fr


@over("name", ["paid-before-without-deadline", "paid-by-another"])
def test_a_policy_that_no_change_touches_is_not_named(name: str) -> None:
    assert names(CASES[name]) == set()


def test_the_table_says_what_each_version_is() -> None:
    file = Path(semantics.__file__).with_name("semantics.json")
    versions = json.loads(file.read_text("utf-8"))["versions"]
    assert list(versions) == [str(number) for number in range(FIRST, PRESENT + 1)]


def test_stored_policies_of_the_first_semantics_are_read_to_the_letter() -> None:
    lines = STORED.read_bytes().splitlines()
    assert len(lines) == 22
    touched = {}
    for line in lines:
        policy = read_policy(line)
        assert policy_bytes(policy) == line
        found = decided_otherwise(policy, FIRST)
        touched[policy.id.rpartition(":")[2]] = {it.change.name for it in found if it.change.node}
    assert not touched["federated-training"] | touched["statistics"]
    assert touched["research"] == {"after-use", "own-acts", "anchored-lengths"}
