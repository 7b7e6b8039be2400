"""`preau policy lint`: all policies of a folder, each by itself and against one another.

Rules: files ending in `.jsonld`, `.json`, `.ttl` or `.turtle` are looked at, below the folder too,
links left aside; a `.json` file that is larger than any policy or without `@context` is none and is
passed over; the number of files is bounded, and so is the size of each. A folder without any is a
mistake, since nothing was checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

import policies_odrl
from connector.cli import output
from connector.cli.exits import Exit
from connector.cli.files import read_bytes
from connector.cli.options import Json
from connector.cli.policy.check import as_json, checked, counts, print_finding
from connector.cli.policy.profile import known
from connector.cli.speaking import language
from connector.errors import ConfigurationInvalid
from policies_odrl import Finding, Policy
from policies_odrl.checking.findings import Report, Severity
from policies_odrl.documents.sources import MAX_BYTES

MAX_FILES: Final = 2_000
_ENDINGS: Final = frozenset({".json", ".jsonld", ".ttl", ".turtle"})
_HINT: Final = (
    "files that end in .jsonld, .ttl, .turtle, or .json with an `@context`, are looked at"
)


@dataclass(frozen=True, slots=True)
class Linted:
    """A folder that was looked at.

    Attributes:
        findings: file -> its findings; files without any are there too.
        policies: how many policies were read.
    """

    findings: dict[str, tuple[Finding, ...]]
    policies: int


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lint")(lint)


def lint(
    folder: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, metavar="DIR", help="The folder.")
    ],
    json: Json = False,
) -> None:
    """Check all policies of a folder, each by itself and against one another.

    Beside what `check` finds: identifiers used twice, parents that are missing or inherit in a
    circle, offers for one target that contradict. A policy with errors ends with exit code 5.
    """
    found = linted(folder)
    everything = [item for items in found.findings.values() for item in items]
    if json:
        output.json_value(
            {
                "files": {
                    name: [as_json(i) for i in items] for name, items in found.findings.items()
                },
                "policies": found.policies,
                **counts(everything),
            }
        )
    else:
        for name, items in found.findings.items():
            for item in items:
                print_finding(item, name)
        output.line(_summary(found, counts(everything)))
    if any(item.severity is Severity.ERROR for item in everything):
        raise typer.Exit(Exit.INVALID)


def linted(folder: Path) -> Linted:
    """Return what is found in a folder.

    Raises:
        ConfigurationInvalid: a file cannot be read, or there are too many, or none.
    """
    found: dict[str, tuple[Finding, ...]] = {}
    policies: dict[str, Policy] = {}
    files: dict[str, str] = {}  # name of a policy -> that of its file
    for file in _files(folder):
        name = str(file.relative_to(folder))
        if file.stat().st_size > MAX_BYTES:
            limit = f"> {MAX_BYTES}"
            found[name] = (Report(language()).note("", "over-the-limit", limit),)
            continue
        seen = checked(file)
        found[name] = seen.findings
        for place, policy in enumerate(seen.policies):
            key = f"{name}#{policy.id or place}" if len(seen.policies) > 1 else name
            policies[key], files[key] = policy, name
    if not found:
        raise ConfigurationInvalid(f"`{folder}` holds no policy", hint=_HINT)
    for key, items in policies_odrl.lint(policies, language(), knowledge=known()).items():
        found[files[key]] = _joined(found[files[key]], items)
    return Linted(found, len(policies))


def _joined(known: tuple[Finding, ...], more: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return findings of a file with those that the others add, each once."""
    places = {(item.code, item.path) for item in known}
    return (*known, *(item for item in more if (item.code, item.path) not in places))


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() not in _ENDINGS or file.is_symlink() or not file.is_file():
            continue
        if file.suffix.lower() == ".json" and not _has_context(file):
            continue
        count += 1
        if count > MAX_FILES:
            raise ConfigurationInvalid(f"`{folder}` holds more than {MAX_FILES} files")
        yield file


def _has_context(file: Path) -> bool:
    return file.stat().st_size <= MAX_BYTES and b'"@context"' in read_bytes(file)


def _summary(found: Linted, by: dict[str, int]) -> str:
    files, policies = len(found.findings), found.policies
    errors, warnings, notes = by.values()
    return (
        f"{files} file(s), {policies} policies: {errors} error(s), "
        f"{warnings} warning(s), {notes} note(s)"
    )
