"""`preau policy check` and `preau policy lint`: findings, exit codes, mended files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from connector.cli.exits import Exit
from connector.cli.policy import lint as folder_of
from connector.errors import ConfigurationInvalid
from policies_odrl.documents.sources import MAX_BYTES
from tests.support.command import invoked

VECTORS = Path(__file__).parents[1] / "conformance" / "policies" / "lint"


def preau(*words: str | Path) -> Result:
    return invoked(["policy", *map(str, words)])


def test_a_clean_policy_ends_with_zero() -> None:
    done = preau("check", VECTORS / "shadowed.good.jsonld")
    assert done.exit_code == Exit.OK
    assert done.stdout == "0 error(s), 0 warning(s), 0 note(s)\n"


def test_warnings_alone_end_with_zero() -> None:
    done = preau("check", VECTORS / "eq-on-class.bad.jsonld")
    assert done.exit_code == Exit.OK
    assert done.stdout.startswith("warning eq-on-class /permission/0/constraint/0: ")
    assert done.stdout.endswith("\n0 error(s), 1 warning(s), 0 note(s)\n")


def test_errors_end_with_the_code_for_invalid() -> None:
    done = preau("check", VECTORS / "wrong-namespace.bad.ttl", "--lang", "fr")
    assert done.exit_code == Exit.INVALID
    first, fix, last = done.stdout.splitlines()
    assert first.startswith("erreur wrong-namespace /: des noms commencent par")
    assert fix == "    écrivez `http://www.w3.org/ns/odrl/2/`"
    assert last == "1 erreur(s), 0 avertissement(s), 0 remarque(s)"


def test_findings_as_json() -> None:
    done = preau("check", VECTORS / "redundant.bad.jsonld", "--json")
    (found,) = json.loads(done.stdout)
    assert done.exit_code == Exit.OK
    assert found["code"] == "redundant"
    assert found["mechanical"] is True
    assert set(found) == {"severity", "code", "path", "sentence", "fix", "mechanical"}


def test_several_policies_in_one_file(tmp_path: Path) -> None:
    file = tmp_path / "two.ttl"
    file.write_text(
        "@prefix odrl: <http://www.w3.org/ns/odrl/2/> .\n"
        "<urn:a> a odrl:Set ; odrl:target <urn:t> ; odrl:permission [ odrl:action odrl:read ] .\n"
        "<urn:b> a odrl:Set ; odrl:target <urn:t> ; odrl:permission [ odrl:action odrl:write ] .\n"
    )
    done = preau("check", file)
    assert "deprecated-term /permission/0/action (urn:b): " in done.stdout
    (found,) = json.loads(preau("check", file, "--json").stdout)
    assert found["policy"] == "urn:b"
    refused = preau("check", file, "--fix", tmp_path / "out.jsonld")
    assert refused.exit_code == Exit.REFUSED
    assert not (tmp_path / "out.jsonld").exists()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[]", "no-policy"),
        ("{", "not-a-document"),
        ('{"@context": 5}', "inline-context"),
        ("<urn:a>", "not-a-document"),
        ("\ufeff{}", "missing-context"),
    ],
)
def test_what_is_no_document_is_a_finding(tmp_path: Path, text: str, code: str) -> None:
    file = tmp_path / "file.jsonld"
    file.write_text(text, encoding="utf-8")
    done = preau("check", file, "--json")
    assert done.exit_code == Exit.INVALID
    assert code in {item["code"] for item in json.loads(done.stdout)}


def test_faults_of_terms_and_of_structure_are_shown_together(tmp_path: Path) -> None:
    document = json.loads((VECTORS / "term-dropped.bad.jsonld").read_text())
    document["permission"].append({"constraint": []})
    file = tmp_path / "policy.jsonld"
    file.write_text(json.dumps(document))
    found = json.loads(preau("check", file, "--json").stdout)
    assert [item["code"] for item in found] == ["term-dropped", "missing-action"]


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    assert preau("check", tmp_path / "none.ttl").exit_code == Exit.USAGE
    assert preau("check", tmp_path).exit_code == Exit.USAGE


def test_the_mended_policy_is_written_beside(tmp_path: Path) -> None:
    bad, out = VECTORS / "redundant.bad.jsonld", tmp_path / "mended.jsonld"
    before = bad.read_bytes()
    assert preau("check", bad, "--fix", out).exit_code == Exit.OK
    assert len(out.read_text().split("leftOperand")) < len(before.split(b"leftOperand"))
    assert bad.read_bytes() == before
    assert preau("check", bad, "--fix", out).exit_code == Exit.REFUSED


def test_what_only_a_person_can_mend_stays(tmp_path: Path) -> None:
    document = json.loads((VECTORS / "term-relative.bad.jsonld").read_text())
    document["permission"].append({"constraint": []})
    file, out = tmp_path / "policy.jsonld", tmp_path / "mended.jsonld"
    file.write_text(json.dumps(document))
    assert preau("check", file, "--fix", out).exit_code == Exit.INVALID
    found = json.loads(preau("check", out, "--json").stdout)
    assert [item["code"] for item in found] == ["missing-action"]


# -- folders --------------------------------------------------------------------------------


def test_a_folder_is_checked_as_a_whole() -> None:
    done = preau("lint", VECTORS / "offers-contradict.bad")
    assert done.exit_code == Exit.OK
    lines = done.stdout.splitlines()
    assert lines[0].startswith("a.jsonld: warning offers-contradict /permission/0: b.jsonld/")
    assert lines[-1] == "2 file(s), 2 policies: 0 error(s), 1 warning(s), 0 note(s)"


def test_errors_of_a_folder_end_with_the_code_for_invalid() -> None:
    done = preau("lint", VECTORS / "duplicate-identifier.bad", "--lang", "fr")
    assert done.exit_code == Exit.INVALID
    last = done.stdout.splitlines()[-1]
    assert last == "2 fichier(s), 2 politique(s) : 1 erreur(s), 0 avertissement(s), 0 remarque(s)"


def test_a_folder_as_json() -> None:
    done = preau("lint", VECTORS / "duplicate-identifier.bad", "--json")
    value = json.loads(done.stdout)
    assert value["error"] == 1
    assert value["policies"] == 2
    assert value["files"]["a.jsonld"] == []
    assert [item["code"] for item in value["files"]["b.jsonld"]] == ["duplicate-identifier"]


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


def test_policies_of_one_file_are_compared_too(tmp_path: Path) -> None:
    offers = "".join(
        f"<urn:{name}> a odrl:Offer ; odrl:target <urn:t> ; odrl:conflict odrl:prohibit ;\n"
        f"  odrl:permission [ odrl:action odrl:{may} ] ;\n"
        f"  odrl:prohibition [ odrl:action odrl:{ban} ] .\n"
        for name, may, ban in (("a", "read", "sell"), ("b", "print", "read"))
    )
    file = tmp_path / "offers.ttl"
    file.write_text(f"@prefix odrl: <http://www.w3.org/ns/odrl/2/> .\n{offers}")
    value = json.loads(preau("lint", tmp_path, "--json").stdout)
    codes = [item["code"] for item in value["files"]["offers.ttl"]]
    assert "offers-contradict" in codes


def test_the_number_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_of, "MAX_FILES", 2)
    for name in "abc":
        (tmp_path / f"{name}.ttl").write_text("")
    with pytest.raises(ConfigurationInvalid, match="more than 2 files"):
        folder_of.linted(tmp_path, "en")
