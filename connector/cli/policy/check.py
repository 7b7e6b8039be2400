"""`preau policy check`: what is wrong or questionable in one file, all of it.

Rule: a file that cannot be read as a policy is told why in findings, as far as it can be made out;
only a file that cannot be opened is an error. `--fix` writes a new file and changes no other. What
changes a decision is a suggestion, which a person confirms with `--accept`.
"""

from __future__ import annotations

import json as json_
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

import policies_odrl
from connector.cli import output
from connector.cli.exits import Exit
from connector.cli.files import read_bytes, write_new
from connector.cli.options import Json
from connector.cli.policy.profile import held, known
from connector.cli.speaking import language, spoken
from connector.errors import ConfigurationInvalid, PolicyInvalid, PreauError
from connector.jsonld.mending import mended
from connector.jsonld.policy import policy_document, read_policy
from policies_odrl import Finding, OdrlError, Policy
from policies_odrl.checking.findings import Report, Severity
from policies_odrl.checking.written import as_names, losses, unsaid
from policies_odrl.documents.contexts import UNDEFINED
from policies_odrl.documents.dialects import translated
from policies_odrl.documents.sources import is_json, linked, parsed, text_of, turtle

MAX_ROUNDS: Final = 8  # of mending and checking again
# Findings whose edits fit the document as it stands, and not only Préau's own writing of it.
_OF_DOCUMENTS: Final = frozenset(
    {"null-value", "term-dropped", "term-relative", "undeclared-prefix", "undeclared-profile"}
)
# Errors with a suggested fix, which changes what is decided.
SUGGESTED: Final = ("null-value", "term-dropped", "term-relative")
# What makes no sense, although the model allows it.
_SENSELESS: Final = frozenset({"never-usable", "never-true", "unsatisfiable", "inherited-ban"})
_SPACES: Final = ("https://w3id.org/dspace/", "https://w3id.org/edc/", "https://w3id.org/catenax/")


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was looked at.

    Attributes:
        findings: all that was found.
        policies: those that could be read.
        document: JSON-LD as it stands; None for Turtle or where there is none.
    """

    findings: tuple[Finding, ...]
    policies: tuple[Policy, ...] = ()
    document: dict[str, Any] | None = None


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The policy, JSON-LD or Turtle.")
    ],
    fix: Annotated[
        Path | None,
        typer.Option(
            "--fix", metavar="OUT", help="Write the policy with the mechanical fixes applied."
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept",
            metavar="CODE",
            help="With --fix: apply the fixes suggested for this error too; repeatable.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check a policy: is it well formed, and does it say what was meant?

    Prints a line for each finding (severity, code, place, sentence) and how to fix it. A policy
    with errors ends with exit code 5; warnings and notes end with 0. A mechanical fix changes
    no decision. Fixing an error may, so that it is done only for the codes that you accept.
    """
    accepted = _accepted(accept or (), fix)
    found = checked(file)
    if fix is not None:
        write_new(fix, fixed(file, found, accepted))
        _print_suggestions(found, accepted)
    if json:
        output.json_value([as_json(item) for item in found.findings])
    else:
        for item in found.findings:
            print_finding(item)
        output.line(summary(found.findings))
    if any(item.severity is Severity.ERROR for item in found.findings):
        raise typer.Exit(Exit.INVALID)


def _accepted(codes: Sequence[str], fix: Path | None) -> frozenset[str]:
    """Return the codes of errors whose suggested fixes a person confirms.

    Raises:
        ConfigurationInvalid: no fix is suggested for one, or nothing is to be fixed.
    """
    if codes and fix is None:
        raise ConfigurationInvalid("`--accept` needs `--fix`")
    for code in codes:
        if code not in SUGGESTED:
            hint = f"fixes are suggested for {', '.join(f'`{it}`' for it in SUGGESTED)}"
            raise ConfigurationInvalid(f"no fix is suggested for `{code[:80]}`", hint=hint)
    return frozenset(codes)


def checked(file: Path) -> Checked:
    """Return what is found in a file, and the policies in it as far as they can be read.

    Raises:
        ConfigurationInvalid: the file cannot be read.
    """
    document: Any = None
    terms = known()
    try:
        text = text_of(read_bytes(file))
        document = parsed(text) if is_json(text) else None
        nodes, read = turtle(text) if document is None else (linked(document), [])
    except OdrlError as exc:
        return _unread(exc, document)
    lost = _lost(document) if isinstance(document, dict) else ()
    meant = linked(mended(document, lost)) if any(item.edit for item in lost) else nodes
    found = policies_odrl.inspect(translated(meant), terms, language())
    told = UNDEFINED if lost else "\n"  # what is lost is told once
    findings = (*lost, *(item for item in found if told not in item.sentence))
    findings += as_names(read, language())
    if not _of_a_space(document):
        findings = tuple(_as_recommended(item) for item in findings)
    try:
        policies = policies_odrl.read_all(translated(nodes), terms)
    except OdrlError:
        policies = ()
    return Checked(findings, policies, document if isinstance(document, dict) else None)


def _of_a_space(document: Any) -> bool:
    """Return whether a document is of a protocol that fills in what a policy leaves open."""
    return any(f'"{space}' in json_.dumps(document) for space in _SPACES)


def _as_recommended(item: Finding) -> Finding:
    """Return a finding as bad as the Recommendation has it, where no catalog fills in what lacks.

    What is an error for one of both decides nothing for either.
    """
    if item.code in _SENSELESS or item.code == "offer-without-assigner":
        return replace(item, severity=Severity.WARNING)
    return item


def _unread(exc: OdrlError, document: Any) -> Checked:
    """Return why a file is no document, and where, as far as it can be made out."""
    found = losses(document, language()) if isinstance(document, dict) else ()
    if any(item.severity is Severity.ERROR for item in found):
        return Checked(found, (), document)
    why = Report(language()).note("", "not-a-document", (exc.reason, exc.french))
    return Checked((*found, why), (), document if isinstance(document, dict) else None)


def _lost(document: dict[str, Any]) -> tuple[Finding, ...]:
    return losses(document, language()) or unsaid(document, language())


def fixed(file: Path, found: Checked, accepted: frozenset[str] = frozenset()) -> bytes:
    """Return a checked file with the mechanical fixes applied, as JSON-LD.

    Args:
        file: where it was read.
        found: what was found in it.
        accepted: codes of errors whose suggested fixes are applied as well.

    Raises:
        PolicyInvalid: it holds several policies, or faults that only a person can mend keep it
            from being read.
    """
    policies = found.policies
    own = [item for item in _chosen(found.findings, accepted) if item.code in _OF_DOCUMENTS]
    if found.document is not None and len(policies) <= 1:
        document = mended(found.document, own)
        try:
            policies = (read_policy(document, held()),)
        except PreauError:
            return _bytes(file, document)
    if len(policies) != 1:
        raise _by_hand(file)
    return _bytes(file, _mended(policies[0], accepted, MAX_ROUNDS))


def _chosen(found: Iterable[Finding], accepted: frozenset[str]) -> list[Finding]:
    """Return the findings that are mended: no decision changes that nobody confirmed."""
    return [item for item in found if item.mechanical or (item.edit and item.code in accepted)]


def _print_suggestions(found: Checked, accepted: frozenset[str]) -> None:
    """Say which fixes were not made, because they change what is decided."""
    left = {item.code for item in found.findings if item.edit and not item.mechanical} - accepted
    for code in sorted(left):
        output.note(f"not fixed, as the fix changes decisions: `{code}`; confirm it with --accept")


def _mended(policy: Policy, accepted: frozenset[str], rounds: int) -> dict[str, Any]:
    document = policy_document(policy, held())
    found = _chosen(policies_odrl.validate(policy, knowledge=known()), accepted)
    better = mended(document, _fitting(document, policy, found))
    if better == document or not rounds:
        return document
    return _mended(read_policy(better, held()), accepted, rounds - 1)


def _fitting(
    document: Mapping[str, Any], policy: Policy, found: Sequence[Finding]
) -> list[Finding]:
    """Return the findings whose places are those of the document.

    Where a written rule stands for several (`writer.py`, a policy that inherits), the places of
    rules are others, and an edit would change a rule that it is not about.
    """
    kinds = ("permission", "prohibition", "obligation")
    same = sum(len(document.get(kind, ())) for kind in kinds) == len(list(policy.rules()))
    rules = tuple(f"/{kind}/" for kind in kinds)
    return [
        item for item in found if same or not any(step.path.startswith(rules) for step in item.edit)
    ]


def _bytes(file: Path, document: dict[str, Any]) -> bytes:
    try:
        text = json_.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)
        return f"{text}\n".encode()
    except ValueError as exc:  # a number without a finite value, half of a character
        raise _by_hand(file) from exc


def _by_hand(file: Path) -> PolicyInvalid:
    hint = "correct the findings that are errors first"
    return PolicyInvalid(f"`{file}` cannot be fixed automatically", hint=hint)


def print_finding(item: Finding, where: str = "") -> None:
    """Print a finding and its fix."""
    place = item.path or "/"
    named = f" ({item.policy})" if item.policy else ""
    prefix = f"{where}: " if where else ""
    severity = spoken(item.severity.value)
    output.sentence(f"{prefix}{severity} {item.code} {place}{named}: {item.sentence}")
    output.sentence(f"    {item.fix}")


def as_json(item: Finding) -> dict[str, Any]:
    """Return a finding as a JSON object."""
    shown: dict[str, Any] = {
        "severity": item.severity.value,
        "code": item.code,
        "path": item.path,
        "sentence": item.sentence,
        "fix": item.fix,
        "mechanical": item.mechanical,
    }
    return shown | ({"policy": item.policy} if item.policy else {})


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings there are of each severity."""
    found = [item.severity for item in findings]
    return {severity.value: found.count(severity) for severity in Severity}


def summary(findings: Sequence[Finding]) -> str:
    """Return one line that says how many findings there are."""
    errors, warnings, notes = counts(findings).values()
    return f"{errors} error(s), {warnings} warning(s), {notes} note(s)"
