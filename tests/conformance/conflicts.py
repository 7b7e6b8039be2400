"""Do the two policies of each problem in a table conflict?

Run as `python -m tests.conformance.conflicts CSV --out VERDICTS`.

Rules: the table's columns may come in any order and more may stand beside them, blanks around cells
and the case of verdicts mean nothing; a problem that cannot be read is answered Unknown with the
reason, and the others go on; parts of a concept are read as its kinds, as such tables do. Verdicts
of the table are never looked at before ours is made.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from connector.cli import output
from connector.cli.files import read_bytes, write_new
from connector.cli.options import Json
from connector.errors import ConfigurationInvalid, PreauError
from policies_odrl import Knowledge, PolicyKind
from policies_odrl.conflicts.compatibility import Compatibility, ConflictVerdict
from tests.conformance.harness import command
from tests.conformance.problems.hierarchies import hierarchies_in
from tests.conformance.problems.pairs import Problem, problem_at
from tests.conformance.times import asked

RESOURCES: Final = "Resources"
_NEEDED: Final = ("problem", "policy")
_ORDER: Final = (Compatibility.CONFLICT, Compatibility.UNKNOWN, Compatibility.COMPATIBLE)


@dataclass(frozen=True, slots=True)
class Answered:
    """A problem and our answer.

    Attributes:
        name: of the problem.
        answer: Conflict, Compatible or Unknown.
        witness: the example that shows it, in one line; empty when there is none.
        reasons: why, or the facts that are lacking.
        wanted: the verdict that the table gives; empty when it gives none.
    """

    name: str
    answer: Compatibility
    witness: str = ""
    reasons: tuple[str, ...] = ()
    wanted: str = ""

    @property
    def right(self) -> bool:
        """Whether the table says the same."""
        return self.answer.value == self.wanted

    @property
    def unsound(self) -> bool:
        """Whether Compatible was said of a conflict."""
        return (
            self.answer is Compatibility.COMPATIBLE and self.wanted == Compatibility.CONFLICT.value
        )


def conflicts(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="CSV",
            exists=True,
            dir_okay=False,
            help="Table with the columns problem, family, category and policy.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="VERDICTS", help="Write problem, verdict and witness here."),
    ],
    json: Json = False,
) -> None:
    """Say of each problem in a table whether its two policies conflict.

    Policies are named relative to the table; what is known of the concepts in them is read from
    the folder `Resources` beside it. Where the table has a column `verdict`, prints how many
    verdicts agree, how many are unsound (Compatible said of a conflict), and a line for each
    problem that differs or stays Unknown, with the fact that is lacking.
    """
    rows = list(_rows(table))
    knowledge = hierarchies_in(table.parent / RESOURCES)
    found = [_answered(row, table.parent, knowledge) for row in rows]
    write_new(out, _written(found))
    if json:
        output.json_value(_as_json(found))
        return
    for line in _lines(found):
        output.line(line)


def _rows(table: Path) -> Iterator[Mapping[str, str]]:
    try:
        text = read_bytes(table).decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""))
        columns = rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
        missing = [name for name in _NEEDED if name not in columns]
        if missing:
            raise ConfigurationInvalid(f"`{table}` has no column `{missing[0]}`")
        for row in rows:
            yield {key: (value or "").strip() for key, value in row.items() if key is not None}
    except (UnicodeDecodeError, csv.Error) as exc:
        raise ConfigurationInvalid(f"`{table}` is not a table of comma-separated values") from exc


def _answered(row: Mapping[str, str], folder: Path, knowledge: Knowledge) -> Answered:
    name, wanted = " ".join(row["problem"].split()), _wanted(row.get("verdict", ""))
    try:
        verdict = _verdict(problem_at(_file(row["policy"], folder), knowledge))
    except PreauError as exc:
        return Answered(name, Compatibility.UNKNOWN, reasons=(exc.reason,), wanted=wanted)
    witness = asked.line(verdict.witness) if verdict.witness else ""
    return Answered(name, verdict.answer, witness, verdict.reasons, wanted)


def _wanted(cell: str) -> str:
    """Return the verdict of a table as ours is spelled, so that none is missed for its case."""
    ours = {answer.value.casefold(): answer.value for answer in Compatibility}
    return ours.get(cell.casefold(), cell)


def _file(cell: str, folder: Path) -> Path:
    if not cell or "\0" in cell:
        raise ConfigurationInvalid("the row names no policy file")
    return folder / cell


def _verdict(problem: Problem) -> ConflictVerdict:
    """Return the verdict on one policy by itself, or the gravest one on two or more."""
    # a problem is about terms alone, which an agreement would complete
    policies = tuple(replace(policy, kind=PolicyKind.OFFER) for policy in problem.policies)
    knowledge, anchors = problem.knowledge, problem.anchors
    pairs = list(combinations(policies, 2)) or [policies]
    found = [asked.verdict(pair, knowledge, anchors=anchors, parts_as_kinds=True) for pair in pairs]
    return min(found, key=lambda item: _ORDER.index(item.answer))


def _written(found: Sequence[Answered]) -> bytes:
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(("problem", "verdict", "witness"))
    writer.writerows((item.name, item.answer.value, item.witness) for item in found)
    return sheet.getvalue().encode()


def _lines(found: Sequence[Answered]) -> Iterator[str]:
    judged = [item for item in found if item.wanted]
    if judged:
        right = sum(item.right for item in judged)
        unsound = sum(item.unsound for item in judged)
        yield f"{right} of {len(judged)} verdicts, {unsound} unsound"
    else:
        counts = (
            f"{sum(item.answer is answer for item in found)} {answer.value}"
            for answer in Compatibility
        )
        yield f"{len(found)} problems: {', '.join(counts)}"
    for item in found:
        if (item.wanted and not item.right) or item.answer is Compatibility.UNKNOWN:
            wanted = f" (table: {item.wanted})" if item.wanted and not item.right else ""
            reasons = "; ".join(item.reasons)
            yield f"{item.name}: {item.answer.value}{wanted}: {reasons or item.witness}"


def _as_json(found: Sequence[Answered]) -> dict[str, Any]:
    judged = [item for item in found if item.wanted]
    return {
        "verdicts": len(judged),
        "right": sum(item.right for item in judged),
        "unsound": sum(item.unsound for item in judged),
        "problems": [
            {
                "problem": item.name,
                "verdict": item.answer.value,
                "witness": item.witness,
                "reasons": list(item.reasons),
                "table": item.wanted,
            }
            for item in found
        ],
    }


if __name__ == "__main__":
    command(conflicts)()
