"""Is each policy of a folder valid, and do we say so as often as its authors?

Run as `python -m tests.conformance.validator DIR --out VERDICTS`.

Rules: valid is what `preau policy check` finds no error in; warnings do not count. What is expected
stands in `config.json` of the folder (a list of `id`, `file` and `expected.valid`); without it, all
files are judged, and their first words may say it (`#valid`, `#invalid`). Neither is looked at
before our verdict is made. Where ours departs on purpose: docs/decisions/0070.
"""

from __future__ import annotations

import csv
import io
import json as json_
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from connector.cli import output
from connector.cli.files import read_bytes, write_new
from connector.cli.options import Json
from connector.cli.policy.check import checked
from connector.errors import ConfigurationInvalid
from policies_odrl.checking.findings import Severity
from tests.conformance.harness import command

CONFIG: Final = "config.json"
_ENDINGS: Final = frozenset({".ttl", ".json", ".jsonld"})
_SAID: Final = re.compile(r"^\s*#\s*(valid|invalid)\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """A policy to judge.

    Attributes:
        name: of the sample.
        file: where it is.
        wanted: whether its authors call it valid; None where they do not say.
    """

    name: str
    file: Path
    wanted: bool | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A sample and our verdict.

    Attributes:
        sample: what was judged.
        errors: what is wrong with it, as `code place`; empty when it is valid.
    """

    sample: Sample
    errors: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether the authors say the same."""
        return self.sample.wanted is (not self.errors)


def validator(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", exists=True, file_okay=False, help="Folder of policies."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="VERDICTS", help="Write sample, verdict and errors here."),
    ],
    json: Json = False,
) -> None:
    """Say of each policy of a folder whether it is valid.

    Prints how many verdicts agree with those of the folder, and a line for each that differs, with
    what we found.
    """
    found = [Judged(sample, errors_in(sample.file)) for sample in samples(folder)]
    write_new(out, _written(found))
    if json:
        output.json_value([_as_json(item) for item in found])
        return
    for line in _lines(found):
        output.line(line)


def samples(folder: Path) -> list[Sample]:
    """Return the policies of a folder, with what is expected of each.

    Raises:
        ConfigurationInvalid: `config.json` is not a list of samples, or a file cannot be read.
    """
    config = folder / CONFIG
    if not config.is_file():
        files = (item for item in folder.rglob("*") if item.suffix in _ENDINGS)
        return [Sample(file.stem, file, _said(file)) for file in sorted(files)]
    try:
        rows = json_.loads(read_bytes(config))
        return [Sample(row["id"], folder / row["file"], row["expected"]["valid"]) for row in rows]
    except (ValueError, KeyError, TypeError) as exc:
        raise ConfigurationInvalid(f"`{config}` is not a list of samples") from exc


# What the Recommendation requires of an offer (IM 2.1, 2.1.2), although its catalog fills it in.
_REQUIRED: Final = frozenset({"no-identifier", "offer-without-assigner"})


def errors_in(file: Path) -> tuple[str, ...]:
    """Return the errors that the check finds in a file.

    Raises:
        ConfigurationInvalid: the file cannot be read.
    """
    found = checked(file).findings
    wrong = (it for it in found if it.severity is Severity.ERROR or it.code in _REQUIRED)
    return tuple(f"{item.code} {item.path or '/'}" for item in wrong)


def _said(file: Path) -> bool | None:
    found = _SAID.search(read_bytes(file).decode("utf-8", "replace"))
    return found[1] == "valid" if found else None


def _verdict(valid: bool) -> str:
    return "valid" if valid else "invalid"


def _written(found: Sequence[Judged]) -> bytes:
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(("sample", "verdict", "errors"))
    writer.writerows(
        (item.sample.name, _verdict(not item.errors), "; ".join(item.errors)) for item in found
    )
    return sheet.getvalue().encode()


def _lines(found: Sequence[Judged]) -> Iterator[str]:
    known = [item for item in found if item.sample.wanted is not None]
    yield f"{sum(item.right for item in known)} of {len(known)} verdicts"
    for item in known:
        if not item.right:
            ours = "; ".join(item.errors) or "valid"
            yield f"{item.sample.name} (expected {_verdict(bool(item.sample.wanted))}): {ours}"


def _as_json(item: Judged) -> dict[str, Any]:
    return {
        "sample": item.sample.name,
        "valid": not item.errors,
        "expected": item.sample.wanted,
        "errors": list(item.errors),
    }


if __name__ == "__main__":
    command(validator)()
