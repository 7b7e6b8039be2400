"""Suites of evaluation cases: where ours are, copies that a test may spoil, how to run one."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from tests.conformance.cases import solidlab, w3c
from tests.conformance.cases.case import Case, Fault
from tests.conformance.harness import command
from tests.conformance.odrl_suite import suite

OURS = Path(__file__).parents[1] / "conformance" / "policies" / "suite"
SUITE, EXAMPLES = OURS / "test-suite", OURS / "w3c"
PREFIXES = """\
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
@prefix ex: <http://example.org/> .
@prefix temp: <http://example.com/request/> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix report: <https://w3id.org/force/compliance-report#> .
@prefix sotw: <https://w3id.org/force/sotw#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix m: <https://museum.example/condition/> .
"""


def preau(*words: str | Path) -> Result:
    return CliRunner().invoke(command(suite), [*map(str, words)])


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(PREFIXES + text, encoding="utf-8")


def only(source: solidlab.Folder | w3c.Examples) -> Case:
    (case,) = source.cases()
    assert isinstance(case, Case), case
    return case


def fault(source: solidlab.Folder | w3c.Examples) -> str:
    (found,) = source.cases()
    assert isinstance(found, Fault), found
    return found.reason
