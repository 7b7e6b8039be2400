"""Tables of figures from a contract: asking a provider for one, and its answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from connector.console.figures import figure
from connector.console.pages.entry import Entry, Moved
from connector.console.pages.wording import contracts
from connector.console.parts import (
    Cell,
    Facts,
    Field,
    Form,
    Grid,
    Link,
    Notice,
    Page,
    Part,
    Table,
    Words,
    named,
)
from connector.console.visit import Visit
from connector.domain.contract.negotiation import Agreement
from connector.enforcement.asked import Asked
from connector.enforcement.mechanisms import query
from connector.enforcement.plan import Use
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.minimise import ANY_OF, AT_LEAST, AT_MOST, NONE_OF
from connector.enforcement.steps.request import TableRequest
from connector.errors import Malformed, PreauError, UseRefused
from connector.language.matching import Naming, verbatim
from connector.services.negotiation import agree
from connector.services.negotiation.plans import plan_of
from connector.services.use import asking
from connector.services.use.asking import Answered, Wanted
from federated.reading import Member

_FILTERS: Final = 3  # of a form; a command takes more
_OF_ROWS: Final = ("count", "persons")  # need no column
_TESTS: Final = (
    (ANY_OF, "is one of"),
    (NONE_OF, "is none of"),
    (AT_LEAST, "is at least"),
    (AT_MOST, "is at most"),
)
_SAID: Final = {
    "refused": ("The provider refuses the table.", "wrong"),
    "failed": ("The table could not be made.", "wrong"),
    "gone": ("The table is gone: ask for it anew.", "wrong"),
    "waiting": ("A person of the provider decides on it. Get the answer later.", "info"),
    "preparing": ("The provider makes the table. Get the answer in a moment.", "info"),
}


def tables(visit: Visit) -> Page:
    """Choose a contract, and say which figures of which cells are wanted."""
    usable = visit.served.do(agree.consumed, query.NAME)
    if not usable:
        text = "There is no contract yet that gives this node tables: ask a peer for one."
        return Page("Ask for a table", [Notice(text)])
    asked = visit.asked("contract")
    chosen = next((each for each in usable if each.id == asked), usable[0])
    known = contracts(usable, visit)
    contract = Field("contract", "contract", kind="choice", value=chosen.id, choices=known)
    choosing = Form("Contract", "/tables", (contract,), "show", method="get")
    return Page("Ask for a table", [choosing, *_form(chosen)])


def ask(visit: Visit) -> Moved:
    """Ask for a table."""
    contract = visit.served.do(agree.agreement, visit.given("contract"))
    use = _use(contract)
    body = {
        "dimensions": visit.ticked("by"),
        "measures": list(map(_measure, visit.ticked("measure"))),
        "filters": list(_filters(visit)),
        "totals": visit.given("totals") == "yes",
        "epsilon": figure(visit.given("epsilon") or "0", "/epsilon"),
        "delta": figure(visit.given("delta") or "0", "/delta"),
    }
    cells = TableRequest.read(Member(body, _refusal))
    found = visit.served.do(asking.ask, contract.id, Wanted(action=use.action, cells=cells))
    return Moved("/table", {"id": found.request_id})


def table(visit: Visit) -> Page:
    """Show what was asked for; getting the answer asks the provider."""
    found = visit.served.do(asking.requested, visit.asked("id"))
    return Page("Table", [*_asked(found), _getting(found.id)], subject=found.id)


def answer(visit: Visit) -> Page:
    """Ask the provider what has become of a table, and show it; nothing of it is kept."""
    found = visit.served.do(asking.again, visit.given("id"))
    parts = [*_answer(found), _getting(found.request_id)]
    return Page("Table", parts, subject=found.request_id)


def _use(contract: Agreement) -> Use:
    use = plan_of(contract).use(query.NAME)
    if use is None:
        raise UseRefused("the contract gives no tables")
    return use


def _form(contract: Agreement) -> Iterator[Part]:
    plan = steps.table(_use(contract).steps)
    if plan.aggregate is None:
        return
    allowed = plan.aggregate
    yield Facts("What the contract allows", (("fewest persons of a cell", allowed.minimum),))
    columns = named(allowed.dimensions)
    measures = [(each, _named(each)) for each in _measures(allowed)]
    fields = [
        Field(
            "by",
            "a row for each",
            "columns to group by",
            "several",
            choices=columns,
            member="/dimensions",
        ),
        Field(
            "measure",
            "figures",
            kind="several",
            value="count",
            choices=measures,
            needed=True,
            member="/measures",
        ),
    ]
    totals = (("no", "no"), ("yes", "yes"))
    fields.append(Field("totals", "totals over each column", kind="choice", choices=totals))
    if plan.noise:
        hint, more = "of the contract's budget; the less, the more noise", "0 for Laplace noise"
        fields += [
            Field("epsilon", "ε that it spends", hint, "number", needed=True, member="/epsilon"),
            Field("delta", "δ that it spends", more, "number", "0", member="/delta"),
        ]
    hidden = {"contract": contract.id}
    yield Form("The table", "/table/ask", fields, "ask", hidden, grid=_conditions(columns))


def _conditions(columns: Sequence[tuple[str, str]]) -> Grid:
    rows = []
    for number in range(1, _FILTERS + 1):
        name, known = f"filter-{number}", [("", "no condition"), *columns]
        test = Field(f"{name}-test", "test", kind="choice", choices=_TESTS)
        values = Field(f"{name}-values", "values")
        column = Field(f"{name}-column", "column", kind="choice", choices=known)
        rows.append((str(number), (column, test, values)))
    headings = ("condition", "column", "test", "values")
    return Grid("Only where", headings, rows, "Several values have semicolons between.")


def _measures(allowed: Aggregate) -> Iterator[str]:
    """Yield `FUNCTION`, or `FUNCTION:COLUMN`, of what a contract allows."""
    for function in allowed.functions:
        if function in _OF_ROWS:
            yield function
        if function != "persons":
            yield from (f"{function}:{column}" for column in allowed.measures)


def _named(measure: str) -> str:
    """Return what a measure is called in a form."""
    function, _, column = measure.partition(":")
    match function if column else "":
        case "count":
            return Naming("number of values of `{column}`", column=column)
        case "sum":
            return Naming("sum of `{column}`", column=column)
        case "mean":
            return Naming("mean of `{column}`", column=column)
    return function


def _measure(text: str) -> dict[str, str]:
    function, _, column = text.partition(":")
    return {"function": function, "column": column}


def _filters(visit: Visit) -> Iterator[dict[str, Any]]:
    for number in range(1, _FILTERS + 1):
        column = visit.given(f"filter-{number}-column")
        if column:
            values = [each.strip() for each in visit.given(f"filter-{number}-values").split(";")]
            yield {"column": column, "is": visit.given(f"filter-{number}-test"), "values": values}


def _refusal(pointer: str, fault: str) -> PreauError:
    return Malformed(f"table {pointer or '/'}: {fault}", where={pointer: fault})


def _getting(request_id: str) -> Form:
    return Form("The answer", "/table", (), "get the answer", {"id": request_id})


def _asked(found: Asked) -> Iterator[Part]:
    contract = Link(found.agreement, "/contract", {"id": found.agreement})
    rows: list[tuple[str, Cell]] = [("contract", contract), ("asked", found.at)]
    tests: list[tuple[Cell, ...]] = []
    if (cells := found.cells) is not None:
        rows.append(("a row for each", ", ".join(cells.dimensions)))
        rows.append(("figures", ", ".join(each.name for each in cells.measures)))
        said = dict(_TESTS)
        tests = [
            (each.column, Words(said.get(each.test, each.test)), "; ".join(map(str, each.values)))
            for each in cells.filters
        ]
    yield Facts("What was asked for", rows)
    if tests:
        yield Table("Only where", ("column", "test", "values"), tests, "", name="conditions")


def _answer(found: Answered) -> Iterator[Part]:
    if found.state in _SAID:
        text, kind = _SAID[found.state]
        yield Notice(text, kind, found.code)
    yield from (Notice(each) for each in found.reasons)
    yield Facts("Table", (("state", Words(found.state)), ("contract", found.agreement)))
    if found.content is None:
        return
    rows = rows_of(found.data)
    if found.content.rows > len(rows):
        yield Notice("The table is larger than an answer: `preau get` fetches its file.")
    if found.spent is not None:
        spent = found.spent.request
        yield Facts("What it spent", (("ε", spent.epsilon), ("δ", spent.delta)))
    names = list(rows[0]) if rows else []
    cells: list[list[Cell]] = [[_shown(row.get(name)) for name in names] for row in rows]
    again = {"id": found.request_id}
    yield Table(
        "Cells",
        list(map(verbatim, names)) or ["cell"],
        cells,
        "No cell can be shown: ask for fewer columns, so that more persons are in each.",
        name="cells",
        again=again,
    )


def rows_of(data: bytes) -> list[dict[str, Any]]:
    """Return the rows of an answer, which its provider wrote.

    Raises:
        Malformed: it is no table.
    """
    try:
        rows = [json.loads(line) for line in data.splitlines()]
    except (ValueError, RecursionError):
        rows = [None]
    if not all(isinstance(row, dict) for row in rows):
        hint = "tell the provider: what it signed cannot be read"
        raise Malformed("the provider's answer is no table", hint=hint)
    return rows


def _shown(value: Any) -> Cell:
    return value if isinstance(value, str | int | float | bool | None) else json.dumps(value)


PAGES: Final = (
    Entry("/tables", tables, (agree.consumed,), "Tables"),
    Entry("/table", table, (asking.requested,)),
    Entry("/table", answer, (asking.again,), method="POST", on="/table"),
    Entry("/table/ask", ask, (asking.ask,), method="POST", on="/tables"),
)
