"""The French pages of the manual have the commands, files, names and tables of the English ones."""

from __future__ import annotations

import os.path
import re
from pathlib import Path

from tests.support.each import over

DOCS = Path(__file__).parents[2] / "docs"
FRENCH = sorted((DOCS / "fr").rglob("*.md"))
BLOCK = re.compile(r"^ *```(\w*)([^\n]*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ (?:.*\\\n)*.*", re.MULTILINE)
# What is each page's own: comments, the language of a command, and files of sentences.
OWN = re.compile(r"^# .*\n|\s+# (?!ends with).*$| --lang (?:en|fr)\b|\.fr(?=\.txt)", re.MULTILINE)
SAID_TO_FRENCH_READERS = {"--lang fr", "LANG"}


def shape(text: str) -> dict[str, list[str]]:
    """Return what both languages of a page have alike, by what it is."""
    prose = BLOCK.sub("", text)
    names = {" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)}
    return {
        "blocks": [OWN.sub("", kept) for found in BLOCK.findall(text) for kept in _alike(*found)],
        "names": sorted(names - SAID_TO_FRENCH_READERS),
        "headings": re.findall(r"^#+(?= )", prose, flags=re.MULTILINE),
        "rows and items": re.findall(r"^ *(?:\||- |\d\. )", prose, flags=re.MULTILINE),
    }


def _alike(kind: str, title: str, body: str) -> list[str]:
    """Return a block without what is in the language of its reader: prints and sentences."""
    shown = COMMAND.findall(body) if kind == "console" and "$ " in body else [body]
    return [kind + title, *(shown if kind != "text" else ())]


def english(page: Path) -> Path:
    name = page.relative_to(DOCS / "fr")
    return next(each for each in (DOCS / name, DOCS / "guides" / name) if each.is_file())


@over("page", FRENCH)
def test_a_french_page_says_what_its_twin_says(page: Path) -> None:
    twin = english(page)
    text, original = (each.read_text(encoding="utf-8") for each in (page, twin))
    assert f"*[In English]({os.path.relpath(twin, page.parent)})*\n" in text
    assert f"*[En français]({os.path.relpath(page, twin.parent)})*\n" in original
    assert shape(text) == shape(original)
    linked = {(page.parent / link).resolve() for link in re.findall(r"\]\(([\w./-]+\.md)", text)}
    assert linked & set(map(english, FRENCH)) == {twin}, "a French page is there to link to"


def test_what_only_one_page_has_is_found() -> None:
    page = "# A\n\n`x`\n\n```toml\na = 1  # one\n```\n\n```console\n$ preau \\\n  --a\nyes\n```\n"
    alike = {"# A": "# B", "# one": "# un", "yes": "oui"}
    for here, there in {
        **alike,
        "a = 1": "a = 2",
        "`x`": "`y`",
        "# A\n": "## A\n",
        "--a": "--b",
    }.items():
        assert (shape(page) == shape(page.replace(here, there))) == (here in alike), there
