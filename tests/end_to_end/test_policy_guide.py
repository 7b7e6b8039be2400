"""The chapter for policy authors is what happens: each command is run, and prints what it shows."""

from __future__ import annotations

import doctest
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import invoked, typed
from tests.support.command_space import Space, space
from tests.support.pages import Command, Shown, matches, parts

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs/guides"
EXAMPLES = ROOT / "examples/policies"
WIDTH = {"COLUMNS": "100", "NO_COLOR": "1"}
CONTRACT = GUIDES / "policies/contract.md"
MEANING = GUIDES / "policies/meaning.md"
FRENCH = ROOT / "docs/fr"
# Page -> the folder that its commands are typed in.
PAGES = {
    GUIDES / "policy-author.md": "star",
    MEANING: ".",
    FRENCH / "policy-author.md": "star",
    FRENCH / "policies/meaning.md": ".",
}
SECONDS = 30  # until both sides have signed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_each_command_prints_what_the_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    monkeypatch.chdir(tmp_path / "examples" / PAGES[page])
    language = {"LC_ALL": "fr_FR.UTF-8" if FRENCH in page.parents else "en_GB.UTF-8"}
    shown = parts(page)
    assert sum(isinstance(part, Command) for part in shown) > 5, page
    for part in shown:
        if isinstance(part, Shown):
            assert Path(part.name).read_text(encoding="utf-8") == part.text, part.name
            continue
        run = invoked(part.words, env=WIDTH | language)
        printed = run.output
        if part.into:
            Path(part.into).write_text(run.stdout, encoding="utf-8")
            printed = run.stderr
        assert run.exit_code == part.code, f"{part.line}\n{run.output}"
        assert matches(printed, part.printed), f"{part.line}\n{printed}"


def test_the_layers_of_the_page_merge_as_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)
    (code,) = re.findall(r"```python\n(.*?)```", MEANING.read_text(encoding="utf-8"), re.DOTALL)
    example = doctest.DocTestParser().get_doctest(code, {}, MEANING.name, MEANING.name, 0)
    found = doctest.DocTestRunner().run(example)
    assert (found.failed, found.attempted > 5) == (0, True)


RECORDS = sorted((ROOT / "docs/decisions").glob("0*.md"))
FILES = {
    part
    for folder in ("policies_odrl", "connector", "tests/conformance")
    for path in (ROOT / folder).rglob("*.*")
    for part in (path.name, f"{path.parent.name}/{path.name}")
}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_the_files_that_a_record_names_are_there(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert record.name in (record.parent / "index.md").read_text(encoding="utf-8")
    for name in re.findall(r"`([\w/]+\.(?:py|json))`", text):
        assert name in FILES or (ROOT / name).is_file(), name


# --- with nodes


@pytest.fixture(scope="module")
def running() -> Iterator[Space]:
    with space("nord", "lab") as found:
        yield found


class Names:
    """What the page calls things, and what they are called in this run."""

    def __init__(self, running: Space) -> None:
        self._known = {
            "did:web:space.example": running.dids["authority"],
            "did:web:data.academie.example": running.dids["nord"],
            "did:web:lab.example": running.dids["lab"],
        }

    def here(self, text: str) -> str:
        """Return a text of the page with the names of this run."""
        for told, real in self._known.items():
            text = text.replace(told, real)
        return text

    def learn(self, told: str, real: str) -> None:
        """Learn the identifiers that a command made up, in order of their first mention."""
        pairs = zip(_uuids(told), _uuids(real), strict=False)
        self._known.update((a, b) for a, b in pairs if a not in self._known)


def _uuids(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"urn:uuid:[0-9a-f-]{36}", text)))


def _narrow(text: str) -> str:
    """Return a text without what follows from the width of its columns."""
    lines = (re.sub(r"[ ─]+", " ", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _becomes_true(part: Command, names: Names) -> bool:
    """Run a command; one that only shows something is repeated until the peer has answered."""
    until = time.monotonic() + (SECONDS if part.words[:2] == ("agreement", "list") else 0)
    while True:
        done = typed(*(names.here(word) for word in part.words))
        names.learn(part.printed, done.out)
        got = _narrow(done.out + done.err)
        fits = done.code == part.code and matches(got, _narrow(names.here(part.printed)))
        if fits or time.monotonic() > until:
            assert fits, f"{part.line}\n{done.code}\n{done.out}{done.err}"
            return fits


@pytest.mark.timeout(300)
def test_from_the_offer_to_the_signed_contract(
    running: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(running)
    monkeypatch.chdir(running.folder)
    for file in (EXAMPLES / "star").glob("*.*"):
        text = file.read_text(encoding="utf-8").replace("/srv/data", str(running.folder))
        Path(file.name).write_text(names.here(text), encoding="utf-8")
    for part in parts(CONTRACT):
        if isinstance(part, Shown):
            assert (EXAMPLES / "star" / part.name).read_text(encoding="utf-8") == part.text
            continue
        assert _becomes_true(part, names), part.line


# --- what reads the pages


def test_a_page_is_read_as_it_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        'Text\n\n```json title="a.json"\n{}\n```\n\n```console\n$ preau one \\\n    --two  # ends '
        "with 5\nfirst\n…\nlast\n$ preau three > a.txt\n```\n"
    )
    shown, one, three = parts(page)
    assert shown == Shown("a.json", "{}\n")
    assert isinstance(one, Command)
    assert isinstance(three, Command)
    assert (one.line, one.words, one.code) == ("preau one --two", ("one", "--two"), 5)
    assert (three.words, three.code, three.into, three.printed) == (("three",), 0, "a.txt", "")
    assert matches("first\nsecond\nthird\nlast\n", one.printed)
    assert matches("first\nlast", one.printed)
    assert not matches("first\nlast\nmore", one.printed)
    assert matches("took 3 s\n", "took … s")
    assert not matches("took 3 m\n", "took … s")


def test_a_command_that_cannot_be_run_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ rm -r node\n```\n")
    with pytest.raises(AssertionError, match="no test can run"):
        parts(page)
