"""Which policies are valid: samples of ours of each kind of fault, and those of others."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli.exits import Exit
from tests.conformance.harness import command
from tests.conformance.validator import Judged, errors_in, samples, validator
from tests.support.tables import rows

PREFIXES = """
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix ex: <https://example.org/terms#> .
"""
REFERENCE = Path(os.environ.get("PREAU_REFERENCE", "/nowhere")) / "odrl"
GOOD = "ex:p a odrl:Set ; odrl:permission [ odrl:target ex:maps ; odrl:action odrl:print ] ."


def preau(*words: object) -> Result:
    return CliRunner().invoke(command(validator), [*map(str, words)])


def sample(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.ttl"
    file.write_text(PREFIXES + text, "utf-8")
    return file


@rows("validity", "samples")
def test_samples_of_ours(
    name: str, valid: bool, codes: list[str], text: str, tmp_path: Path
) -> None:
    found = {item.partition(" ")[0] for item in errors_in(sample(tmp_path, "it", text))}
    assert (not found) is valid, (name, found)
    assert set(codes) <= found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sample(tmp_path, "good", GOOD)
    sample(tmp_path, "empty", "ex:p a odrl:Set .")
    config = [
        {"id": name, "file": f"{name}.ttl", "expected": {"valid": True}}
        for name in ("good", "empty")
    ]
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    return tmp_path


def test_verdicts_are_compared_and_written(folder: Path) -> None:
    done = preau(folder, "--out", folder / "verdicts.csv")
    assert done.exit_code == Exit.OK
    assert done.stdout.splitlines() == [
        "1 of 2 verdicts",
        "empty (expected valid): no-rule /",
    ]
    written = (folder / "verdicts.csv").read_text("utf-8").splitlines()
    assert written == ["sample,verdict,errors", "good,valid,", "empty,invalid,no-rule /"]
    shown = json.loads(preau(folder, "--out", folder / "again.csv", "--json").stdout)
    assert [item["valid"] for item in shown] == [True, False]


def test_without_a_table_the_first_words_say_what_is_expected(tmp_path: Path) -> None:
    sample(tmp_path / "in", "a", "# valid: one rule\n" + GOOD)
    sample(tmp_path / "in", "b", "#invalid, for no reason\n" + GOOD)
    sample(tmp_path / "in", "c", GOOD)
    done = preau(tmp_path / "in", "--out", tmp_path / "verdicts.csv")
    assert done.stdout.splitlines() == ["1 of 2 verdicts", "b (expected invalid): valid"]
    assert len((tmp_path / "verdicts.csv").read_text("utf-8").splitlines()) == 4


@pytest.mark.parametrize("config", ["{", "5", '[{"id": "a"}]', '["a"]'])
def test_a_table_of_another_form_is_refused(config: str, folder: Path) -> None:
    (folder / "config.json").write_text(config, "utf-8")
    done = preau(folder, "--out", folder / "verdicts.csv")
    assert done.exit_code != Exit.OK
    assert not (folder / "verdicts.csv").exists()


@pytest.mark.reference
def test_policies_of_others() -> None:
    """Of the suite, the first seven lack a target and two an action too (IM 2.6, 2.6.1, 2.6.2)."""
    for number in range(1, 22):
        wrong = errors_in(REFERENCE / f"suite/policies/policy-{number}.ttl")
        assert bool(wrong) is (number <= 7), (number, wrong)
    whole = REFERENCE / "validator"  # with the samples of odrl-validator, where they are
    judged = [
        Judged(item, errors_in(item.file)) for item in samples(whole) if item.wanted is not None
    ]
    assert sum(item.right for item in judged) >= len(judged) * 95 // 104
