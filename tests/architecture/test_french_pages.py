"""The French pages of the manual have the commands, files, names and tables of the English ones."""

from __future__ import annotations

import os.path
import re
from pathlib import Path

from tests.support.each import over

DOCS = Path(__file__).parents[2] / "docs"
FRENCH = sorted((DOCS / "fr").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"^# .*\n|\s+# (?!ends with).*$", re.MULTILINE)  # each page's own language
OWN_LANGUAGE = {"index.md": {"--lang fr", "LANG"}}  # said to French readers alone


def shape(text: str) -> dict[str, list[str]]:
    """Return what both languages of a page have alike, by what it is."""
    prose = BLOCK.sub("", text)
    return {
        "blocks": [
            f"{kind}{title}\n{COMMENT.sub('', body)}" for kind, title, body in BLOCK.findall(text)
        ],
        "names": sorted({" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)}),
        "headings": re.findall(r"^#+(?= )", prose, flags=re.MULTILINE),
        "rows and items": re.findall(r"^ *(?:\||- |\d\. )", prose, flags=re.MULTILINE),
    }


def english(page: Path) -> Path:
    found = [DOCS / page.name, DOCS / "guides" / page.name]
    return next(each for each in found if each.is_file())


@over("page", FRENCH)
def test_a_french_page_says_what_its_twin_says(page: Path) -> None:
    twin = english(page)
    text, original = (each.read_text(encoding="utf-8") for each in (page, twin))
    assert f"*[In English]({os.path.relpath(twin, page.parent)})*\n" in text
    assert f"*[En français]({os.path.relpath(page, twin.parent)})*\n" in original
    ours, theirs = shape(text), shape(original)
    ours["names"] = [name for name in ours["names"] if name not in OWN_LANGUAGE.get(page.name, ())]
    assert ours == theirs


def test_what_only_one_page_has_is_found() -> None:
    page = "# A\n\n`x`\n\n```toml\na = 1  # one\n```\n"
    assert shape(page) == shape(page.replace("# one", "# un").replace("# A", "# B"))
    for here, there in (("a = 1", "a = 2"), ("`x`", "`y`"), ("# A", "## A"), ("`x`", "| `x` |")):
        assert shape(page) != shape(page.replace(here, there)), there
