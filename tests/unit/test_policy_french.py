"""No message of `preau policy new`, `write`, `check` and `simulate` lacks French."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from policies_odrl import IllFormed
from policies_odrl import errors as errors_module
from policies_odrl.checking.findings import table
from policies_odrl.reading.nodes import Count

ROOT = Path(__file__).parents[2]
PHRASES = json.loads((ROOT / "policies_odrl/language/phrases.json").read_text("utf-8"))
SENTENCES = [
    sentences for kind in PHRASES.keys() - {"about"} for sentences in PHRASES[kind].values()
]
SAME = {"{condition}", "{name}", " {name}", " {party}", ", {party}"}
SAME |= {"{text}", "{text} ({datatype})"}
SOURCES = sorted((ROOT / "policies_odrl").rglob("*.py"))
FRENCH = errors_module.sentences()


def slots(text: str) -> set[str]:
    found = {slot for _, slot, _, _ in Formatter().parse(text) if slot}
    return {slot.removeprefix("de_") for slot in found}


def test_each_sentence_stands_in_both_languages_with_the_same_slots() -> None:
    for english, french in SENTENCES:
        assert slots(english) == slots(french), english
        if slots(english) or " " in english.strip():
            assert english != french or english in SAME or "{iri}" in english


def test_each_finding_has_its_french() -> None:
    for code, entry in table().items():
        french, english = entry["fr"], entry["en"]
        assert french["sentence"] != english["sentence"], code
        assert french["fix"] != english["fix"], code
        assert set(french) == set(english), code


def raised(errors: set[str]) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call of an error of the library, or of what raises one, and where.

    Those that name their own French are left out.
    """
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or "french" in {word.arg for word in node.keywords}:
                continue
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            forwarded = getattr(node.args[0], "id", "") in {"template", "error"} if node.args else 0
            if called in {"refuse", *errors} and not forwarded:
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node


def said(node: ast.Call) -> list[str]:
    """Return the sentences that an error may say, from its first argument."""
    match node.args[0]:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=ast.Constant(value=yes), orelse=ast.Constant(value=no)):
            return [str(yes), str(no)]
        case ast.Name(id="many"):  # what a reader counts
            return [f"more than {{limit}} {item.name.lower()}" for item in Count]
    return []


def test_no_error_is_raised_in_english_only() -> None:
    errors = {name for name, item in vars(errors_module).items() if isinstance(item, type)}
    used = set()
    for place, node in raised(errors):
        given = {word.arg for word in node.keywords} - {"node", "at"}
        for text in said(node) or [place]:
            assert text in FRENCH, f"{place}: `{text}` has no French"
            assert slots(text) == given, place
            used.add(text)
    assert used == set(FRENCH)


def test_each_error_stands_in_both_languages_with_the_same_slots() -> None:
    for english, french in FRENCH.items():
        assert english != french
        assert slots(english) - {"why"} == slots(french), english  # those of Python's own reader


def test_an_error_fills_the_sentence_of_either_language() -> None:
    found = IllFormed("`{name}` must be text", name="a{0}b", node="urn:n")
    assert found.in_("en") == "`a{0}b` must be text (node `urn:n`)"
    assert found.in_("fr") == "`a{0}b` doit être un texte (nœud `urn:n`)"
    assert IllFormed("a {stranger}").in_("fr") == "a {stranger}"
