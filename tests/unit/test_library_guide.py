"""The guide for users of the library: its lines run in order and print what it shows."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from policies_odrl import Request, evaluate, load
from tests.support.each import over

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guides/library.md").read_text(encoding="utf-8")
BEHIND_COMMANDS = (
    *("compare", "counter_offer", "explain", "fill", "from_sentences", "inspect", "lint"),
    *("simulate", "validate", "evaluate", "compile_policy", "conflict_between"),
)


def test_the_lines_print_what_the_page_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    pairs = re.findall(r"```python\n(.*?)```\s+(?:[^`]*?)```text\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(pairs) == 7
    names: dict[str, object] = {}
    for code, shown in pairs:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "library.md", "exec"), names)  # noqa: S102 - our own page
        assert out.getvalue() == shown


@over("name", BEHIND_COMMANDS)
def test_what_commands_use_is_shown(name: str) -> None:
    assert re.search(rf"\b{name}\(", "".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)))


def test_five_lines_are_five() -> None:
    first = re.search(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert first is not None
    assert len([line for line in first[1].splitlines() if line.strip()]) == 5


@pytest.mark.parametrize("ban", [False, True])
def test_a_purpose_that_is_not_stated_refuses(*, ban: bool) -> None:
    """The two rows of the comparison that name our answer."""
    purpose = {"leftOperand": "purpose", "operator": "eq", "rightOperand": {"@id": "urn:x:ads"}}
    rule = {"action": "read", "target": "urn:x:atlas"}
    rules = {"permission": [rule], "prohibition": [{**rule, "constraint": [purpose]}]}
    if not ban:
        rules = {"permission": [{**rule, "constraint": [purpose]}]}
    document = {
        "@context": "http://www.w3.org/ns/odrl.jsonld",
        "@type": "Set",
        "conflict": "prohibit",
    }
    asked = Request("http://www.w3.org/ns/odrl/2/read", "urn:x:ada", "urn:x:atlas")
    decision = evaluate(load({**document, "uid": "urn:x:p", **rules}), asked)
    assert not decision.granted
    assert "no value was given" in " ".join(decision.reasons)
