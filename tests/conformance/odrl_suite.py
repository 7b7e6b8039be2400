"""Public suites of evaluation cases, answered with compliance reports.

Run as `python -m tests.conformance.odrl_suite DIR --out REPORTS`.

Rules: one report per case, named as the case; what a case expects is compared with the report and
never used for it; a file or case that is wrong is one line, and the others go on. The mode that
holds unless another is asked for is the reading that the format was written for: `suite` for the
ODRL test suite, `w3c` for the examples of the W3C draft. Reports for the ODRL test suite are in the
plain model, as it expects; those for the W3C examples keep our extension, which says what they ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli import output
from connector.cli.exits import Exit
from connector.cli.options import Json
from connector.errors import ConfigurationInvalid, PreauError, WorldFault
from connector.jsonld.turtle import turtle_bytes
from policies_odrl import Mode
from tests.conformance.cases import solidlab, w3c
from tests.conformance.cases.case import Case, Fault
from tests.conformance.cases.likeness import likeness
from tests.conformance.cases.results import agreement
from tests.conformance.harness import command
from tests.conformance.reports.down import down
from tests.conformance.reports.nodes import PREFIXES, report_nodes


class Format(Enum):
    """How the cases of a suite are laid out."""

    TEST_SUITE = "test-suite"
    W3C = "w3c"


class Reading(Enum):
    """The mode of evaluation."""

    W3C = "w3c"
    SUITE = "suite"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one case.

    Attributes:
        name: of the case.
        file: its report; empty for a fault.
        measures: measure -> whether it holds; empty where nothing was expected.
        fault: why there is no report; empty where there is one.
    """

    name: str
    file: str = ""
    measures: tuple[tuple[str, bool], ...] = ()
    fault: str = ""


def suite(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the suite.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the reports; made if missing.")],
    layout: Annotated[
        Format,
        typer.Option(
            "--format",
            help="`test-suite`: folders test_cases, policies, requests and sotw. `w3c`: nested "
            "folders with evaluationrequest, policy, state and compliancereport files.",
        ),
    ] = Format.TEST_SUITE,
    mode: Annotated[
        Reading | None,
        typer.Option(
            "--mode",
            help="Reading of duties and of what makes a rule active; by itself the one that the "
            "format was written for (`suite` for test-suite, `w3c` for w3c).",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Answer each case of a public suite with a Compliance Report in Turtle.

    Where a case states the report it expects, a line says how alike the two are. A file or case
    that cannot be read is one line on standard error and gives exit code 1; the others go on.
    """
    reading = mode or (Reading.SUITE if layout is Format.TEST_SUITE else Reading.W3C)
    _apart(folder, out)
    found: list[Outcome] = []
    for outcome in _outcomes(folder, out, layout, reading):
        found.append(outcome)
        if not json:
            _say(outcome)
    if not any(item.file or item.fault for item in found):
        raise ConfigurationInvalid(f"`{folder}` holds no case")
    if json:
        output.json_value(_summary(found))
    else:
        _totals(found, out)
    if any(item.fault for item in found):
        raise typer.Exit(Exit.REFUSED)


def _outcomes(folder: Path, out: Path, layout: Format, reading: Reading) -> Iterator[Outcome]:
    """Yield what comes of each case."""

    mode = Mode(reading.value)
    source = solidlab.Folder(folder, mode) if layout is Format.TEST_SUITE else w3c.Examples(folder)
    yield from (Outcome(item.where, fault=item.reason) for item in source.faults)
    _make(out)
    for case in source.cases():
        if isinstance(case, Fault):
            yield Outcome(case.where, fault=case.reason)
            continue
        file = out / f"{case.name}.ttl"
        try:
            yield _answer(case, mode, layout, file)
        except PreauError as exc:
            yield Outcome(case.name, fault=exc.reason)


def _answer(case: Case, mode: Mode, layout: Format, file: Path) -> Outcome:
    """Write the report of a case, and compare it with what is expected."""

    full = case.report(mode)
    nodes = report_nodes(down(full) if layout is Format.TEST_SUITE else full)
    _write(file, turtle_bytes(nodes, PREFIXES))
    measures: tuple[tuple[str, bool], ...] = ()
    if case.expected:
        alike = likeness(nodes, nodes[0]["@id"], case.expected, case.root)
        names = ("activation", "simple", "isomorphic")
        measures = tuple((name, getattr(alike, name)) for name in names)
    elif case.results is not None:
        measures = agreement(full, case.results)
    return Outcome(case.name, str(file), measures)


def _say(outcome: Outcome) -> None:
    if outcome.fault:
        output.note(f"{outcome.name}: {outcome.fault}")
    elif outcome.measures:
        marks = ", ".join(f"{name} {'yes' if held else 'no'}" for name, held in outcome.measures)
        output.line(f"{outcome.name}: {marks}")


def _totals(found: list[Outcome], out: Path) -> None:
    compared = [dict(item.measures) for item in found if item.measures]
    names = list(compared[0]) if compared else []
    if names:
        counts = (
            f"{sum(item[name] for item in compared)} of {len(compared)} {name}" for name in names
        )
        output.line(", ".join(counts))
    written = sum(1 for item in found if item.file)
    output.line(f"{written} {'report' if written == 1 else 'reports'} in {out}")


def _summary(found: Iterable[Outcome]) -> dict[str, Any]:
    outcomes = list(found)
    compared = [dict(item.measures) for item in outcomes if item.measures]
    names = list(compared[0]) if compared else []
    return {
        "cases": [
            {"name": item.name, "report": item.file, **dict(item.measures)}
            for item in outcomes
            if item.file
        ],
        "faults": [{"where": item.name, "reason": item.fault} for item in outcomes if item.fault],
        "compared": len(compared),
        **{name: sum(item[name] for item in compared) for name in names},
    }


def _apart(folder: Path, out: Path) -> None:
    """Insist that the reports do not land among the cases, whose names they bear."""
    inputs = [folder, *(folder / name for name in ("test_cases", "policies", "requests", "sotw"))]
    if out.resolve() in {item.resolve() for item in inputs}:
        raise ConfigurationInvalid(f"`{out}` holds the suite itself", hint="choose another --out")


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise WorldFault(f"cannot make `{out}`: {exc.strerror}") from exc


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as exc:
        raise WorldFault(f"cannot write `{file}`: {exc.strerror}") from exc


if __name__ == "__main__":
    command(suite)()
