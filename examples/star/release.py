"""The second act: a table with noise and an extract of one académie, and what levels come to.

The lab has a second contract with it. Before that, the académie measured each level that it could
offer; the report of the one that it offers goes with the contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import contracts
import pupils
import story
from space import Space

from connector.management.views.publishing.risk import FindingsView

NAME = contracts.RELEASING
QUESTION = {
    "dimensions": ["gr", "cltype"],
    "measures": [{"function": "count", "column": ""}],
    "epsilon": contracts.TABLES_EPSILON,
    "delta": 0.0,
}
SECONDS = 60.0


@dataclass(frozen=True)
class Level:
    """What a level of protection comes to.

    Attributes:
        name: for people.
        risk: share of persons who stand out by what leaves; 0 for tables.
        kept: 1 less the mean loss of the columns.
    """

    name: str
    risk: float
    kept: float


@dataclass(frozen=True)
class Released:
    """What the lab got.

    Attributes:
        levels: as the académie measured them.
        table: the cells, with noise.
        deviation: of the noise of a count.
        rows: of the extract.
        columns: of the extract.
        pseudonyms: distinct pupils of the extract.
        hidden: whether no number of a pupil is in the extract.
        reported: whether the contract carries the report of its rows.
    """

    levels: list[Level]
    table: list[dict[str, Any]]
    deviation: float
    rows: int
    columns: list[str]
    pseudonyms: int
    hidden: bool
    reported: bool


def release(cast: story.Cast, space: Space, division: pupils.Division, folder: Path) -> Released:
    """Measure the levels, conclude the second contract, ask for the table and fetch the extract.

    Args:
        cast: whose académie `NAME` has published its part.
        space: the authority's.
        division: with the pupils of the académie, whose numbers must not leave.
        folder: with the file `star-centre.csv`; the extract goes beside it.
    """
    ids = {record["id"] for record in division.parts[NAME]}
    academy, until = cast.academies[NAME], datetime.now(UTC) + timedelta(days=30)
    dataset = f"urn:star:{NAME}"
    with academy.client() as client:
        measured = {
            level: client.preview(dataset, offer)
            for level, offer in contracts.levels(space.authority.did, until).items()
        }
        offers = [
            contracts.offer(NAME, space.authority.did, until),
            {"policy": contracts.released(NAME, space.authority.did, until), "report": "shown"},
        ]
        file, population = folder / f"star-{NAME}.csv", division.population(NAME)
        client.publish(contracts.dataset(NAME, file, population, offers))
    with cast.lab.client() as lab:
        agreement = story.contract(lab, academy, dataset, f"urn:star:{NAME}:offer:released")
        answer = lab.query(agreement, QUESTION)
        while answer.state == "preparing":
            answer = lab.use_again(answer.request)
        if answer.state != "ready":
            raise SystemExit(f"no table: {answer.code}: {'; '.join(answer.reasons)}")
        extract = lab.get(agreement, folder, format="parquet", seconds=SECONDS).arrow()
        findings = lab.agreement(agreement).findings
    found = extract.column("id").unique().to_pylist()
    return Released(
        levels=[_level(name, uses[0]) for name, uses in measured.items()],
        table=answer.rows,
        deviation=answer.noise.deviations["count"] if answer.noise else 0.0,
        rows=extract.num_rows,
        columns=extract.column_names,
        pseudonyms=len(found),
        hidden=not ids & set(found),
        reported=any(each.risk for each in findings),
    )


def _level(name: str, found: FindingsView) -> Level:
    risk = found.risk.unique if found.risk else 0.0
    lost = [1.0 if each is None else each for each in found.marginal.values()]
    return Level(name, risk, 1.0 - sum(lost) / len(lost))
