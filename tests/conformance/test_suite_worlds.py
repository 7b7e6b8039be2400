"""What public suites must not be read as: what is said is not done, no report covers another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from policies_odrl import Mode
from tests.conformance.cases import solidlab, w3c
from tests.conformance.cases.case import Case
from tests.conformance.cases.results import differences
from tests.support.each import over
from tests.support.suites import EXAMPLES, SUITE, write

DONE = {"@value": "2026-05-01T10:00:00Z", "@type": "xsd:dateTime"}
LATER = {"@value": "2027-05-01T10:00:00Z", "@type": "xsd:dateTime"}
DUTY = "https://museum.example/condition/visit"
PAID = {"@type": "odrl:compensate", "payAmount": 12}
VISIT = json.loads((EXAMPLES / "visit" / "policy-visit.json").read_text("utf-8"))
OWES = VISIT["permission"][0]["duty"][0]


@pytest.fixture
def unpaid(tmp_path: Path) -> Path:
    """A folder with the example `unpaid` and no state of the world."""
    root = Path(shutil.copytree(EXAMPLES / "visit", tmp_path / "visit"))
    for name in ("paid", "paid-later", "paid-too-little", "record", "record-too-little"):
        shutil.rmtree(root / name)
    (root / "unpaid" / "state-unpaid.ttl").unlink()
    return root


def control(root: Path, context: object) -> str | None:
    state = {"@type": "SotW", "currentTime": "2026-05-04T10:00:00Z", "context": context}
    (root / "unpaid" / "state-unpaid.json").write_text(json.dumps(state), encoding="utf-8")
    (case,) = (item for item in w3c.Examples(root).cases() if isinstance(item, Case))
    return case.report(Mode.W3C).rules[0].control


@over(
    "context",
    [
        VISIT,
        {name: value for name, value in VISIT.items() if name != "@type"},
        {"duty": [OWES]},
        OWES,
        {"@type": "odrl:Request", "permission": {"action": OWES["action"]}},
        {**PAID, "status": "planned"},
        {**PAID, "performed": False},
        {**PAID, "performanceState": "report:Unknown"},
        {**PAID, "deonticState": "report:Violated"},
        {**PAID, "conditionId": DUTY, "deonticState": "report:Not-Set"},
        {**PAID, "performedAt": [DONE, LATER]},
        {**PAID, "performedAt": {"@id": "urn:some-day"}},
        {**PAID, "performedAt": LATER},
        {**PAID, "dateTime": LATER},
        {"conditionId": DUTY},
        {"conditionId": DUTY, "satisfactionState": "report:Not-Satisfied"},
    ],
)
def test_what_is_only_said_was_not_done(unpaid: Path, context: object) -> None:
    assert control(unpaid, context) == "Deny"


@over(
    "context",
    [
        [VISIT, PAID],
        {**PAID, "@id": DUTY, "performedAt": DONE},
        {**PAID, "status": "completed"},
        {**PAID, "status": "executed"},
        {**PAID, "performed": True},
        {**PAID, "performanceState": "report:Performed"},
        {**PAID, "performanceState": "report:Performed", "deonticState": "report:Violated"},
        {**PAID, "performedAt": [DONE, DONE]},
        {**PAID, "dateTime": DONE},
        {"conditionId": DUTY, "dateTime": DONE, "payAmount": 12},
        {"conditionId": DUTY, "satisfactionState": "report:Satisfied"},
    ],
)
def test_what_was_done_was_done(unpaid: Path, context: object) -> None:
    assert control(unpaid, context) == "Permit"


def test_what_an_act_states_is_no_circumstance_of_the_request(unpaid: Path) -> None:
    file = unpaid / "policy-visit.json"
    policy = json.loads(json.dumps(VISIT))
    fee = {"leftOperand": "payAmount", "operator": "gteq", "rightOperand": 12}
    policy["permission"][0] = {**policy["permission"][0], "duty": [], "constraint": [fee]}
    file.write_text(json.dumps(policy), encoding="utf-8")
    assert control(unpaid, PAID) == "Deny"
    assert control(unpaid, {"payAmount": 12}) == "Permit"


def test_reports_of_cases_with_one_name_do_not_cover_each_other(tmp_path: Path) -> None:
    root = Path(shutil.copytree(SUITE, tmp_path / "suite"))
    first = min((root / "test_cases").iterdir())
    shutil.copy(first, first.with_suffix(".jsonld"))  # Turtle all the same
    cases = list(solidlab.Folder(root, Mode.SUITE).cases())
    names = [item.name for item in cases if isinstance(item, Case)]
    assert len(names) == len(cases)
    assert len(names) == len(set(names))
    assert {first.stem, f"{first.stem}-2"} <= set(names)


def test_examples_in_the_folder_itself_have_its_name(
    unpaid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = unpaid / "unpaid"
    shutil.move(here / "evaluationrequest-unpaid.json", here / "evaluationrequest.json")
    shutil.copy(unpaid / "policy-visit.json", here)
    write(here / "evaluationrequest.ttl", "[] a odrl:Request ; odrl:action odrl:play .")
    monkeypatch.chdir(here)
    names = [item.name for item in w3c.Examples(Path()).cases() if isinstance(item, Case)]
    assert names == ["unpaid", "unpaid-2"]


def test_in_a_world_without_a_time_what_was_done_was_done_but_not_in_time(unpaid: Path) -> None:
    state = unpaid / "unpaid" / "state-unpaid.json"
    control(unpaid, {})
    state.write_text(json.dumps({**PAID, "performedAt": DONE}), encoding="utf-8")
    (case,) = (item for item in w3c.Examples(unpaid).cases() if isinstance(item, Case))
    assert case.report(Mode.W3C).rules[0].control == "Permit"
    policy = json.loads(json.dumps(VISIT))
    limit = {"leftOperand": "dateTime", "operator": "lt", "rightOperand": LATER}
    policy["permission"][0]["duty"][0]["constraint"] = [limit]
    (unpaid / "policy-visit.json").write_text(json.dumps(policy), encoding="utf-8")
    (case,) = (item for item in w3c.Examples(unpaid).cases() if isinstance(item, Case))
    assert case.report(Mode.W3C).rules[0].control == "Deny"


@pytest.mark.parametrize(("day", "active"), [("2026-05-04", "Active"), ("2028-05-04", "Inactive")])
def test_a_ban_has_the_control_state_of_the_policy(tmp_path: Path, day: str, active: str) -> None:
    root = Path(shutil.copytree(EXAMPLES / "ban", tmp_path / "ban"))
    write(root / "state.ttl", f'[] a sotw:SotW ; sotw:currentTime "{day}T10:00:00Z" .')
    rule = "https://museum.example/rule/ban"
    for state, alike in (("Deny", True), ("Permit", False)):
        expected = {"rule": rule, "activationState": active, "controlState": state}
        (root / "compliancereport.json").write_text(json.dumps(expected), encoding="utf-8")
        (case,) = (item for item in w3c.Examples(root).cases() if isinstance(item, Case))
        assert case.results is not None
        assert (differences(case.report(Mode.W3C), case.results) == ()) is alike
