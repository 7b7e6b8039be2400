"""`preau policy`: what commands print, write and end with (`tests/support/transcripts.py`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from connector.cli.exits import Exit
from connector.cli.policy import lint as folder_of
from connector.cli.policy.explain import from_file
from connector.cli.policy.simulate import cases, facts_at, request_at
from connector.cli.speaking import speaking
from connector.errors import ConfigurationInvalid, PolicyInvalid
from policies_odrl import Facts, Iri
from policies_odrl.documents.sources import MAX_BYTES
from policies_odrl.language.forms import grammar
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import DPV
from tests.support.command import invoked
from tests.support.each import over
from tests.support.tables import rows
from tests.support.transcripts import ROOT, outcome, transcripts

EXAMPLES = ROOT / "examples" / "policies"
POLICY, REQUEST, FACTS = (EXAMPLES / f"{name}.json" for name in ("research", "request", "facts"))
VECTORS = ROOT / "tests" / "conformance" / "policies" / "lint"


def preau(*words: object) -> Result:
    return invoked(["policy", *map(str, words)])


@over("row", transcripts())
def test_a_command_says_and_does_what_the_row_says(
    row: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    given = {"name", "files", "words", "more"}
    found = outcome(row, tmp_path_factory.mktemp("command"))
    assert found == {key: row[key] for key in row if key not in given}


# -- check and lint ---------------------------------------------------------------------------


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    assert preau("check", tmp_path / "none.ttl").exit_code == Exit.USAGE
    assert preau("check", tmp_path).exit_code == Exit.USAGE


def test_what_is_no_policy_is_passed_over(tmp_path: Path) -> None:
    good = (VECTORS / "shadowed.good.jsonld").read_bytes()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "policy.json").write_bytes(good)
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "link.jsonld").symlink_to(tmp_path / "deep" / "policy.json")
    (tmp_path / "folder.ttl").mkdir()
    value = json.loads(preau("lint", tmp_path, "--json").stdout)
    assert list(value["files"]) == ["deep/policy.json"]


def test_unreadable_and_large_files_are_findings(tmp_path: Path) -> None:
    (tmp_path / "broken.ttl").write_text("<urn:a>")
    (tmp_path / "large.ttl").write_bytes(b"#" * (MAX_BYTES + 1))
    value = json.loads(preau("lint", tmp_path, "--json").stdout)
    codes = {name: [item["code"] for item in items] for name, items in value["files"].items()}
    assert codes == {"broken.ttl": ["not-a-document"], "large.ttl": ["over-the-limit"]}
    assert value["policies"] == 0


def test_a_folder_has_policies_and_not_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.json").write_text("{}", "utf-8")
    with pytest.raises(ConfigurationInvalid, match="holds no policy"):
        folder_of.linted(tmp_path)
    monkeypatch.setattr(folder_of, "MAX_FILES", 2)
    for name in "abc":
        (tmp_path / f"{name}.ttl").write_text("")
    with pytest.raises(ConfigurationInvalid, match="more than 2 files"):
        folder_of.linted(tmp_path)


def test_two_policies_of_one_file_are_both_held_against_each_other(tmp_path: Path) -> None:
    """Neither has a name, and that of the file holds the mark that divides the two."""
    rule = "[ odrl:action odrl:read ; odrl:target <urn:t> ] ."
    rules = (f"[] a odrl:Offer ; odrl:{kind} {rule}\n" for kind in ("permission", "prohibition"))
    (tmp_path / "a#b.ttl").write_text(f"@prefix odrl: <{ODRL}> .\n{''.join(rules)}", "utf-8")
    found = folder_of.linted(tmp_path)
    assert found.policies == 2
    assert "offers-contradict" in {item.code for item in found.findings["a#b.ttl"]}


# -- explain, write, new ----------------------------------------------------------------------


def test_the_grammar_is_printed_without_a_file() -> None:
    assert preau("write", "--grammar", "--lang", "fr").stdout == grammar("fr")
    shown = json.loads(preau("write", "--grammar", "--json").stdout)
    assert shown == {"lang": "en", "grammar": grammar("en").rstrip()}
    missing = preau("write")
    assert missing.exit_code == Exit.REFUSED
    assert "error CONFIGURATION_INVALID" in missing.stderr
    assert "--grammar" in missing.stderr


def test_a_mistake_is_named_with_the_nearest_form(tmp_path: Path) -> None:
    text = tmp_path / "policy.txt"
    lines = preau("explain", POLICY).stdout
    text.write_text(lines.replace("at most 5 times", "at most five times"), encoding="utf-8")
    with pytest.raises(PolicyInvalid, match=r"sentence 1\.3 is not understood") as caught:
        from_file(text)
    assert "nearest form: `Condition: at most … times.`" in caught.value.reason
    assert caught.value.hint == "see `preau policy write --grammar --lang en`"
    text.write_text(lines, encoding="utf-8")
    from_file(text)
    with speaking(["--lang", "fr"]), pytest.raises(PolicyInvalid, match="This is an agreement"):
        from_file(text)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "policy.txt"
    text.write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyInvalid, match="not UTF-8"):
        from_file(text)


# -- simulate ---------------------------------------------------------------------------------


def test_an_odrl_request_is_read_as_well(tmp_path: Path) -> None:
    turtle = EXAMPLES / "request.ttl"
    assert request_at(turtle) == request_at(REQUEST)
    assert preau("simulate", POLICY, "--request", turtle, "--facts", FACTS).stdout.startswith(
        "Granted"
    )
    written = tmp_path / "request.json"
    text = preau("explain", turtle).stdout
    (tmp_path / "request.txt").write_text(text, encoding="utf-8")
    preau("write", tmp_path / "request.txt", "--out", written)
    assert request_at(written) == request_at(REQUEST)
    with pytest.raises(PolicyInvalid, match=r"one value of `odrl:dateTime`|exactly one"):
        request_at(POLICY)


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


@over(
    ("content", "why"),
    [
        (b"\x80", "is not UTF-8 text"),
        (b'{"action": }', "is not JSON: expecting value in line 1"),
        (b'{"a": 1, "a": 2}', "is not JSON: a key is stated twice"),
    ],
)
def test_facts_that_are_no_json_say_where(content: bytes, why: str, tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_bytes(content)
    with pytest.raises(PolicyInvalid) as caught:
        facts_at(facts)
    assert caught.value.reason == f"`{facts}` {why}"
    facts.write_text("{}", "utf-8")
    assert facts_at(facts) == Facts()
