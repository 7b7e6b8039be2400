"""Pictures of the console that pages show are those that the command takes, and none is missing."""

from __future__ import annotations

import re
from pathlib import Path

import screenshots

ROOT = Path(__file__).parents[2]
SHOWN = re.compile(r"!\[([^\]]+)\]\(([^)]*images/console/[^)]+)\)")
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
MOST = 150_000  # bytes


def test_pages_show_the_pictures_that_are_taken() -> None:
    taken = {each.file(tag) for each in screenshots.PICTURES for tag in screenshots.LANGUAGES}
    assert set(screenshots.FOLDER.iterdir()) == taken
    shown: dict[Path, str] = {}
    for page in PAGES:
        for words, address in SHOWN.findall(page.read_text(encoding="utf-8")):
            shown[(page.parent / address).resolve()] = words
            french = "fr" in page.relative_to(ROOT).parts
            assert address.endswith(".fr.png" if french else ".en.png"), page
    assert set(shown) == taken
    assert all(file.stat().st_size <= MOST for file in taken)
