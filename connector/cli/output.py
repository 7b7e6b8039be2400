"""Printing: tables for people, JSON for programs, errors for both.

Rules: results go to standard output and everything else to standard error; JSON output is one
value; text from peers is never taken as markup, and its control characters are not printed; what
holds no blank, such as an identifier, stays on one line at any width. What is for people is said in
the language of the command; JSON is for programs, and only the reasons in it are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connector.cli import findings
from connector.cli.speaking import Said, language, spoken
from connector.errors import PreauError
from connector.language.typesetting import typeset

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from connector.management.views.contracts.agreements import AgreementDetailView
    from connector.management.views.contracts.approvals import ApprovalDetailView
    from connector.management.views.publishing.columns import ColumnView
    from connector.management.views.publishing.offers import OfferView
    from connector.management.views.publishing.risk import FindingsView
    from connector.management.views.view import DamagedView

_WIDEST = 1 << 16  # characters, wider than any table
_KEPT = "\N{NO-BREAK SPACE}"
_BLANKS = f"\n\t{_KEPT}"
_NO_BLANK = "\ue000"  # of private use: stands for it where lines break at any blank


def console(*, stderr: bool = False) -> Console:
    """Return a console that takes text as it is."""
    from rich.console import Console  # noqa: PLC0415 - start-up stays fast

    return Console(stderr=stderr, soft_wrap=False, highlight=False, markup=False, emoji=False)


def json_value(value: Any) -> None:
    """Print one JSON value."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


def json_line(value: Mapping[str, Any]) -> None:
    """Print one JSON object in one line, at once."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """Turn views into JSON values."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in (*value, *getattr(value, "damaged", ()))]
    if hasattr(value, "model_dump"):
        model: BaseModel = value
        return model.model_dump(mode="json")
    return value


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    empty: str,
) -> None:
    """Print a table, or `empty` when there is nothing to show.

    Lines break at blanks only; a table whose words need more than the width gets it.
    """
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - start-up stays fast
    from rich.cells import cell_len  # noqa: PLC0415 - same
    from rich.table import Table  # noqa: PLC0415 - same

    lines = [[clean(_said(value)).replace(_KEPT, _NO_BLANK) for value in row] for row in rows]
    if not lines:
        line(empty)
        return
    headings = [spoken(each).replace(_KEPT, _NO_BLANK) for each in headings]
    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading, texts in zip(headings, zip(*lines, strict=True), strict=True):
        whole = not any(" " in text for text in texts)
        parts = [part for text in (heading, *texts) for part in ([text] if whole else text.split())]
        least = max(map(cell_len, parts), default=0)
        shown.add_column(heading, overflow="fold", min_width=least, no_wrap=whole)
    for cells in lines:
        shown.add_row(*cells)
    printer = console()
    needed = printer.measure(shown, options=printer.options.update(width=_WIDEST)).minimum
    printer.width = max(printer.width, needed)
    with printer.capture() as printed:
        printer.print(shown, crop=False)
    sys.stdout.write(printed.get().replace(_NO_BLANK, _KEPT))
    sys.stdout.flush()


def more(what: str, place: str, damaged: Iterable[DamagedView] = ()) -> None:
    """Say what of a list is not shown: rows that cannot be read, and, with how to see it, the rest.

    Args:
        what: its rows are.
        place: where the next page begins; empty on the last one.
        damaged: rows that cannot be read.
    """
    for row in damaged:
        note(f"{row.row}: cannot be shown: {row.fault}")
    if place:
        note(f"there are more {what}: pass `--after {place}`")


def pairs(rows: Iterable[tuple[str, object]], *, ours: bool = True) -> None:
    """Print names and values, one a line; empty values are left out.

    Args:
        rows: the names and values.
        ours: whether the names are words of ours, and not names of somebody's data.
    """
    kept = [(clean(name), value) for name, value in rows if cell(value)]
    shown = [(spoken(name) if ours else name, clean(_said(value))) for name, value in kept]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        given(f"{name.ljust(width)}  {value}")


def unreadable(rows: Iterable[tuple[str, str]]) -> None:
    """Say of each row whether a part of it could not be shown.

    Args:
        rows: what it is, and why a part of it cannot be read; empty where all is shown.
    """
    for name, fault in rows:
        if fault:
            line(f"{name}: a part cannot be shown: {fault}")


def terms(stated: OfferView | AgreementDetailView | ApprovalDetailView) -> None:
    """Print what an offer or a contract says, and how each of its constraints is upheld."""
    sentences(stated.sentences)
    rows = (
        (item.constraint, spoken(item.label), item.by, spoken(item.layer))
        for item in stated.coverage
    )
    table(("constraint", "label", "by", "layer"), rows, empty="no constraint")
    reach = getattr(stated, "reach", ())
    understood((it.labels.get(language(), it.term), it.everyone) for it in reach)
    for each in getattr(stated, "layers", ()):
        given(f"{spoken(each.layer)} {each.id} version {each.version}, {each.digest}")
    for found in getattr(stated, "findings", ()):
        measured(found)


def sentences(stated: Mapping[str, Sequence[str]]) -> None:
    """Print the sentences of a policy, of those in several languages."""
    for each in stated.get(language(), []):
        sentence(f"  {each}")


def understood(reach: Iterable[tuple[str, bool]]) -> None:
    """Print which terms any peer understands, and which not, a line each.

    Args:
        reach: what each term is called, and whether any peer understands it.
    """
    terms = list(reach)
    for text, everyone in (("any DSP peer understands", True), ("of other vocabularies", False)):
        if labels := ", ".join(dict.fromkeys(it for it, every in terms if every is everyone)):
            line(f"{text}: {labels}")


def measured(found: FindingsView) -> None:
    """Print what was measured of a use."""
    given(f"  {found.action}")
    rows = [(spoken(name), value) for name, value in findings.rows(found)]
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        given(f"    {name.ljust(width)}  {spoken(value)}")


def columns(found: Iterable[ColumnView]) -> None:
    """Print what the columns of a dataset are, and what their values mean."""
    from connector.domain.catalog.dictionary import label  # noqa: PLC0415 - start-up stays fast

    table(
        ("column", "meaning", "class", "type", "values"),
        (
            (it.name, label(it.labels, language(), it.description), *_kind(it), values)
            for it in found
            for values in (_values(it),)
        ),
        empty="no column is described",
    )


def _kind(column: ColumnView) -> tuple[str, str]:
    return spoken(column.kind), spoken(column.datatype)


def _values(column: ColumnView) -> str:
    from connector.domain.catalog.dictionary import label  # noqa: PLC0415 - start-up stays fast

    if column.lower is not None and column.upper is not None:
        found: list[str] = [spoken(f"from {column.lower:g} to {column.upper:g}")]
    else:
        shown = ((it.value, label(it.labels, language(), "")) for it in column.categories)
        found = [", ".join(f"{value} ({text})" if text else value for value, text in shown)]
    if column.unit:
        found[0] = f"{found[0]} {column.unit}".strip()
    if column.missing is not None:
        missing = column.missing if isinstance(column.missing, str) else f"{column.missing:g}"
        found.append(f"{spoken('missing')} = {missing}")
    if column.spelling:
        found.append(f"{spoken('ignores')} {', '.join(column.spelling)}")
    found += [column.territory, _hierarchy(column)]
    if column.leaves_as:
        found.append(f"{spoken('leaves as')} {column.leaves_as}")
    return Said("; ".join(filter(None, found)))


def _hierarchy(column: ColumnView) -> str:
    stated = column.hierarchy
    if stated is None:
        return ""
    levels = ", ".join(f"{count} {level}" for level, count in stated.levels.items())
    return f"{stated.name} ({stated.source}, {stated.date}): {stated.codes} codes, {levels}"


def offer(stated: OfferView) -> None:
    """Print which own offer it is, and who decides on it."""
    gone = f" ({spoken('withdrawn')})" if stated.withdrawn else ""
    given(f"{spoken('offer')} {stated.id}{gone}")
    line(f"  {shown_to(everyone=stated.protocol)}")
    if stated.roles:
        line(f"  {stated.decision}: {', '.join(stated.roles)}")
        line(f"  reminder after {stated.remind_hours} h, lapses after {stated.lapse_hours} h")


def shown_to(*, everyone: bool) -> str:
    """Return which peers see an own offer."""
    return "shown to any DSP peer" if everyone else "shown to Préau nodes alone"


def line(text: str) -> None:
    """Print a line of result, at once: a reader may follow."""
    given(spoken(text))


def sentence(text: str) -> None:
    """Print a line of the library of policies, which is in the language of the command."""
    given(typeset(text, language()))


def given(text: str) -> None:
    """Print a line that is in the language of the command already, or of no language."""
    sys.stdout.write(clean(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print a line that is no result, on standard error."""
    sys.stderr.write(clean(spoken(text)) + "\n")


def error(fault: PreauError, *, as_json: bool) -> None:
    """Print an error: one line and its hint, or one JSON object, on standard error."""
    reason, hint = (typeset(spoken(each), language()) for each in (fault.reason, fault.hint))
    if as_json:
        value = {"code": fault.code, "reason": reason, "hint": hint}
        sys.stderr.write(json.dumps(value, ensure_ascii=False) + "\n")
        return
    note(f"error {fault.code}: {reason}")
    if hint:
        note(f"hint: {hint}")


def _said(value: object) -> str:
    """Return the text of a value; of words, in the language of the command."""
    if isinstance(value, bool):
        return spoken("yes" if value else "no")
    text = value if isinstance(value, Said) else cell(value)
    return spoken(text) if " " in text else text


def cell(value: object) -> str:
    """Return the text of a value in a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    return str(value)


def clean(text: str) -> str:
    """Replace control characters, which could steer a terminal; line ends stay."""
    return "".join(
        c if c.isprintable() or c in _BLANKS else "\N{REPLACEMENT CHARACTER}" for c in text
    )
