"""No message of `preau policy new`, `write`, `check` and `simulate` lacks French."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from string import Formatter

import pytest

from policies_odrl.checking.findings import table
from tests.support.command import invoked
from tests.support.tables import rows

ROOT = Path(__file__).parents[2]
PHRASES = json.loads((ROOT / "policies_odrl/language/phrases.json").read_text("utf-8"))
SENTENCES = [
    pytest.param(english, french, id=f"{kind}: {name}")
    for kind, found in PHRASES.items()
    if kind != "about"
    for name, (english, french) in found.items()
]
SAME = {"{iri}", "{condition}", "{name}", " {party}", ", {party}"}
SOURCES = [
    file
    for folder in ("language", "authoring", "simulation")
    for file in sorted((ROOT / "policies_odrl" / folder).glob("*.py"))
]


def slots(text: str) -> set[str]:
    found = {slot for _, slot, _, _ in Formatter().parse(text) if slot}
    return {slot.removeprefix("de_") for slot in found}


@pytest.mark.parametrize(("english", "french"), SENTENCES)
def test_each_sentence_stands_in_both_languages_with_the_same_slots(
    english: str, french: str
) -> None:
    assert slots(english) == slots(french)
    if slots(english) or " " in english.strip():
        assert english != french or english in SAME or "{iri}" in english


def test_each_finding_has_its_french() -> None:
    for code, entry in table().items():
        french, english = entry.words["fr"], entry.words["en"]
        assert french.sentence != english.sentence, code
        assert french.fix != english.fix, code
        assert bool(french.otherwise) == bool(english.otherwise), code


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_error_is_raised_in_english_only(file: Path) -> None:
    errors = {"IllFormed", "UnknownTerm", "NotUnderstood", "LimitExceeded", "TemplateRefused"}
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            in_french = any(word.arg == "french" for word in node.keywords)
            assert node.func.id not in errors or in_french, f"{file}:{node.lineno}"


@rows("french", "a mistake is told in french")
def test_a_mistake_is_told_in_french(
    words: list[str], files: dict[str, str], wanted: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    found = [str(tmp_path / word) if word in files else word for word in words]
    done = invoked(["policy", *found, "--lang", "fr"])
    assert done.exit_code != 0
    assert wanted in " ".join(done.output.split())
