"""Tables of conflict problems, on folders of ours and of others."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli.exits import Exit
from connector.errors import PolicyInvalid
from policies_odrl import Knowledge
from policies_odrl.vocabulary import Kind
from tests.conformance.conflicts import conflicts
from tests.conformance.harness import command
from tests.conformance.problems.hierarchies import hierarchies_in
from tests.conformance.problems.pairs import problem_at
from tests.support.conflicts import VECTORS

AXIS = "https://example.org/axis#"
PREFIXES = f"""
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix axis: <{AXIS}> .
@prefix ex: <https://example.org/terms#> .
"""


def preau(*words: object) -> Result:
    return CliRunner().invoke(command(conflicts), [*map(str, words)])


def turtle(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(PREFIXES + text, "utf-8")
    return file


def policy(name: str, left: str, operator: str, right: str, more: str = "") -> str:
    limit = f"odrl:leftOperand {left} ; odrl:operator odrl:{operator} ; odrl:rightOperand {right}"
    return (
        f"ex:{name} a odrl:Set ; odrl:permission "
        f"[ odrl:action odrl:use ; odrl:constraint [ {limit} {more} ] ] .\n"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of our problems that a test may spoil."""
    return Path(shutil.copytree(VECTORS / "table", tmp_path / "table"))


def written(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))


# -- our own table -------------------------------------------------------------------------------


def test_our_table_is_answered(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "verdicts.csv"
    done = preau(folder / "verdicts.csv", "--out", out)
    assert done.exit_code == Exit.OK
    first, *rest = done.stdout.splitlines()
    assert first == "9 of 9 verdicts, 0 unsound"
    assert [line.split(":")[0] for line in rest] == ["language-silent"]
    assert "is not asserted" in rest[0]
    rows = written(out)
    assert list(rows[0]) == ["problem", "verdict", "witness"]
    table = {row["problem"]: row["verdict"] for row in written(folder / "verdicts.csv")}
    assert {row["problem"]: row["verdict"] for row in rows} == table
    shown = {row["problem"]: row["witness"] for row in rows}
    assert shown["axis-touch"].endswith(f"{AXIS}width 600")
    assert shown["axis-apart"] == ""


def test_verdicts_that_differ_are_named(folder: Path, tmp_path: Path) -> None:
    table = folder / "verdicts.csv"
    text = table.read_text("utf-8").replace(
        "axis-touch,axis,edge,Compatible", "axis-touch,,,Conflict"
    )
    table.write_text(text.replace("axis-apart,axis,edge,Conflict", "axis-apart,,,Unknown"), "utf-8")
    first, *rest = preau(table, "--out", tmp_path / "o.csv").stdout.splitlines()
    assert first == "7 of 9 verdicts, 1 unsound"
    assert rest[0].startswith("axis-touch: Compatible (table: Conflict): use; ")
    assert rest[1].startswith("axis-apart: Conflict (table: Unknown): /permission/0 and ")


def test_a_table_without_verdicts_is_counted(folder: Path, tmp_path: Path) -> None:
    rows = written(folder / "verdicts.csv")
    table = folder / "bare.csv"
    with table.open("w", encoding="utf-8", newline="") as sheet:
        writer = csv.DictWriter(
            sheet, ["policy", "category", "problem", "family"], extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(rows)
    out = tmp_path / "o.csv"
    first, *rest = preau(table, "--out", out).stdout.splitlines()
    assert first == "9 problems: 3 Conflict, 5 Compatible, 1 Unknown"
    assert len(rest) == 1
    assert [row["verdict"] for row in written(out)] == [row["verdict"] for row in rows]


def test_json_holds_the_reasons(folder: Path, tmp_path: Path) -> None:
    done = preau(folder / "verdicts.csv", "--out", tmp_path / "o.csv", "--json")
    found = json.loads(done.stdout)
    assert (found["verdicts"], found["right"], found["unsound"]) == (9, 9, 0)
    reasons = {item["problem"]: item["reasons"] for item in found["problems"]}
    assert "is not asserted" in reasons["language-silent"][0]
    assert reasons["axis-touch"] == []


def test_without_resources_less_is_known(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / "Resources")
    found = preau(folder / "verdicts.csv", "--out", tmp_path / "o.csv").stdout.splitlines()
    assert found[0] == "6 of 9 verdicts, 0 unsound"


# -- tables that are not as they should be -------------------------------------------------------


def test_a_problem_that_cannot_be_read_is_unknown(folder: Path, tmp_path: Path) -> None:
    turtle(folder / "broken.ttl", "ex:p a odrl:Set .")
    table = folder / "t.csv"
    table.write_text("problem,policy,verdict\nA,broken.ttl,Conflict\nB,none.ttl,\n", "utf-8")
    first, *rest = preau(table, "--out", tmp_path / "o.csv").stdout.splitlines()
    assert first == "0 of 1 verdicts, 0 unsound"
    assert rest[0].startswith("A: Unknown (table: Conflict): `")
    assert rest[1].startswith("B: Unknown: cannot read")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"problem,family\nA,x\n", "has no column `policy`"),
        (b"", "has no column `problem`"),
        (b"\xff\xfe\n", "is not a table"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(content)
    done = preau(table, "--out", tmp_path / "o.csv")
    assert done.exit_code != Exit.OK
    assert said in str(done.exception) + done.output


@pytest.mark.parametrize("cell", ["", '"a\0b"', "   "])
def test_a_row_that_names_no_file_is_unknown_and_the_rest_is_answered(
    folder: Path, tmp_path: Path, cell: str
) -> None:
    turtle(folder / "good.ttl", policy("a", "odrl:percentage", "eq", "5"))
    table = folder / "t.csv"
    table.write_text(f"problem,policy\nA,{cell}\nB,good.ttl\n", "utf-8")
    first, *rest = preau(table, "--out", tmp_path / "o.csv").stdout.splitlines()
    assert first == "2 problems: 0 Conflict, 1 Compatible, 1 Unknown"
    assert rest == ["A: Unknown: the row names no policy file"]


def test_blanks_and_the_case_of_verdicts_mean_nothing(folder: Path, tmp_path: Path) -> None:
    turtle(folder / "good.ttl", policy("a", "odrl:percentage", "eq", "5"))
    table = folder / "t.csv"
    rows = '"A\nB" , good.ttl , CONFLICT\r\nC,good.ttl,compatible\r\nD,good.ttl,perhaps\r\n'
    table.write_bytes(b"\xef\xbb\xbf problem , policy , verdict \r\n" + rows.encode())
    first, *rest = preau(table, "--out", tmp_path / "o.csv").stdout.splitlines()
    assert first == "1 of 3 verdicts, 1 unsound"
    assert rest[0].startswith("A B: Compatible (table: Conflict): ")
    assert rest[1].startswith("D: Compatible (table: perhaps): ")


def test_a_file_that_exists_is_not_overwritten(folder: Path) -> None:
    before = (folder / "verdicts.csv").read_bytes()
    done = preau(folder / "verdicts.csv", "--out", folder / "verdicts.csv")
    assert done.exit_code != Exit.OK
    assert (folder / "verdicts.csv").read_bytes() == before


# -- operands of other vocabularies, and anchors -------------------------------------------------

KINDS = {
    '"5"^^xsd:decimal': Kind.NUMBER,
    "5": Kind.NUMBER,
    '"P3D"^^xsd:duration': Kind.DURATION,
    '"2026-01-01"^^xsd:date': Kind.INSTANT,
    '"a"': Kind.IDENTITY,
    "ex:Town": Kind.PLACE,
    "ex:Land": Kind.PLACE,
    "ex:Basic": Kind.CONCEPT,
    "ex:strange": Kind.IDENTITY,
}
KNOWN = Knowledge(
    broader={"https://example.org/terms#Basic": ("https://example.org/terms#Research",)},
    wholes={"https://example.org/terms#Town": ("https://example.org/terms#Land",)},
)


@pytest.mark.parametrize("value", KINDS)
def test_the_kind_of_a_foreign_operand_is_read_from_its_values(tmp_path: Path, value: str) -> None:
    file = turtle(tmp_path / "p.ttl", policy("a", "axis:any", "eq", value))
    found = problem_at(file, KNOWN).knowledge.operand(AXIS + "any")
    assert found is not None
    assert found.kind is KINDS[value]


def test_values_of_different_kinds_are_names(tmp_path: Path) -> None:
    text = policy("a", "axis:any", "eq", "5") + policy("b", "axis:any", "eq", '"P1D"^^xsd:duration')
    found = problem_at(turtle(tmp_path / "p.ttl", text), KNOWN).knowledge.operand(AXIS + "any")
    assert found is not None
    assert found.kind is Kind.IDENTITY


def test_values_in_a_list_count_one_by_one(tmp_path: Path) -> None:
    file = turtle(tmp_path / "p.ttl", policy("a", "axis:any", "isAnyOf", "(1 2)"))
    found = problem_at(file, KNOWN)
    operand = found.knowledge.operand(AXIS + "any")
    assert operand is not None
    assert operand.kind is Kind.NUMBER


def test_an_anchor_is_taken_from_its_constraint(tmp_path: Path) -> None:
    length = '"P30D"^^xsd:duration'
    text = policy("a", "odrl:timeInterval", "eq", length, '; ex:anchor "2026-01-01"^^xsd:date')
    found = problem_at(turtle(tmp_path / "p.ttl", text), Knowledge())
    [constraint] = found.policies[0].permissions[0].constraints
    assert [moment.isoformat() for moment in found.anchors.values()] == [
        "2026-01-01T00:00:00+00:00"
    ]
    assert list(found.anchors) == [constraint.id]


@pytest.mark.parametrize("value", ['"soon"', "ex:then", '"2026-01-01"^^xsd:date, "2026-02-01"'])
def test_an_anchor_that_is_no_moment_is_refused(tmp_path: Path, value: str) -> None:
    length = '"P30D"^^xsd:duration'
    text = policy("a", "odrl:timeInterval", "eq", length, f"; ex:anchor {value}")
    with pytest.raises(PolicyInvalid):
        problem_at(turtle(tmp_path / "p.ttl", text), Knowledge())


# -- hierarchies ---------------------------------------------------------------------------------


def test_hierarchies_are_read_from_the_usual_properties(tmp_path: Path) -> None:
    turtle(
        tmp_path / "a.ttl",
        """
        ex:Basic a skos:Concept ; skos:broader ex:Research ; rdfs:label "Basic" .
        ex:Research skos:narrower ex:Applied ; owl:equivalentClass ex:Enquiry ;
            owl:disjointWith ex:Sales ; rdfs:subClassOf [ a owl:Restriction ] .
        ex:Town ex:parentFeature ex:Land . ex:Coast ex:hasPart ex:Port .
        [] a owl:AllDisjointClasses ; owl:members ( ex:One ex:Two ) .
        [] a owl:AllDifferent ; owl:distinctMembers ( ex:a ex:b ex:Research ) .
        ex:c owl:differentFrom ex:d .
        """,
    )
    (tmp_path / "notes.txt").write_text("not read", "utf-8")
    known = hierarchies_in(tmp_path)
    ex = "https://example.org/terms#"
    assert ex + "Research" in known.above(ex + "Basic")
    assert ex + "Research" in known.above(ex + "Applied")
    assert ex + "Enquiry" in known.above(ex + "Research")
    assert ex + "Research" in known.above(ex + "Enquiry")
    assert ex + "Land" in known.above(ex + "Town", wholes=True)
    assert ex + "Coast" in known.above(ex + "Port", wholes=True)
    assert not any(name.startswith("_:") for name in known.broader)
    assert {frozenset(item.removeprefix(ex) for item in group) for group in known.disjoint} == {
        frozenset({"Research", "Sales"}),
        frozenset({"One", "Two"}),
        frozenset({"a", "b"}),
        frozenset({"c", "d"}),
    }


def test_a_broken_resource_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ttl").write_text("this is not Turtle", "utf-8")
    with pytest.raises(PolicyInvalid):
        hierarchies_in(tmp_path)


# -- the public sample ---------------------------------------------------------------------------


@pytest.mark.reference
def test_the_public_sample(tmp_path: Path) -> None:
    table = Path(os.environ["PREAU_REFERENCE"], "odrl", "conflicts", "verdicts.csv")
    done = preau(table, "--out", tmp_path / "o.csv", "--json")
    assert done.exit_code == Exit.OK
    found = json.loads(done.stdout)
    assert found["unsound"] == 0
    lost = {item["problem"] for item in found["problems"] if item["verdict"] != item["table"]}
    assert lost <= {"ODRL869-1"}  # its Turtle does not say when the agreement begins
