"""`preau policy profile`: what is added is known to every verb, until it is removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from connector.cli.exits import Exit
from tests.support.command import invoked
from tests.support.each import over

CATENA_X = Path(__file__).parents[2] / "examples/catena-x/profile.ttl"
CX = "https://w3id.org/catenax/policy/"


def preau(*words: str | Path) -> Result:
    return invoked(["policy", *map(str, words)])


ASK = {"action": CX + "access", "values": {CX + "Membership": "active"}}


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PREAU_PROFILES", str(tmp_path / "profiles"))
    constraint = {"leftOperand": "Membership", "operator": "eq", "rightOperand": "active"}
    document = {
        "@context": [
            "https://w3id.org/catenax/2025/9/policy/odrl.jsonld",
            "https://w3id.org/catenax/2025/9/policy/context.jsonld",
        ],
        "@type": "Set",
        "@id": "urn:example:policy",
        "permission": [{"action": "access", "constraint": [constraint]}],
    }
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def test_a_profile_is_added_listed_and_removed(policy: Path, tmp_path: Path) -> None:
    ask = tmp_path / "ask.json"
    ask.write_text(json.dumps(ASK), encoding="utf-8")
    assert preau("profile", "list").stdout == "no profile was added\n"
    codes = {item["code"] for item in json.loads(preau("check", policy, "--json").stdout)}
    assert {"unknown-operand", "unknown-action"} <= codes
    assert not json.loads(preau("simulate", policy, "--request", ask, "--json").stdout)["granted"]

    added = preau("profile", "add", CATENA_X, "--json")
    assert CX + "Membership" in json.loads(added.stdout)["operands"]
    again = preau("profile", "add", CATENA_X)
    assert again.exit_code != Exit.OK
    assert "first `preau policy profile remove profile.ttl`" in again.stderr
    assert "profile.ttl" in preau("profile", "list").stdout
    assert json.loads(preau("profile", "list", "--json").stdout)["profile.ttl"]["actions"]
    codes = {item["code"] for item in json.loads(preau("check", policy, "--json").stdout)}
    assert not {"unknown-operand", "unknown-action"} & codes
    assert json.loads(preau("simulate", policy, "--request", ask, "--json").stdout)["granted"]
    assert preau("explain", policy).exit_code == Exit.OK

    assert preau("profile", "remove", "profile.ttl").exit_code == Exit.OK
    assert preau("profile", "remove", "profile.ttl").exit_code != Exit.OK
    assert not json.loads(preau("simulate", policy, "--request", ask, "--json").stdout)["granted"]


def test_every_verb_reads_with_a_profile(policy: Path) -> None:
    offer, folder = CATENA_X.with_name("offer.json"), policy.with_name("own")
    folder.mkdir()
    narrow, text, again = (folder / name for name in ("narrow.json", "text.txt", "again.json"))
    narrow.write_text(offer.read_text().replace("QualityAnalysis", "ComplaintAnalysis"))

    def relation() -> str:
        return str(json.loads(preau("compare", narrow, offer, "--json").stdout)["relation"])

    assert relation() == "unknown"
    assert preau("profile", "add", CATENA_X.with_name("purposes.ttl")).exit_code == Exit.OK
    assert relation() == "within"
    found = json.loads(preau("counter", "--offer", narrow, "--request", offer, "--json").stdout)
    purpose = found["policy"]["permission"][0]["constraint"][0]["rightOperand"]
    assert "ComplaintAnalysis" in str(purpose)
    assert preau("lint", folder).exit_code == Exit.OK
    assert preau("check", offer, "--fix", again).exit_code == Exit.OK
    text.write_text(preau("explain", offer).stdout, encoding="utf-8")
    written = preau("write", text)
    assert written.exit_code == Exit.OK, written.stderr
    assert "QualityAnalysis" in written.stdout


@over(
    ("name", "text"),
    [
        ("p.ttl", "<urn:a> <urn:b> <urn:c> ."),
        ("p.ttl", "nothing"),
        ("p.txt", "<urn:a> a <http://www.w3.org/ns/odrl/2/LeftOperand> ."),
    ],
)
def test_what_is_no_profile_is_not_added(policy: Path, name: str, text: str) -> None:
    file = policy.parent / name
    file.write_text(text, encoding="utf-8")
    done = preau("profile", "add", file)
    assert done.exit_code != Exit.OK
    assert preau("profile", "list").stdout == "no profile was added\n"
