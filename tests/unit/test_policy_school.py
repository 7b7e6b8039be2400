"""What a school's lawyer says: the contracts of `examples/contracts`, and the page of sentences."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from connector.jsonld.policy import policy_document
from policies_odrl import Policy, evaluate, explain, from_sentences, load, same_meaning
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.simulation.situation import facts_from, request_from
from tests.support.command import invoked
from tests.support.each import over

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path for path in (ROOT / "examples/contracts").iterdir() if path.is_dir())
PAGE = (ROOT / "docs/guides/policies/saying.md").read_text("utf-8")


def cases(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "demandes.json").read_text("utf-8"))["cases"]
    return found


CASES = [(folder, case) for folder in FOLDERS for case in cases(folder)]


@cache
def contract(folder: Path) -> Policy:
    return load(folder / "contrat.json")


def preau(*words: object) -> str:
    done = invoked(["policy", *map(str, words)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_there_are_eight_contracts_each_granted_once_and_refused_often() -> None:
    assert len(FOLDERS) == 8
    for folder in FOLDERS:
        granted = [case["granted"] for case in cases(folder)]
        assert granted.count(True) == 1
        assert granted.count(False) >= 3


@over("folder", FOLDERS)
def test_the_sentences_make_the_contract_and_the_check_finds_no_fault(folder: Path) -> None:
    text = (folder / "phrases.txt").read_text("utf-8")
    read = contract(folder)
    assert same_meaning(from_sentences(text, "fr"), read)
    assert "\n".join(explain(read, "fr")) + "\n" == text
    written = preau("write", folder / "phrases.txt", "--lang", "fr")
    assert json.loads(written) == json.loads((folder / "contrat.json").read_text("utf-8"))
    assert "0 erreur(s), 0 avertissement(s)" in preau(
        "check", folder / "contrat.json", "--lang", "fr"
    )


@over(("folder", "case"), CASES)
def test_a_request_is_decided_for_the_reason_expected(folder: Path, case: dict[str, Any]) -> None:
    decision = evaluate(contract(folder), request_from(case["request"]), facts_from(case["facts"]))
    assert decision.granted is case["granted"]
    blocking = (item for item in decision.rules if item.effect is Effect.BLOCKS)
    blocked = [f"blocked by {item.path}" for item in blocking]
    if not case["granted"]:
        assert any(case["reason"] in reason for reason in (*decision.reasons, *blocked))


@over(("folder", "case"), CASES)
def test_the_command_says_so_in_french(folder: Path, case: dict[str, Any], tmp_path: Path) -> None:
    for name in ("request", "facts"):
        (tmp_path / name).write_text(json.dumps(case[name]), "utf-8")
    files = ("--request", tmp_path / "request", "--facts", tmp_path / "facts")
    said = preau("simulate", folder / "contrat.json", *files, "--lang", "fr")
    assert said.startswith("Accordé" if case["granted"] else "Refusé.")
    assert case.get("said", "Accordé") in said.replace("\N{NO-BREAK SPACE}", " ")


# -- the page of sentences ----------------------------------------------------------------------

ROWS = re.findall(r"^\| (?!en français)([^-|][^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
LISTED = dict(re.findall(r"^\[(\d)\] (\S+)$", PAGE, re.MULTILINE))
FRAME = {
    "fr": (
        "A. Ceci est un ensemble de règles.\nB. Vocabulaire employé : « le profil Préau ».",
        "1. Il est permis de lire les données.",
        "C. Tout ce qui n'est pas permis ici est refusé.",
    ),
    "en": (
        "A. This is a set of rules.\nB. It uses the terms of “the Préau profile”.",
        "1. It is permitted to read the data.",
        "C. Whatever is not permitted here is refused.",
    ),
}


def read(sentence: str, lang: str) -> Policy:
    """The policy of one sentence of the page, with what has to stand about it."""
    kind, rule, end = FRAME[lang]
    alone = sentence.startswith(("Il est", "It is"))
    lines = [kind, f"1. {sentence}"] if alone else [kind, rule, f"1.1. {sentence}"]
    listed = dict.fromkeys(re.findall(r"\[(\d)\]", sentence))
    addresses = (f"[{number}] {LISTED[number]}" for number in listed)
    return from_sentences("\n".join((*lines, end, *addresses)), lang)


@over(("french", "english"), ROWS)
def test_each_sentence_of_the_page_is_read_and_means_the_same_in_both_languages(
    french: str, english: str
) -> None:
    found = read(french, "fr")
    assert found == read(english, "en")
    assert policy_document(found)


def test_the_page_is_read_whole() -> None:
    assert len(ROWS) == sum(line.startswith("| ") for line in PAGE.splitlines()) - 5
    assert len(ROWS) > 25
