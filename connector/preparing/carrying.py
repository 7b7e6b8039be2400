"""Carries out a use: the source as its layout states, the steps of the plan, the file.

Runs in the confined process (`worker.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from connector.domain.catalog import hierarchy
from connector.domain.catalog.dataset import ColumnClass
from connector.domain.catalog.layout import Layout
from connector.enforcement.plan import Step
from connector.enforcement.steps import registry
from connector.enforcement.steps.pseudonymise import Scope
from connector.enforcement.steps.request import TableRequest
from connector.enforcement.steps.sum_request import SumRequest
from connector.enforcement.steps.table import TableSteps
from connector.errors import Malformed, PreauError, StepUnknown, UseRefused
from connector.jsonld.canonical import canonical
from connector.preparing.writing import write
from connector.protection.cells.released import Released
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.pseudonymise import scope_key
from connector.protection.risk.measure import measure
from connector.protection.rows import rows as execute
from connector.protection.sums import added
from connector.protection.tables import Asked, table
from connector.protection.translate import translated
from connector.sources.reading import Tally, batches
from federated.aggregation import Side
from federated.persons import Suppressed
from federated.privacy.event import from_mapping
from federated.reading import Member


def carry(request: dict[str, Any], out: BinaryIO) -> dict[str, Any]:
    """Carry out a use, and return what was made.

    Args:
        request: as `child.py` writes it.
        out: where the file goes.

    Raises:
        DataFault: the source is not what its layout states.
        StepUnknown: the steps cannot be executed on it.
    """
    steps, rows, ground, means = opened(request)
    outcome = Outcome()
    if request["sums"] is not None:
        wanted = SumRequest.read(Member(request["sums"], _refusal))
        sides = [Side(bytes.fromhex(key), adds) for key, adds in request["sides"]]
        made = iter(added(steps, rows, ground, means, wanted, sides).to_batches())
    elif request["cells"] is None:
        made = _wanted(execute(steps, rows, ground, means, outcome), request["columns"], steps)
    else:
        asked = Asked(
            TableRequest.read(Member(request["cells"], _refusal)),
            request["snapshot"],
            [Released.read(Member(each, _refusal)) for each in request["before"]],
            from_mapping(request["charged"]).items,
        )
        made = iter(table(steps, rows, ground, means, outcome, asked).to_batches())
    count = write(made, request["format"], out)
    released = [each.body() for each in outcome.released]
    return {"rows": count, "suppressed": outcome.withheld, "released": released}


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """Return what the steps of a use come to on the source, as it may be told.

    Args:
        request: as `child.py` writes it.

    Raises:
        DataFault: the source is not what its layout states.
        StepUnknown: the steps cannot be executed on it.
    """
    classes = {name: ColumnClass(kind) for name, kind in request["classes"].items()}
    return measure(*opened(request), classes).body()


def translate(request: dict[str, Any], out: BinaryIO) -> dict[str, Any]:
    """Write which pseudonym of another scope stands for each that is asked about, as JSON.

    Args:
        request: as `child.py` writes it.
        out: where it goes.

    Raises:
        DataFault: the source is not what its layout states.
        StepUnknown: the steps make no pseudonyms.
    """
    steps, rows, ground, means = opened(request)
    if steps.pseudonymise is None:
        raise StepUnknown("a use without pseudonyms has none to translate")
    asked = request["translated"]
    other = Scope.read(Member(asked["scope"], _refusal))
    scopes = (
        scope_key(means.root, steps.pseudonymise.scope, means.nonce),
        scope_key(bytes.fromhex(asked["key"]), other, b""),
    )
    columns, wanted = steps.pseudonymise.columns, asked["pseudonyms"]
    found = translated(rows, ground, columns, scopes, wanted, means.suppressed)
    out.write(canonical(found))
    return {"rows": len(found), "suppressed": 0, "released": []}


def opened(
    request: dict[str, Any],
) -> tuple[TableSteps, Iterator[pa.RecordBatch], Ground, Means]:
    """Return what a use is carried out with: its steps, the rows, and what is known of them."""
    layout = Layout.read(Member(request["layout"], _refusal))
    steps = registry.table(tuple(map(_step, request["steps"])))
    named = request["hierarchies"].items()
    held = {digest: _hierarchy(digest, path) for digest, path in named}
    ground = Ground(layout.fields, request["personColumn"], request["personFormat"], held)
    rows = batches(Path(request["path"]), layout, Tally())
    key = bytes.fromhex(request["scopeKey"])
    # The key is of this scope alone, and in a scope of one delivery of it alone.
    means = Means(root=key, nonce=key, suppressed=_suppressed(**request["suppressed"]))
    return steps, rows, ground, means


def _wanted(
    made: Iterator[pa.RecordBatch], columns: list[str], steps: TableSteps
) -> Iterator[pa.RecordBatch]:
    """Leave out columns that nobody asked for; what leaves is chosen by the steps alone."""
    if beyond := set(columns) - set(steps.minimise.columns):
        raise UseRefused(f"the plan does not let {len(beyond)} of the requested columns leave")
    return (batch.select(columns) if columns else batch for batch in made)


def _hierarchy(digest: str, path: str) -> hierarchy.Units:
    """Return a declared hierarchy, which is that of the plan or none.

    Raises:
        StepUnknown: it has another digest.
        DataFileUnreadable: it is no hierarchy.
    """
    data = Path(path).read_bytes()
    if hierarchy.digest(data) != digest:
        raise StepUnknown("the hierarchy that is kept is not the one that the plan names")
    return hierarchy.read(data)


def _suppressed(key: str, digests: list[str]) -> Suppressed:
    return Suppressed(bytes.fromhex(key), frozenset(map(bytes.fromhex, digests)))


def _step(stated: dict[str, Any]) -> Step:
    body = {name: value for name, value in stated.items() if name not in ("kind", "version")}
    return Step(stated["kind"], stated["version"], body)


def _refusal(pointer: str, fault: str) -> PreauError:
    return Malformed(f"task {pointer or '/'}: {fault}")
