"""Pages of the manual that show commands with what they print, read so that a test can run them.

A block of `console` holds commands behind `$ `, each followed by what it prints; a command that
goes on in the next line ends with a backslash; `# ends with 5` behind it states another exit code
than 0, and `> FILE` takes what it prints. A line of `…` stands for any lines, `…` within a line for
anything. A block with a `title` shows a file, and must be that file.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ENDS = re.compile(r"\s+# ends with (\d+)$")


@dataclass(frozen=True)
class Shown:
    """A file that a page shows."""

    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command that a page shows.

    Attributes:
        line: as typed, in one line.
        words: the arguments of `preau`.
        code: how it ends.
        into: file that takes what it prints; empty when it is shown.
        printed: what the page says it prints.
    """

    line: str
    words: tuple[str, ...]
    code: int
    into: str
    printed: str


def parts(page: Path) -> list[Shown | Command]:
    """Return what a page shows, in order."""
    found: list[Shown | Command] = []
    for language, title, body in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if title:
            found.append(Shown(title, body))
        elif language == "console":
            found.extend(_commands(body))
    return found


def matches(printed: str, shown: str) -> bool:
    """Return whether a command printed what its page shows."""
    lines = _tidy(shown).splitlines()
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else re.escape(line).replace("…", ".*?") + r"\n"
        for line in lines
    )
    return re.fullmatch(pattern, _tidy(printed)) is not None


def _tidy(text: str) -> str:
    lines = [line.rstrip() for line in text.replace("\N{NO-BREAK SPACE}", " ").splitlines()]
    return "\n".join(lines).strip("\n") + "\n"


def _commands(body: str) -> list[Command]:
    found: list[Command] = []
    for piece in re.split(r"^\$ ", body.replace("\\\n", " "), flags=re.MULTILINE):
        line, _, printed = piece.partition("\n")
        if not line.strip():
            continue
        typed = " ".join(_ENDS.sub("", line).split())
        code = _ENDS.search(line)
        call, _, into = typed.partition(" > ")
        words = shlex.split(call)
        assert words[0] == "preau", f"the page shows `{typed}`, which no test can run"
        found.append(Command(typed, tuple(words[1:]), int(code[1]) if code else 0, into, printed))
    return found
