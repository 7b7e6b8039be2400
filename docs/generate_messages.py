"""Gathers what the code says to persons, and makes the catalogs of other languages.

Run it with `python docs/generate_messages.py` after a change of texts: it writes new messages
into `connector/language/locale/LANGUAGE/LC_MESSAGES/preau.po`, not translated yet, drops those
that nothing says any more; it ends with 1 while one is not translated. A test compares. What is
gathered: every text of more than one word in `connector/` and `federated/`, but for what
`_SILENT` and `_UNSAID` name; in `connector/cli` also the headings of tables and names of values,
and what it says of its commands; the values of the domain's enumerations. `messages.po` beside it
holds what click, typer and Python's readers of files say, and is written by hand.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import typer
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from connector.cli.app import build
from connector.language.catalog import CLICK, DOMAIN, ENGLISH, FOLDER, LANGUAGES

ROOT: Final = Path(__file__).parents[1]
_READ: Final = ("connector", "federated", "policies_odrl")
# Of the library of policies, which speaks two languages by itself, what it says in reasons.
_REASONED: Final = (
    "policies_odrl/comparison/",
    "policies_odrl/conflicts/",
    "policies_odrl/errors.py",
    "policies_odrl/evaluation/",
    "policies_odrl/text.py",
)
# Folders and files whose texts are for programs, not persons.
_SILENT: Final = (
    "connector/store/migrations/",
    "connector/peer/v1/",
    "connector/language/",
    "connector/console/sheets.py",  # XML
    "connector/management/views/",  # descriptions of the API
    "connector/services/approval/words/",  # speak two languages by themselves
    "federated/training/flower/",
)
# Calls whose texts are for programs or for the log.
_UNSAID: Final = frozenset(
    {
        *("compile", "Field", "Query", "Body", "FastAPI", "text", "TypeVar", "getLogger"),
        *("debug", "info", "warning", "error", "exception", "critical", "log"),
        *("TypeError", "RuntimeError", "AssertionError", "NotImplementedError"),
    }
)
# Calls whose single words are said: anywhere, and in `connector/cli`.
_NAMED: Final = frozenset({"Check", "follow"})
# Members of views that hold single words.
_TOLD: Final = frozenset({"standing", "verdict"})
_NAMING: Final = frozenset({"pairs", "table", "spoken", "labelled", "line", "more"})
_TEMPLATES: Final = "connector/console/templates"
_IN_TEMPLATES: Final = re.compile(r"said\([\"']([^\"']+)[\"']\)")
# All words of these files are said.
_ALL_SAID: Final = (
    "connector/console/pages/",
    "connector/bootstrap/keys/tls_rotation.py",
    "connector/enforcement/steps/where.py",
    "federated/privacy/rule.py",
)
# What is enumerated there is said.
_ENUMERATED: Final = (
    "connector/domain/",
    "connector/enforcement/",
    "connector/identity/evidence/",
    "connector/protection/cells/cell.py",
    "federated/privacy/",
    "policies_odrl/evaluation/deontic.py",
    "policies_odrl/checking/findings.py",
)
_WORDS: Final = re.compile(
    r"[A-Za-z]{2,}[^A-Za-z]*\s+\S*[A-Za-zδε]|\ban? [a-z]{2,}|[A-Za-z]{2,}:? \{"
)
_WORD: Final = re.compile(r"[A-Za-z][a-z-]+")
_DATED: Final = datetime(2026, 1, 1, tzinfo=UTC)  # a catalog changes with its messages alone


def messages(root: Path = ROOT) -> list[str]:
    """Return each message once, sorted."""
    found: set[str] = set()
    for part in _READ:
        for file in (root / part).rglob("*.py"):
            name = file.relative_to(root).as_posix()
            if not name.startswith(_SILENT):
                found.update(of_source(file.read_text("utf-8"), name))
    for file in (root / _TEMPLATES).glob("*.html"):
        found.update(_IN_TEMPLATES.findall(file.read_text("utf-8")))
    found.update(_helps(typer.main.get_command(build())))
    return sorted(found)


def of_source(source: str, name: str) -> Iterator[str]:
    """Yield what the code of a module says."""
    shown = name.startswith(_ALL_SAID)
    gathered = _Texts(command=name.startswith("connector/cli/"), all_said=shown)
    tree = ast.parse(source)
    gathered.visit(tree)
    if not name.startswith("policies_odrl/") or name.startswith(_REASONED):
        yield from gathered.found
    if name.startswith(_ENUMERATED):
        yield from _enumerated(tree)


def _enumerated(tree: ast.AST) -> Iterator[str]:
    """Yield the values of enumerations that are words."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(
            isinstance(base, ast.Name) and base.id in {"Enum", "StrEnum"} for base in node.bases
        ):
            stated = (each.value for each in node.body if isinstance(each, ast.Assign))
            values = (str(each.value) for each in stated if isinstance(each, ast.Constant))
            yield from filter(_WORD.fullmatch, values)


def _helps(command: click.Command) -> Iterator[str]:
    stated = [command.help, *(getattr(each, "help", "") for each in command.params)]
    for text in stated:
        for part in (text or "").split("\n\n"):
            if said := " ".join(part.split()):
                yield said
    if isinstance(command, click.Group):
        within = click.Context(command)
        for name in command.list_commands(within):
            if (child := command.get_command(within, name)) is not None:
                yield from _helps(child)


class _Texts(ast.NodeVisitor):
    def __init__(self, *, command: bool, all_said: bool) -> None:
        self.found: list[str] = []
        self._command, self._naming = command, all_said
        # A field of a page is shown, one of a view of the API is not; elsewhere `text` is SQL.
        self._unsaid = _UNSAID - {"Field", "text"} if all_said else _UNSAID

    def generic_visit(self, node: ast.AST) -> None:
        """Leave docstrings and annotations out, but for the options of commands."""
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns"} and not self._command:
                continue
            values = value if isinstance(value, list) else [value]
            if name == "body" and isinstance(value, list) and value and _is_text(value[0]):
                values = value[1:]
            for each in values:
                if isinstance(each, ast.AST):
                    self.visit(each)

    def visit_Call(self, node: ast.Call) -> None:
        """Pass over what is said to nobody, and take the words of names."""
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name in self._unsaid and not (name == "text" and isinstance(called, ast.Attribute)):
            return
        before = self._naming
        self._naming = before or name in _NAMED or (self._command and name in _NAMING)
        self.generic_visit(node)
        self._naming = before

    def visit_keyword(self, node: ast.keyword) -> None:
        """Take the words of members of views."""
        before = self._naming
        self._naming = before or node.arg in _TOLD
        self.generic_visit(node)
        self._naming = before

    def visit_Assign(self, node: ast.Assign) -> None:
        """Take the words of headings."""
        self._assigned(node.targets[0], node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Take the words of headings."""
        self._assigned(node.target, node)

    def _assigned(self, target: ast.expr, node: ast.AST) -> None:
        before = self._naming
        self._naming = before or (isinstance(target, ast.Name) and "HEADINGS" in target.id)
        self.generic_visit(node)
        self._naming = before

    def visit_Constant(self, node: ast.Constant) -> None:
        """Keep a text."""
        if isinstance(node.value, str):
            self._keep(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Keep a text with names, and what its expressions say."""
        self._keep(_template(node))
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def _keep(self, text: str) -> None:
        text = text.strip()
        if _WORDS.search(text) or (self._naming and _WORD.fullmatch(text)):
            self.found.append(text)


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _template(node: ast.JoinedStr) -> str:
    names: dict[str, str] = {}
    made = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            made.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            made.append("{" + _named(part.value, names) + "}")
    return "".join(made)


def _named(value: ast.expr, names: dict[str, str]) -> str:
    """Return a name for an expression: its last one, with a number where that is taken."""
    source = ast.unparse(value)
    plain = re.sub(r"[^a-z0-9_]", "", _last(value).lower()).lstrip("_0123456789") or "value"
    number = 1
    while names.get(name := plain if number == 1 else f"{plain}{number}", source) != source:
        number += 1
    names[name] = source
    return name


def _last(value: ast.expr) -> str:
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=ast.Name() | ast.Attribute(attr="join" | "fromkeys"), args=[first, *_]):
            return _last(first)
        case ast.Call(func=inner) | ast.Subscript(value=inner) | ast.Starred(value=inner):
            return _last(inner)
        case ast.BinOp(left=ast.Constant(), right=inner) | ast.BinOp(left=inner):
            return _last(inner)
        case ast.GeneratorExp(elt=inner) | ast.ListComp(elt=inner) | ast.IfExp(body=inner):
            return _last(inner)
        case _:
            return "value"


def folder(language: str) -> Path:
    """Return where the catalogs of a language are."""
    return FOLDER / language / "LC_MESSAGES"


def read(language: str, domain: str = DOMAIN) -> Catalog:
    """Return a catalog as it is kept."""
    with (folder(language) / f"{domain}.po").open("rb") as file:
        return read_po(file, locale=language)


def renewed(catalog: Catalog, said: Iterable[str]) -> Catalog:
    """Return a catalog of what is said now, with the translations that stand."""
    made = _empty(str(catalog.locale))
    for text in said:
        known = catalog.get(text)
        made.add(text, known.string if known else "")
    return made


def _empty(language: str) -> Catalog:
    about = "# What Préau says; see docs/generate_messages.py."
    return Catalog(
        *(language, None, about, "preau"),
        last_translator="",
        language_team="",
        creation_date=_DATED,
        revision_date=_DATED,
    )


def _write(language: str, said: Iterable[str]) -> list[str]:
    """Write a language's catalogs, and return what is not translated."""
    made = renewed(read(language), said)
    with (folder(language) / f"{DOMAIN}.po").open("wb") as file:
        write_po(file, made, width=100)
    with (folder(language) / f"{CLICK}.mo").open("wb") as file:  # gettext reads no other form
        write_mo(file, read(language, CLICK))
    return [str(each.id) for each in made if each.id and not each.string]


def main() -> int:
    """Write all catalogs; return 1 while something is not translated."""
    said = messages()
    others = [each for each in LANGUAGES if each != ENGLISH]
    left = [(each, text) for each in others for text in _write(each, said)]
    for language, text in left:
        sys.stderr.write(f"{language}: not translated: {text}\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
