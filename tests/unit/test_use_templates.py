"""Contract templates that can be published run between two nodes: a use granted, three refused.

Rows and tables are made by the real engine, in this process. What cannot be published is in
`test_policy_templates.py`, each with the part that no mechanism upholds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.mechanisms import MECHANISMS
from connector.domain.contract.duty import DeedKind
from connector.enforcement.coverage import cover
from connector.enforcement.steps.request import Measure, TableRequest
from connector.errors import ConstraintUnknown, PolicyInvalid, UseRefused
from connector.jsonld.policy import policy_document, read_policy
from connector.services.approval import deciding as deciding_persons
from connector.services.duties import stating
from connector.services.duties.stating import Said
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from connector.services.use import asking, attesting, deciding, preparing
from connector.services.use.asking import Answered, Wanted
from policies_odrl import fill, template
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.link import DATASET, Link, description, link
from tests.support.preparing import prepared

READ, AGGREGATE = ODRL + "read", ODRL + "aggregate"
TABLE = TableRequest(("grade",), (Measure("persons"), Measure("mean", "reading")))
COMMUNES = ("35238", "22278", "75056")
BY_TERRITORY = replace(TABLE, dimensions=("commune",))
CONSENT = "/permission/0/duty/0"
SCHOOLS = "urn:example:schools"
# Template -> what is asked for, which columns leave, and values in place of its example's.
RUN: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "consent": (READ, ("grade", "reading"), {}),
    "ferpa-study": (READ, ("grade", "reading"), {}),
    "public-task": (READ, ("grade", "reading"), {}),
    "research": (READ, ("pupil", "grade", "reading", "commune"), {}),
    "school-resources": (READ, ("pupil", "grade"), {"columns": "pupil\ngrade"}),
    "short-lived-stream": (READ, ("grade", "reading"), {}),
    "statistics": (AGGREGATE, (), {}),
    "monthly-counts": (AGGREGATE, (), {}),
    "open-data": (READ, ("uai",), {}),
    "adaptive-content": (READ, ("grade", "reading"), {}),
}
CONTRACTS = Path(__file__).parents[2] / "examples" / "contracts"
COLUMNS = ("uai", "niveau", "classe")
# Contract of the sector -> on what, what is asked for, which rows leave.
WRITTEN: dict[str, tuple[str, str, tuple[str, ...], int]] = {
    "exercices": (DATASET, READ, ("grade", "reading", "commune"), 60),
    "ressources": ("urn:donnees:comptes", READ, ("identifiant", *COLUMNS), 40),
    "ouvertes": ("urn:donnees:ouvertes", ODRL + "distribute", ("uai", "effectif"), 2),
    "trajectoires": ("urn:donnees:trajectoires", READ, ("identifiant", *COLUMNS), 40),
    "effectifs": (DATASET, AGGREGATE, ("commune", "persons", "mean(reading)", "withheld"), 3),
}
MISSING = {
    "portabilite": "portability",
    "sante": "a bubble",
}
OPINION = template("research").example["ethics"]


def offered(name: str, changes: dict[str, str]) -> dict[str, Any]:
    item = template(name)
    left = {each.name for each in item.parameters} - {"dataset", "provider"}
    columns = {"columns": "grade\nreading", "space": "did:web:authority.example", **changes}
    values = {**item.example, **{each: it for each, it in columns.items() if each in left}}
    return policy_document(fill(item, {each: it for each, it in values.items() if each in left}))


def chosen(action: str, *conditions: str) -> dict[str, Any]:
    """An offer of the rows that meet conditions."""
    rows = {
        "leftOperand": PREAU + "rowCondition",
        "operator": "isAllOf",
        "rightOperand": list(conditions),
    }
    found = offered("public-task", {"columns": "grade\nreading\ncommune"})
    (rule,) = found["permission"]
    rule.update(action=f"odrl:{action}", constraint=[*rule["constraint"], rows])
    return {**found, "@id": f"urn:chosen:{action}:{len(conditions)}"}


CHOSEN = (
    chosen("read", "commune in 35238 | 22278"),
    chosen("read", "commune in 35238 | 22278", "reading from 403"),
    chosen("aggregate", "commune in 35238 | 22278"),
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    """A school that offers all of them, and a lab."""
    folder = tmp_path_factory.mktemp("templates")
    rows = "".join(f"p{at},{at % 3},{400 + at % 7},F,{COMMUNES[at % 3]}\n" for at in range(60))
    (folder / "pupils.csv").write_text(f"pupil,grade,reading,sex,commune\n{rows}", encoding="utf-8")
    (folder / "schools.csv").write_text("uai\n0750001A\n0750002B\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, link(folder) as pair:
        patch.setattr(deciding, "WAIT_SECONDS", 0.0)
        for node in pair.nodes.values():
            node.ports = replace(node.ports, preparing=prepared)
        about = {name: offered(name, changes) for name, (_, _, changes) in RUN.items()}
        schools = description(
            folder,
            id=SCHOOLS,
            file={"path": str(folder / "schools.csv"), "format": "csv"},
            columns=[{"name": "uai", "class": "other", "datatype": "category"}],
            personal=False,
            offer=about.pop("open-data"),
        )
        for left_out in ("person_column", "cap", "rows_per_person", "population"):
            schools.pop(left_out)
        here = (*(written(name) for name in ("exercices", "effectifs")), *CHOSEN)
        pupils = description(folder, offers=[*about.values(), *here])
        pupils.pop("offer")
        commune = {"name": "commune", "class": "quasi-identifier", "datatype": "category"}
        pupils["columns"].append({**commune, "territory": "commune"})
        paths = accounts(folder, "trajectoires")
        for described in (pupils, schools, accounts(folder, "ressources"), paths, cells(folder)):
            publish.publish(pair.school.ports, described)
        yield pair


def written(name: str) -> dict[str, Any]:
    """Return a contract of the sector as an offer of the school's."""
    text = (CONTRACTS / name / "contrat.json").read_text("utf-8")
    found = json.loads(
        text.replace("did:web:espace.education.example", "did:web:authority.example")
    )
    for part in ("target", "assigner", "assignee", "dspace:timestamp"):
        found.pop(part, None)
    return {**found, "@type": "Offer"}


def accounts(folder: Path, name: str) -> dict[str, Any]:
    """Accounts of pupils, for digital resources or as trajectories."""
    rows = "".join(f"{name[0]}{at},0750001A,{at % 3},{at % 5},n{at}\n" for at in range(40))
    file = folder / f"{name}.csv"
    file.write_text(f"identifiant,uai,niveau,classe,nom\n{rows}", encoding="utf-8")
    kinds = ("direct identifier", "other", "other", "other", "direct identifier")
    return description(
        folder,
        id=WRITTEN[name][0],
        file={"path": str(file), "format": "csv"},
        columns=[
            {"name": name, "class": kind, "datatype": "category"}
            for name, kind in zip(("identifiant", *COLUMNS, "nom"), kinds, strict=True)
        ],
        person_column="identifiant",
        rows_per_person=1,
        offer=written(name),
    )


def cells(folder: Path) -> dict[str, Any]:
    """Counts of pupils, three of which are over too few."""
    file = folder / "cells.csv"
    file.write_text("uai,effectif\nA,4\nB,5\nC,60\nD,0\nE,\n", encoding="utf-8")
    found = description(
        folder,
        id="urn:donnees:ouvertes",
        file={"path": str(file), "format": "csv"},
        columns=[
            {"name": "uai", "class": "other", "datatype": "category"},
            {"name": "effectif", "class": "other", "datatype": "number", "unit": "{person}"},
        ],
        personal=False,
        offer=written("ouvertes"),
    )
    for left_out in ("person_column", "cap", "rows_per_person", "population"):
        found.pop(left_out)
    return found


def agreed(pair: Link, name: str) -> str:
    dataset = SCHOOLS if name == "open-data" else DATASET
    return contracted(pair, dataset, template(name).example["id"])


def contracted(pair: Link, dataset: str, offer: str) -> str:
    asked = negotiate.request(pair.lab.ports, pair.school.did, dataset, offer_id=offer)
    pair.pump()
    with pair.lab.ports.store.read() as tx:
        found = tx.negotiations.get(asked.pid)
    assert found is not None
    assert found.agreement_id, found.reasons
    return found.agreement_id


def used(pair: Link, contract: str, wanted: Wanted) -> Answered:
    first = asking.ask(pair.lab.ports, contract, wanted)
    preparing.turn(pair.school.ports, steady=True)
    return asking.again(pair.lab.ports, first.request_id)


def file_of(pair: Link, found: Answered) -> bytes:
    with pair.school.ports.store.read() as tx:
        extract = tx.extracts.get(found.extract_id)
    assert extract is not None
    return pair.school.ports.extracts.read(extract, 0, extract.bytes).tobytes()


def do(pair: Link, contract: str, path: str) -> None:
    stating.done(pair.lab.ports, f"{contract}#{path}", Said(DeedKind.DONE, ""))
    pair.pump()


@pytest.mark.parametrize("name", RUN)
def test_one_use_is_granted_and_three_are_refused(pair: Link, name: str) -> None:
    action, columns, _ = RUN[name]
    contract = agreed(pair, name)
    cells = BY_TERRITORY if name == "monthly-counts" else TABLE
    wanted = Wanted(action=action, format="jsonl", cells=cells if action == AGGREGATE else None)
    if name == "research":
        attesting.attest(pair.school.ports, contract, "ethicsOpinion", OPINION)
    if name == "adaptive-content":
        consented(pair, contract, wanted)
    if name == "consent":
        assert used(pair, contract, wanted).code == "DUTY_OWED"
        do(pair, contract, CONSENT)
    found = used(pair, contract, wanted)
    assert found.state == "ready", (found.code, found.reasons)
    rows = [json.loads(line) for line in file_of(pair, found).splitlines()]
    if action == AGGREGATE:
        assert [row["persons"] for row in rows] == [20, 20, 20]
        assert {row.get("commune") for row in rows} in ({None}, {"22", "35", "75"})
        beyond = replace(wanted, cells=replace(TABLE, dimensions=("pupil",)))
    else:
        assert {tuple(row) for row in rows} == {columns}
        beyond = replace(wanted, columns=("sex",))
    names = {str(row.get("pupil")) for row in rows}
    assert not names & {f"p{at}" for at in range(60)}
    other = {} if name == "open-data" else {ODRL + "purpose": (DPV + "Marketing",)}
    for refused in (
        replace(wanted, stated=other or {ODRL + "spatial": ("urn:x",)}),
        beyond,
        replace(wanted, stated={PREAU + "membership": ("did:web:authority.example",)}),
    ):
        assert used(pair, contract, refused).state == "refused"
    while duties := stating.duties(pair.lab.ports, agreement=contract).values:
        do(pair, contract, duties[0].path)
    for node in (pair.lab, pair.school):
        assert not stating.duties(node.ports, agreement=contract).values


def consented(pair: Link, contract: str, wanted: Wanted) -> None:
    """Attest consent, and see that no less than the pupils' and the parents' is enough."""
    school = pair.school.ports
    for who in ("DataSubject", "Guardian"):
        assert used(pair, contract, wanted).state == "refused"
        attesting.attest(school, contract, "consentBy", who)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_contract_of_the_sector_runs(pair: Link, name: str) -> None:
    dataset, action, columns, number = WRITTEN[name]
    contract = contracted(pair, dataset, f"urn:contrat:{name}")
    cells = BY_TERRITORY if action == AGGREGATE else None
    wanted = Wanted(action=action, format="jsonl", cells=cells)
    if name == "exercices":
        consented(pair, contract, wanted)
    if name == "trajectoires":
        attesting.attest(pair.school.ports, contract, "ethicsOpinion", "urn:avis:2026-031")
        planned = pair.clock.now() + timedelta(days=300)
        results = Said(DeedKind.HAPPENED, PREAU + "Results", planned)
        stating.state(pair.school.ports, contract, results)
        pair.pump()
    if name in {"ouvertes", "effectifs"}:  # the source is named first
        assert used(pair, contract, wanted).code == "DUTY_OWED"
        do(pair, contract, CONSENT)
    found = used(pair, contract, wanted)
    assert found.state == "ready", (found.code, found.reasons)
    rows = [json.loads(line) for line in file_of(pair, found).splitlines()]
    assert ({tuple(row) for row in rows}, len(rows)) == ({columns}, number)
    assert not {row.get("identifiant") for row in rows} & {f"{name[0]}{at}" for at in range(40)}
    none = ODRL + "spatial" if name == "ouvertes" else ODRL + "purpose"
    beyond = replace(TABLE, dimensions=("pupil",)) if cells else None
    for refused in (
        replace(wanted, stated={none: (DPV + "Marketing",)}),
        replace(wanted, columns=() if cells else ("nom",), cells=beyond),
    ):
        assert used(pair, contract, refused).state == "refused"
    with pytest.raises(UseRefused):
        used(pair, contract, replace(wanted, action=ODRL + "derive"))
    while duties := stating.duties(pair.lab.ports, agreement=contract).values:
        do(pair, contract, duties[0].path)


def test_only_rows_that_the_contract_chooses_are_used(pair: Link) -> None:
    whole = [(str(at % 3), 400 + at % 7, COMMUNES[at % 3]) for at in range(60)]
    kept = [row for row in whole if row[2] != "75056"]
    for number, expected in ((1, kept), (2, [row for row in kept if row[1] >= 403])):
        contract = contracted(pair, DATASET, f"urn:chosen:read:{number}")
        found = used(pair, contract, Wanted(action=READ, format="jsonl"))
        rows = [json.loads(line) for line in file_of(pair, found).splitlines()]
        left = [(str(int(row["grade"])), int(row["reading"]), row["commune"]) for row in rows]
        assert left == expected
    contract = contracted(pair, DATASET, "urn:chosen:aggregate:1")
    wanted = Wanted(action=AGGREGATE, cells=TableRequest(("commune",), (Measure("persons"),)))
    cells = [json.loads(line) for line in used(pair, contract, wanted).data.splitlines()]
    assert {row["commune"]: row["persons"] for row in cells} == {"22278": 20, "35238": 20}


def test_tables_of_two_datasets_of_one_population_are_compared(pair: Link) -> None:
    """A second dataset of the same pupils, in another file without a column, less some of them."""
    grades = TableRequest(("grade",), (Measure("persons"),))
    wanted = Wanted(action=AGGREGATE, format="jsonl", cells=grades)
    found = used(pair, contracted(pair, DATASET, "urn:chosen:aggregate:1"), wanted)
    assert found.state == "ready", (found.code, found.reasons)
    for left_out, expected in (({0}, "TABLE_REFUSED"), (set(range(0, 60, 3)), "")):
        again = view(pair, [at for at in range(60) if at % 3 != 2 and at not in left_out])
        found = used(pair, contracted(pair, again, f"{again}:offer"), wanted)
        assert (found.code, found.state) == (expected, "failed" if expected else "ready")


def view(pair: Link, pupils: list[int]) -> str:
    """Publish rows of some pupils as another dataset of their register; its id."""
    name = f"urn:view:{len(pupils)}"
    file = pair.folder / f"{len(pupils)}.csv"
    rows = "".join(f"p{at},{at % 3},{400 + at % 7}\n" for at in pupils)
    file.write_text(f"pupil,grade,reading\n{rows}", encoding="utf-8")
    terms = {**offered("statistics", {}), "@id": f"{name}:offer"}
    stated = {"path": str(file), "format": "csv"}
    register = publish.dataset(pair.school.ports, DATASET).register_id
    described = description(pair.folder, id=name, file=stated, register=register, offer=terms)
    publish.publish(pair.school.ports, described)
    return name


def test_what_is_published_is_a_table_that_two_persons_have_accepted(pair: Link) -> None:
    contract = contracted(pair, "urn:donnees:trajectoires", "urn:contrat:trajectoires")
    table = TableRequest(("niveau",), (Measure("persons"),))
    wanted = Wanted(action=PREAU + "publish", cells=table)
    found = used(pair, contract, wanted)
    assert found.state == "waiting"
    (waits,) = deciding_persons.approvals(pair.school.ports).values
    for role in ("reviewer-1", "reviewer-2"):
        assert asking.again(pair.lab.ports, found.request_id).state == "waiting"
        deciding_persons.accept(pair.school.ports, waits.id, role)
    found = asking.again(pair.lab.ports, found.request_id)
    assert found.content
    assert found.content.digest == waits.request
    rows = [json.loads(line) for line in found.data.splitlines()]
    assert [(row["niveau"], row["persons"]) for row in rows] == [("0", 14), ("1", 13), ("2", 13)]
    named = replace(wanted, cells=replace(table, dimensions=("identifiant",)))
    assert used(pair, contract, named).state == "refused"
    with pytest.raises(UseRefused):
        used(pair, contract, replace(wanted, action=AGGREGATE))


@pytest.mark.parametrize("name", MISSING)
def test_a_contract_that_no_node_upholds_names_the_mechanism(name: str) -> None:
    with pytest.raises(ConstraintUnknown) as caught:
        cover(read_policy(written(name)), MECHANISMS)
    assert f"it takes {MISSING[name]}" in caught.value.reason


def test_the_contract_on_training_can_be_published() -> None:
    (use,) = {line.by for line in cover(read_policy(written("decrochage")), MECHANISMS)[:1]}
    assert use == "training step"


def test_what_is_attested_of_persons_ends_with_their_file(pair: Link) -> None:
    contract = contracted(pair, DATASET, "urn:contrat:exercices")
    school = pair.school.ports
    attesting.attest(school, contract, "age", "15")
    attesting.attest(school, contract, "consentBy", "preau:DataSubject")
    wanted = Wanted(action=READ, format="jsonl")
    assert used(pair, contract, wanted).state == "ready"
    attesting.attest(school, contract, "age", "12")  # of the youngest
    assert used(pair, contract, wanted).state == "refused"
    attesting.attest(school, contract, "age", "12", holds=False)
    assert used(pair, contract, wanted).state == "ready"
    with school.store.write() as tx:
        dataset = tx.datasets.get(DATASET)
        assert dataset is not None
        tx.datasets.put(replace(dataset, file=replace(dataset.file, digest="0" * 64)))
        assert attesting.attested(tx, contract) == {}
        tx.datasets.put(dataset)
    for operand, value in (
        ("age", "old"),
        ("consentBy", "Teacher"),
        ("charter", "x"),
        ("epsilon", "urn:a"),
    ):
        with pytest.raises(PolicyInvalid):
            attesting.attest(school, contract, operand, value)
