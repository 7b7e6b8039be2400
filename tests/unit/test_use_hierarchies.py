"""Declared hierarchies between two nodes: described, signed, bound into plans, and executed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.diagnosis import sources
from connector.domain.catalog import hierarchy
from connector.enforcement.steps.minimise import RowTest
from connector.enforcement.steps.request import Measure, TableRequest
from connector.errors import (
    DataFileMissing,
    DataFileUnreadable,
    DescriptionIncomplete,
    Malformed,
)
from connector.jsonld.policy import policy_document
from connector.services.health.diagnose import FAIL, OK
from connector.services.negotiation.plans import plan_of
from connector.services.publication import publish
from connector.services.use import asking, deciding, preparing
from connector.services.use.asking import Answered, Wanted
from policies_odrl import Policy
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import PREAU
from tests.support.each import over
from tests.support.link import DATASET, Link, description, link
from tests.support.management import commanded
from tests.support.negotiating import ask as negotiated
from tests.support.policies import amount, name_is, one_rule
from tests.support.preparing import prepared
from tests.unit.test_use_noise import Direct

CODES = "code,epci\n35238,243500139\n35210,243500139\n22278,200065928\n75056,200054781\n"
COMMUNES = ("35238", "35210", "22278", "35999")  # the last is none of the file's
DAYS = ("2010-05-09", "2011-01-31", "2011-12-01", "unknown")
ROWS = "".join(
    f"p{n},{n % 3},{400 + n % 7},{COMMUNES[n % 4]},3{n % 2 + 1},{DAYS[n % 4]}\n" for n in range(80)
)
COMMUNE = {
    "name": "commune",
    "class": "quasi-identifier",
    "datatype": "category",
    "territory": "commune",
    "hierarchy": {
        "file": "epci.csv",
        "name": "Communes by EPCI",
        "source": "INSEE, composition communale des EPCI",
        "date": "2026-01-01",
    },
}
TRADE = {
    "name": "trade",
    "class": "quasi-identifier",
    "datatype": "category",
    "hierarchy": {"file": "pcs.csv", "name": "PCS", "source": "INSEE", "date": "2020-01-01"},
    "leaves_as": "csp6",
}
BORN = {
    "name": "born",
    "class": "quasi-identifier",
    "datatype": "category",
    "leaves_as": "year",
}
GROUP = name_is("granularity", PREAU + "MunicipalGroup")
OFFERS: dict[str, Policy] = {
    "rows": one_rule("read", GROUP),
    "cells": one_rule("aggregate", GROUP),
    "noise": one_rule(
        *("aggregate", GROUP, amount("epsilon", "1"), amount("delta", "0.00001")),
        *(name_is("unitOfPrivacy", PREAU + "Person"), amount("rowsPerPerson", "1")),
    ),
}


def described(folder: Path, **changes: Any) -> dict[str, Any]:
    found = description(folder, malformed_share=0.3, **changes)
    found.pop("offer")
    (reading,) = [each for each in found["columns"] if each["name"] == "reading"]
    reading["leaves_as"] = "from 402 to 405"
    found["columns"] += [json.loads(json.dumps(each)) for each in (BORN, COMMUNE, TRADE)]
    offers = (replace(each, id=f"urn:offer:{name}") for name, each in OFFERS.items())
    return {**found, "offers": list(map(policy_document, offers))}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    tmp_path = tmp_path_factory.mktemp("hierarchies")
    header = "pupil,grade,reading,commune,trade,born\n"
    (tmp_path / "pupils.csv").write_text(header + ROWS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, link(tmp_path) as pair:
        patch.setattr(deciding, "WAIT_SECONDS", 0.0)
        for node in (pair.school, pair.lab):
            node.ports = replace(node.ports, preparing=prepared, accountant=Direct())
            node.ports.asking.over.set()
        (pair.school.home / "epci.csv").write_text(CODES, encoding="utf-8")
        (pair.school.home / "pcs.csv").write_text("code,csp6\n31,3\n32,3\n", encoding="utf-8")
        publish.publish(pair.school.ports, described(tmp_path))
        yield pair


def contract(pair: Link, offer: str) -> str:
    pid = negotiated(pair, offer_id=f"urn:offer:{offer}")
    (found,) = [each for each in pair.lab.negotiations() if each.pid == pid]
    return found.agreement_id


def used(pair: Link, contract: str, cells: TableRequest | None = None) -> Answered:
    wanted = Wanted(action=ODRL + ("aggregate" if cells else "read"), cells=cells, format="jsonl")
    first = asking.ask(pair.lab.ports, contract, wanted)
    while preparing.turn(pair.school.ports, steady=True) == 0:
        pass
    return asking.again(pair.lab.ports, first.request_id)


def json_lines(found: Answered) -> list[dict[str, Any]]:
    assert found.state == "ready", found.reasons
    return [json.loads(line) for line in found.data.splitlines()]


def verdict(pair: Link) -> str:
    """What `preau doctor` says of the files of hierarchies."""
    with pair.school.ports.store.read() as tx:
        (found,) = sources.hierarchies(pair.school.ports.sources, tx)
    return found.verdict


def rows_of(pair: Link, found: Answered) -> list[dict[str, Any]]:
    with pair.school.ports.store.read() as tx:
        extract = tx.extracts.get(found.extract_id)
    assert extract is not None, found.reasons
    assert extract.state.value == "ready", extract.code
    data = pair.school.ports.extracts.read(extract, 0, extract.bytes).tobytes()
    return [json.loads(line) for line in data.splitlines()]


def test_rows_leave_by_the_units_of_the_file_that_both_have_signed(pair: Link) -> None:
    agreement = contract(pair, "rows")
    for node in (pair.school, pair.lab):
        (signed,) = [plan_of(each) for each in node.agreements() if each.id == agreement]
        hows = [step.body["how"] for step in signed.uses[0].steps if step.kind == "generalise"]
        named = [how["digest"] for how in hows if "digest" in how]
        assert named == [hierarchy.digest(CODES.encode()), PCS]
    rows = rows_of(pair, used(pair, agreement))
    assert {(row["commune"], row["trade"]) for row in rows} == {
        ("243500139", "3"),
        ("200065928", "3"),
        (None, "3"),  # of the code that the file does not have
    }
    assert {row["born"] for row in rows} == {2010, 2011, None}
    assert {row["reading"] for row in rows} == {402, 403, 404, 405}
    # Another year's file changes what is offered, and nothing of what was signed.
    later = CODES.replace("200065928", "200065929")
    (pair.school.home / "epci.csv").write_text(later, encoding="utf-8")
    publish.publish(pair.school.ports, described(pair.folder))
    assert {row["commune"] for row in rows_of(pair, used(pair, agreement))} == {
        *("243500139", "200065928", None)
    }
    kept = pair.school.ports.sources.kept(hierarchy.digest(CODES.encode()))
    assert verdict(pair) == OK
    kept.write_text(later, encoding="utf-8")
    assert used(pair, agreement).code == DataFileUnreadable.code
    kept.unlink()
    assert verdict(pair) == FAIL
    assert used(pair, agreement).code == DataFileMissing.code
    (pair.school.home / "epci.csv").write_text(CODES, encoding="utf-8")
    publish.publish(pair.school.ports, described(pair.folder))
    assert used(pair, agreement).state == "ready"


PCS = hierarchy.digest(b"code,csp6\n31,3\n32,3\n")


def test_cells_with_noise_are_of_all_units_whether_a_row_is_there_or_not(pair: Link) -> None:
    table = TableRequest(("commune",), (Measure("persons"),), epsilon=1.0)
    agreement = contract(pair, "noise")
    rows = json_lines(used(pair, agreement, table))
    assert [row["commune"] for row in rows] == ["200054781", "200065928", "243500139"]
    assert abs(rows[0]["persons"]) < 60  # nobody lives there; beyond this once in e⁶⁰
    filters = (RowTest("commune", "anyOf", ("35238",)),)
    with pytest.raises(Malformed, match="`35238` is not a value of `commune`"):
        used(pair, agreement, replace(table, filters=filters))


def test_cells_are_of_units(pair: Link) -> None:
    table = TableRequest(("commune",), (Measure("persons"),))
    rows = json_lines(used(pair, contract(pair, "cells"), table))
    assert {row["commune"]: row["persons"] for row in rows} == {
        "200065928": 20,
        "243500139": 40,
        None: 20,
    }
    later = replace(table, dimensions=(), filters=(RowTest("born", "atLeast", ("2011",)),))
    assert json_lines(used(pair, contract(pair, "cells"), later)) == [
        {"persons": 40, "withheld": False}
    ]
    with pytest.raises(Malformed, match="no order"):
        used(
            pair,
            contract(pair, "cells"),
            replace(table, filters=(RowTest("trade", "atMost", ("3",)),)),
        )
    # Of another year's units tables leave, too, and are compared with those of the year before.
    moved = CODES.replace("200065928", "200065929")
    (pair.school.home / "epci.csv").write_text(moved, encoding="utf-8")
    publish.publish(pair.school.ports, described(pair.folder))
    rows = json_lines(used(pair, contract(pair, "cells"), table))
    assert {row["commune"] for row in rows} == {"200065929", "243500139", None}
    (pair.school.home / "epci.csv").write_text(CODES, encoding="utf-8")
    publish.publish(pair.school.ports, described(pair.folder))


def test_everybody_sees_which_file_it_is_and_the_steward_what_it_lacks(pair: Link) -> None:
    with commanded(pair.school.ports) as preau:
        shown = json.loads(preau("dataset", "show", DATASET, "--json").stdout)
        words = preau("dataset", "show", DATASET).stdout
    assert shown["check"]["outside"] == {"commune": 20, "trade": 0}
    (column,) = [each for each in shown["columns"] if each["name"] == "commune"]
    assert column["hierarchy"]["levels"] == {"epci": 3}
    assert column["hierarchy"]["digest"] == hierarchy.digest(CODES.encode())
    assert "Communes by EPCI (INSEE, composition communale des EPCI, 2026-01-01)" in words
    assert "leaves as csp6" in words


@over(
    ("column", "changes", "fault", "reason"),
    [
        (-2, {"hierarchy": {**COMMUNE["hierarchy"], "date": "2026-13-01"}}, *(None, "calendar")),
        (-2, {"hierarchy": {**COMMUNE["hierarchy"], "file": "none.csv"}}, DataFileMissing, "none"),
        (-2, {"hierarchy": {"file": "epci.csv"}}, None, "is missing"),
        (-2, {"categories": ["35238", "99999"]}, None, "`99999`, which is not a code"),
        (-1, {"leaves_as": "csp24"}, None, "no `hierarchy` with that level"),
        (-1, {"hierarchy": None}, None, "no `hierarchy` with that level"),
        (-3, {"leaves_as": "day"}, None, "no `hierarchy` with that level"),
        (-4, {"leaves_as": "year"}, None, "not for numbers"),
    ],
)
def test_a_hierarchy_that_is_not_as_declared_is_not_published(
    pair: Link, column: int, changes: dict[str, Any], fault: Any, reason: str
) -> None:
    found = described(pair.folder)
    found["columns"][column] |= changes
    with pytest.raises(fault or DescriptionIncomplete, match=reason):
        publish.publish(pair.school.ports, found)


def test_codes_that_the_file_does_not_have_are_counted_and_bounded(pair: Link) -> None:
    found = described(pair.folder) | {"malformed_share": 0.2}
    with pytest.raises(DescriptionIncomplete, match="20 of 80 values of `commune`"):
        publish.publish(pair.school.ports, found)
