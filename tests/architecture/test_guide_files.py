"""Each file that a page's commands name is in the project, or an earlier command made it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tests.support.each import over

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *(p for at in ("", "fr/**/", "guides/**/") for p in DOCS.glob(f"{at}*.md")),
]
# Pages whose commands are typed in a folder of the examples, as they say.
FOLDERS = {
    "policy-author.md": "examples/policies/star",
    "contract.md": "examples/policies/star",
    "meaning.md": "examples/policies",
}
COMMANDS = re.compile(r"```console[^\n]*\n(.*?)```|`(preau [^`]+)`", re.DOTALL)
FILE = re.compile(r"[\w./+-]+\.(json|toml|csv|txt|ttl|npz|tar|pem|whl|service)")
PLACEHOLDER = re.compile(r"[A-Z]{3,}|\*")  # the reader's own: `copies/before-REVISION.tar`
MAKERS = {"--out", "-o", "--fix", ">", "--home"}
MADE_BY = {("preau", "backup"): 2, ("preau", "keys", "export"): 3}  # place of what they write
RESULTS = {"make wheel": "dist", "make demo": "demo-output"}


def commands(text: str) -> Iterator[str]:
    """Return the commands of a page in its order, of blocks and within sentences."""
    for block, inline in COMMANDS.findall(text.replace("\\\n", " ")):
        lines = block.splitlines() if block else [" ".join(inline.split())]
        if any(line.startswith("$ ") for line in lines):  # the others are what they print
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        yield from (line for line in lines if "…" not in line)


def missing(text: str, folder: str = "") -> list[str]:
    """Return the files that commands of a page name and that nothing gives them."""
    here, made, found = ROOT / folder, set[str](), []
    for line in commands(text):
        words = shlex.split(line, comments=True)
        if words[:1] == ["cd"]:
            here /= words[1]
        made |= {RESULTS[name] for name in RESULTS if line.startswith(name)}
        made |= {after for word, after in pairwise(words) if word in MAKERS}
        for start, place in MADE_BY.items():
            made |= set(words[place : place + 1]) if tuple(words[: len(start)]) == start else set()
        for word in words:
            if not FILE.fullmatch(word) or PLACEHOLDER.search(word):
                continue
            inside = any(word == name or word.startswith(f"{name}/") for name in made)
            if not inside and not (here / word).exists():
                found.append(f"{word}: {line}")
    return found


@over("page", PAGES)
def test_files_of_the_commands_are_there_or_were_made(page: Path) -> None:
    assert missing(page.read_text(encoding="utf-8"), FOLDERS.get(page.name, "")) == []


def test_a_file_that_nobody_gives_is_found() -> None:
    page = "```console\npreau job submit request.json\n{}\n```\nthen `preau audit verify e.json`.\n"
    assert len(missing(page.format(""))) == 2
    assert len(missing(page.format("preau audit export A --out e.json"))) == 1
    whole = page.replace("request.json", "examples/node/request.json")
    assert missing(whole.format("preau audit export A --out e.json")) == []
