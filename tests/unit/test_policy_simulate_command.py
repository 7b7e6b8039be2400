"""`preau policy simulate`: requests and facts from files, in both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from connector.cli.policy.simulate import cases, facts_at, request_at
from connector.errors import ConfigurationInvalid, PolicyInvalid
from policies_odrl import Facts, Iri
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import DPV
from tests.support.command import invoked
from tests.support.tables import rows

EXAMPLES = Path(__file__).parents[2] / "examples" / "policies"
POLICY = EXAMPLES / "research.json"
REQUEST = EXAMPLES / "request.json"
FACTS = EXAMPLES / "facts.json"


def preau(*words: str | Path) -> Result:
    return invoked(["policy", *map(str, words)])


def simulate(*words: str | Path, request: Path = REQUEST) -> Result:
    return preau("simulate", POLICY, "--request", request, *words)


def test_a_request_that_is_granted() -> None:
    done = simulate("--facts", FACTS)
    assert done.exit_code == 0
    assert done.stdout == "Granted: sentence 1 permits it.\n"


def test_a_request_that_is_refused_says_what_is_missing() -> None:
    lines = simulate("--lang", "fr").stdout.splitlines()
    assert lines[0] == "Refusé."
    assert "Nous ne savons pas : le nombre d'usages." in lines
    assert lines[-1] == "- ceci est fait avant : citer la source (phrase 1.4)"


def test_json_has_the_answer_and_the_changes() -> None:
    late = simulate("--facts", FACTS, "--at", "2028-01-01T00:00:00Z", "--json")
    shown = json.loads(late.stdout)
    assert shown["granted"] is False
    assert shown["tentative"] is False
    assert shown["unknown"] == []
    [[change]] = shown["changes"]
    assert change["change"] == "time"
    assert change["sentence"] == "1.2"
    assert change["path"] == "/permission/0/constraint/1"
    assert change["text"].startswith("it is asked at another time")
    assert shown["text"][0] == "Refused."
    assert json.loads(simulate("--facts", FACTS, "--json").stdout)["granted"] is True


def test_times_and_roles_are_compared() -> None:
    words = ("--at", "2027-01-01T00:00:00Z", "--at", "2028-01-01T00:00:00Z")
    roles = ("--role", "did:web:university.example", "--role", "did:web:other.example")
    done = simulate("--facts", FACTS, *words, *roles, "--json")
    shown = json.loads(done.stdout)
    assert [item["granted"] for item in shown.values()] == [True, False, False, False]
    assert next(iter(shown)) == "2027-01-01T00:00:00Z, did:web:university.example"
    table = simulate("--facts", FACTS, *words).stdout
    assert "granted" in table
    assert "refused" in table


def test_an_odrl_request_is_read_as_well(tmp_path: Path) -> None:
    turtle = EXAMPLES / "request.ttl"
    assert request_at(turtle) == request_at(REQUEST)
    assert simulate("--facts", FACTS, request=turtle).stdout.startswith("Granted")
    written = tmp_path / "request.json"
    text = preau("explain", turtle).stdout
    (tmp_path / "request.txt").write_text(text, encoding="utf-8")
    preau("write", tmp_path / "request.txt", "--out", written)
    assert request_at(written) == request_at(REQUEST)
    with pytest.raises(PolicyInvalid, match=r"one value of `odrl:dateTime`|exactly one"):
        request_at(POLICY)


def test_the_mode_is_handed_on() -> None:
    facts = ("--at", "2027-01-01T00:00:00Z")
    strict = simulate(*facts).stdout
    assert "was not done" in strict
    assert "was not done" not in simulate(*facts, "--mode", "suite").stdout


def test_files_are_read_as_they_are_documented(tmp_path: Path) -> None:
    assert facts_at(None) == Facts()
    assert facts_at(FACTS).values == {ODRL + "count": (4,)}
    assert request_at(REQUEST).facts == {ODRL + "purpose": (Iri(DPV + "AcademicResearch"),)}
    marked = tmp_path / "marked.json"
    marked.write_bytes(b"\xef\xbb\xbf" + REQUEST.read_bytes())
    assert request_at(marked) == request_at(REQUEST)


@rows("simulate-command", "a bad request file is refused")
def test_a_bad_request_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "request.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyInvalid, match=reason):
        request_at(file)


@rows("simulate-command", "bad facts files are refused")
def test_bad_facts_files_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "facts.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyInvalid, match=reason):
        facts_at(file)


def test_bad_options_are_refused() -> None:
    for at in ("2028-01-01", "2028-01-01T00:00:00", "soon"):
        with pytest.raises(ConfigurationInvalid, match="not a time with its zone"):
            cases([at], [])
    with pytest.raises(ConfigurationInvalid, match="not an absolute IRI"):
        cases([], ["somebody"])
    assert list(cases([], [])) == ["request"]


def test_rules_that_are_taken_over_are_given_beside(tmp_path: Path) -> None:
    child = tmp_path / "child.ttl"
    child.write_text(
        """@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
        <urn:x:child> a odrl:Set ; odrl:inheritFrom <urn:x:parent> .""",
        encoding="utf-8",
    )
    parent = tmp_path / "parent.ttl"
    parent.write_text(
        """@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
        <urn:x:parent> a odrl:Set ; odrl:permission [ odrl:action odrl:read ] .""",
        encoding="utf-8",
    )
    words = ("simulate", child, "--request", REQUEST)
    alone = preau(*words)
    assert "The rules of urn:x:parent, which it takes over, were not given." in alone.stdout
    assert preau(*words, "--parent", parent).stdout == "Granted: sentence 1 permits it.\n"
    strange = preau(*words, "--parent", EXAMPLES / "research.json")
    assert "error POLICY_INVALID" in strange.stderr


def test_rules_of_odd_shapes_are_simulated(tmp_path: Path) -> None:
    policy = tmp_path / "policy.ttl"
    policy.write_text(
        """@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
        <urn:x:p> a odrl:Set ;
          odrl:permission [ odrl:action odrl:read ;
            odrl:duty [ odrl:action odrl:inform ; odrl:informedParty <urn:x:b> ;
              odrl:consequence [ odrl:action odrl:delete ;
                odrl:constraint [ odrl:or [ odrl:leftOperand odrl:event ;
                  odrl:operator odrl:gt ; odrl:rightOperand odrl:policyUsage ] ] ] ] ] ;
          odrl:obligation [ odrl:action odrl:delete ] .""",
        encoding="utf-8",
    )
    done = preau("simulate", policy, "--request", REQUEST)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Refused.\nSentence 1.1 was not done: inform urn:x:b.")
