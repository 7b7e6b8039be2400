"""`preau policy compare` and `preau policy counter`: files in; proofs, witnesses, changes out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from connector.cli.policy.files import policy_at
from connector.jsonld.policy import policy_bytes
from policies_odrl import AssetRef, Policy, contains
from policies_odrl.model import ODRL
from tests.support.command import invoked
from tests.support.policies import amount, one_rule, purpose, until

PERCENT = ODRL + "percentage"
WIDE = one_rule("use", amount(PERCENT, "50"), purpose("AcademicResearch"))
NARROW = one_rule("read", amount(PERCENT, "5"), purpose("AcademicResearch"))
LARGE = one_rule("read", amount(PERCENT, "90"), purpose("AcademicResearch"))
OTHER = one_rule("read", amount(PERCENT, "5"), purpose("Marketing"))


def preau(*words: str | Path) -> Result:
    return invoked(["policy", *map(str, words)])


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    def written(name: str, policy: Policy) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_bytes(policy_bytes(policy))
        return path

    return {
        "wide": written("wide", WIDE),
        "narrow": written("narrow", NARROW),
        "large": written("large", LARGE),
        "other": written("other", OTHER),
        "late": written("late", one_rule("read", until("2027-01-01"))),
        "group": written("group", replace(NARROW, target=AssetRef("urn:a", collection=True))),
        "member": written("member", replace(NARROW, target=AssetRef("urn:x"))),
    }


@pytest.mark.parametrize(
    ("left", "right", "en", "fr"),
    [
        ("wide", "wide", "equivalent:", "équivalentes :"),
        ("narrow", "wide", "A within B:", "A dans B :"),
        ("wide", "narrow", "B within A:", "B dans A :"),
        ("wide", "large", "overlapping:", "en partie communes :"),
        ("narrow", "other", "disjoint:", "disjointes :"),
        ("group", "member", "unknown", "indéterminé"),
    ],
)
def test_each_relation_in_both_languages(
    files: dict[str, Path], left: str, right: str, en: str, fr: str
) -> None:
    for lang, said in (("en", en), ("fr", fr)):
        done = preau("compare", files[left], files[right], "--lang", lang)
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith(said)


def test_proof_and_witness_are_printed(files: dict[str, Path]) -> None:
    done = preau("compare", files["narrow"], files["wide"])
    assert "A within B, because:" in done.stdout
    assert "The offer, permission 1: use. Asked for: read. That lies within." in done.stdout
    assert "a request that B grants and A does not: action use" in done.stdout
    overlap = preau("compare", files["wide"], files["large"], "--lang", "fr")
    assert "une demande que les deux accordent : " in overlap.stdout.replace("nt:", "nt :")
    unknown = preau("compare", files["group"], files["member"])
    assert "missing fact: whether `urn:x` belongs to target urn:a" in unknown.stdout


def test_the_comparison_as_json(files: dict[str, Path]) -> None:
    shown = json.loads(preau("compare", files["narrow"], files["wide"], "--json").stdout)
    assert shown["relation"] == "within"
    assert shown["a_within_b"]["answer"] == "yes"
    assert len(shown["a_within_b"]["proof"]) == 3
    assert shown["b_within_a"]["witness"]["action"] == ODRL + "use"
    assert shown["shared"] is None
    overlapping = json.loads(preau("compare", files["wide"], files["large"], "--json").stdout)
    assert overlapping["shared"]["facts"][PERCENT]


def test_a_file_that_is_no_policy_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    done = preau("compare", files["wide"], broken)
    assert done.exit_code != 0
    assert "broken.json" in done.stderr


# -- counter --------------------------------------------------------------------------------


def test_a_counter_offer_is_listed_and_written(files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "counter.json"
    words = ("counter", "--offer", files["wide"], "--request", files["large"])
    done = preau(*words, "--out", out)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "counter-offer, with these changes:"
    assert "  1. Instead of “" in done.stdout
    answer = policy_at(out)
    assert contains(WIDE, answer)
    assert contains(LARGE, answer)
    french = preau(*words, "--lang", "fr").stdout
    assert french.splitlines()[0] == "contre-proposition, avec ces changements :"
    assert "à cause de l'offre, permission 1" in french


def test_what_lies_within_is_agreed(files: dict[str, Path]) -> None:
    done = preau("counter", "--offer", files["wide"], "--request", files["narrow"])
    assert done.stdout.startswith("agreed as it stands")
    private = ("--reserve", files["wide"])
    done = preau("counter", "--offer", files["other"], "--request", files["narrow"], *private)
    assert done.stdout.startswith("agreed within the reserve")


def test_what_cannot_be_granted_is_explained(files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "none.json"
    words = ("counter", "--offer", files["wide"], "--request", files["other"], "--out", out)
    done = preau(*words)
    assert done.stdout.splitlines()[0] == "nothing can be granted"
    assert "These cannot hold together" in done.stdout
    assert not out.exists()


def test_the_counter_offer_as_json(files: dict[str, Path]) -> None:
    words = ("counter", "--offer", files["wide"], "--request", files["large"], "--json")
    shown = json.loads(preau(*words).stdout)
    assert (shown["agreed"], shown["reserve"]) == (False, False)
    assert [item["operand"] for item in shown["changes"]] == [PERCENT]
    assert shown["changes"][0]["rule"] == "/permission/0"
    assert shown["policy"]["@type"] == "Offer"
    refused = ("counter", "--offer", files["wide"], "--request", files["other"], "--json")
    shown = json.loads(preau(*refused).stdout)
    assert shown["policy"] is None
    assert shown["blocked"][0]["line"].startswith("/permission/0: cannot hold together")


def test_policies_too_large_are_an_error_of_the_file(tmp_path: Path) -> None:
    many = replace(
        WIDE,
        permissions=tuple(
            replace(rule, constraints=(amount(PERCENT, str(index)),))
            for index, rule in enumerate(WIDE.permissions * 70)
        ),
    )
    path = tmp_path / "many.json"
    path.write_bytes(policy_bytes(many))
    done = preau("counter", "--offer", path, "--request", path)
    assert done.exit_code != 0
    assert "too many rules" in done.stderr
