"""`preau policy suite --format w3c`: the examples of the W3C draft, and ours like them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from policies_odrl import Literal, Mode
from policies_odrl.model import XSD
from tests.conformance.cases import w3c
from tests.conformance.cases.case import Case, Fault
from tests.conformance.cases.results import Difference, differences
from tests.conformance.reports.report import Control, RuleKind
from tests.support.each import over
from tests.support.suites import EXAMPLES, write

USE = "<urn:p> a odrl:Set ; odrl:permission <urn:r> . <urn:r> odrl:action odrl:use ."


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of our examples that a test may spoil."""
    return Path(shutil.copytree(EXAMPLES, tmp_path / "examples"))


def example(root: Path, name: str) -> Case:
    found = {case.name: case for case in w3c.Examples(root).cases() if isinstance(case, Case)}
    return found[name]


@over(
    ("name", "control"),
    [
        ("unpaid", Control.DENY),
        ("paid", Control.PERMIT),
        ("paid-later", Control.DENY),
        ("paid-too-little", Control.DENY),
        ("record", Control.PERMIT),
        ("record-too-little", Control.DENY),
        ("weekday", Control.PERMIT),
        ("sunday-unpaid", Control.DENY),
        ("sunday-paid", Control.PERMIT),
        ("stated-day", Control.DENY),
    ],
)
def test_conditions_of_the_draft(name: str, control: Control) -> None:
    assert example(EXAMPLES, name).report(Mode.W3C).rules[0].control is control


def test_a_state_is_read_in_either_of_its_formats(examples: Path) -> None:
    folder = examples / "visit" / "record"
    (folder / "state-record.ttl").unlink()
    assert example(examples, "record").report(Mode.W3C).rules[0].control is Control.PERMIT
    (folder / "state-other.json").write_text("{}", encoding="utf-8")
    (folder / "state-record.json").rename(folder / "state-third.json")
    faults = {
        item.where: item.reason
        for item in w3c.Examples(examples).cases()
        if isinstance(item, Fault)
    }
    assert faults == {"record": "`record` holds 2 `state*` files"}


def test_a_payment_to_another_party_pays_nobody(examples: Path) -> None:
    file = examples / "visit" / "record" / "state-record.ttl"
    text = file.read_text("utf-8")
    file.write_text(text.replace("party/museum", "party/other"), encoding="utf-8")
    assert example(examples, "record").report(Mode.W3C).rules[0].control is Control.DENY


def test_a_report_that_is_not_the_expected_one_says_where() -> None:
    expected = example(EXAMPLES, "paid").results
    assert expected is not None
    found = differences(example(EXAMPLES, "unpaid").report(Mode.W3C), expected)
    rule = "https://museum.example/rule/visit"
    assert found[0] == Difference(rule, "activationState", "active", "inactive")
    assert {item.kind for item in found} == {
        "activationState",
        "controlState",
        "deonticState",
        "satisfactionState",
    }


def test_a_rule_without_a_name_is_compared_by_being_the_only_one(examples: Path) -> None:
    file = examples / "poster" / "policyPoster.json"
    document = json.loads(file.read_text("utf-8"))
    del document["permission"][0]["@id"]
    file.write_text(json.dumps(document), encoding="utf-8")
    case = example(examples, "fine")
    assert case.results is not None
    assert differences(case.report(Mode.W3C), case.results) == ()


def test_files_of_the_examples_that_are_wrong_are_faults(examples: Path) -> None:
    (examples / "visit" / "policy-visit.json").unlink()
    (examples / "sunday" / "policy-two.json").write_text("{}", encoding="utf-8")
    (examples / "ban" / "state.ttl").write_text("<urn:x> <urn:y>", encoding="utf-8")
    (examples / "poster" / "fine" / "evaluationRequest.json").write_text("{", encoding="utf-8")
    found = {
        item.where: item.reason
        for item in w3c.Examples(examples).cases()
        if isinstance(item, Fault)
    }
    assert found["unpaid"].startswith("no `policy*` file stands beside")
    assert found["weekday"] == "`sunday` holds 2 `policy*` files"
    assert found["ban"].endswith("not well-formed Turtle in line 1")
    assert found["fine"] == "not well-formed JSON in line 1, column 2"
    assert len(found) == 12


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "does not hold one policy"),
        ("{}", "holds 0 policies"),
        ('{"@type": "Set", "uid": "urn:p", "permission": [{"akt": 1}]}', "`policy.json`: "),
    ],
)
def test_a_policy_file_holds_one_policy(examples: Path, content: str, reason: str) -> None:
    (examples / "ban" / "policy.json").write_text(content, encoding="utf-8")
    found = {c.where: c.reason for c in w3c.Examples(examples).cases() if isinstance(c, Fault)}
    assert reason in found["ban"]


def test_a_policy_may_be_turtle_and_names_may_repeat(examples: Path) -> None:
    (examples / "ban" / "policy.json").unlink()
    write(examples / "ban" / "policy.ttl", USE)
    again = examples / "again" / "unpaid"
    shutil.copytree(examples / "visit", examples / "again")
    names = [case.name for case in w3c.Examples(examples).cases() if isinstance(case, Case)]
    assert len(names) == len(set(names)) == 19
    assert {"unpaid", "visit-unpaid-unpaid"} <= set(names)
    assert again.is_dir()


def test_the_time_of_a_request_holds_where_the_world_states_none(examples: Path) -> None:
    file = examples / "sunday" / "weekday" / "evaluationrequest-weekday.json"
    document = json.loads(file.read_text("utf-8"))
    document["dcterms:issued"] = {"@value": "2026-05-03T10:00:00Z", "@type": "xsd:dateTime"}
    file.write_text(json.dumps(document), encoding="utf-8")
    assert example(examples, "weekday").report(Mode.W3C).rules[0].control is Control.PERMIT
    (file.parent / "state-weekday.ttl").unlink()
    report = example(examples, "weekday").report(Mode.W3C)
    assert report.rules[0].control is Control.DENY
    assert report.created == Literal("2026-05-03T10:00:00Z", XSD + "dateTime")


def test_the_world_may_state_a_value_by_the_constraint_that_it_is_for(examples: Path) -> None:
    here = examples / "sunday" / "weekday"
    state = {"context": {"conditionId": "https://museum.example/constraint/sunday"}}
    state["context"]["value"] = "sunday"
    (here / "state-weekday.ttl").unlink()
    (here / "compliancereport-weekday.json").unlink()
    (here / "state-weekday.json").write_text(json.dumps(state), encoding="utf-8")
    case = example(examples, "weekday")
    assert case.results is None
    assert case.report(Mode.W3C).rules[0].control is Control.DENY


FEE = "odrl:leftOperand odrl:payAmount ; odrl:rightOperand 12"
MAY = '"2026-05-01T00:00:00Z"^^xsd:dateTime'


@over(
    ("state", "control"),
    [
        ('[] a sotw:SotW . [] a odrl:compensate ; odrl:payAmount "12"^^xsd:decimal .', "Permit"),
        ('[] a sotw:SotW . [] a odrl:compensate ; odrl:payAmount "much" .', "Deny"),
        ("[] a odrl:Action ; odrl:value odrl:compensate ; odrl:payAmount 12 .", "Permit"),
        ("[] sotw:type odrl:compensate ; odrl:payAmount 12 ; sotw:atTime 'one day' .", "Deny"),
        (f"[] odrl:action [ odrl:value odrl:compensate ; odrl:refinement [ {FEE} ] ] .", "Permit"),
        ("[] a odrl:Duty ; odrl:action odrl:compensate ; odrl:payAmount 12 .", "Deny"),
        ("[] sotw:conditionId m:visit ; odrl:payAmount 12 .", "Deny"),
        (f"[] sotw:conditionId m:visit ; odrl:payAmount 12 ; sotw:performedAt {MAY} .", "Permit"),
        ("[] sotw:conditionId m:visit ; report:deonticState report:Fulfilled .", "Permit"),
        ("[] a odrl:compensate ; odrl:payAmount [ m:value 12 ; odrl:unit <urn:yen> ] .", "Deny"),
        (
            f"[] a odrl:compensate ; odrl:payAmount 12 ; m:atTime [ m:inXSDDateTime {MAY} ] .",
            "Permit",
        ),
    ],
)
def test_ways_in_which_the_world_says_that_something_was_done(
    examples: Path, state: str, control: str
) -> None:
    write(examples / "visit" / "unpaid" / "state-unpaid.ttl", state)
    case = example(examples, "unpaid")
    assert case.report(Mode.W3C).rules[0].control == control


@pytest.mark.parametrize(
    ("state", "control"),
    [
        ({"currentTime": "2026-05-04T10:00:00Z", "ex:dayOfWeek": "Sunday"}, "Deny"),
        ({"currentTime": "2026-05-04T10:00:00Z", "context": {"dayOfWeek": "Sunday"}}, "Deny"),
        ({"@graph": [{"currentTime": "2026-05-04"}, {"my:dayOfWeek": "Sunday"}]}, "Deny"),
        ({"currentTime": "2026-05-03T10:00:00Z", "context": {"dayOfWeek": "Monday"}}, "Permit"),
        (
            {
                "currentTime": "2026-05-03",
                "done": {"@type": "compensate", "payAmount": {"value": "12", "unit": "USD"}},
            },
            "Deny",
        ),
        (
            {
                "currentTime": "2026-05-03",
                "done": {"@type": "compensate", "payAmount": {"value": "12", "unit": "euro"}},
            },
            "Permit",
        ),
        (
            {
                "currentTime": "2026-05-03",
                "context": {
                    "conditionId": "https://museum.example/condition/sunday",
                    "fulfilled": True,
                },
            },
            "Permit",
        ),
        (
            {
                "currentTime": "2026-05-03",
                "context": {
                    "conditionId": "https://museum.example/condition/sunday",
                    "fulfilled": False,
                },
            },
            "Deny",
        ),
    ],
)
def test_ways_in_which_the_world_states_its_circumstances(
    examples: Path, state: dict[str, object], control: str
) -> None:
    here = examples / "sunday" / "weekday"
    (here / "state-weekday.ttl").unlink()
    (here / "state-weekday.json").write_text(json.dumps(state), encoding="utf-8")
    assert example(examples, "weekday").report(Mode.W3C).rules[0].control == control


def test_an_archive_act_violates_the_ban() -> None:
    (rule,) = example(EXAMPLES, "ban").report(Mode.W3C).rules
    assert (rule.kind, rule.deontic) == (RuleKind.PROHIBITION, "Violated")
