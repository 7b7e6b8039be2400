"""What pages are made of: values that a template writes; tables can be downloaded as well.

Rule: a text of a part is words of ours, which the page says in its language, unless it is a
`Naming` (`connector/language/matching.py`); of cells only `Words` are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias

from connector.errors import PreauError
from connector.language.matching import verbatim


@dataclass(frozen=True, slots=True)
class Link:
    """Text that leads to another page of the console.

    Attributes:
        text: of the link; somebody's name, or words in the language of the page.
        path: below the console's root.
        query: names and values.
    """

    text: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Words:
    """Words of ours, which the page says in its language."""

    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """What somebody else wrote in a language that is known.

    Attributes:
        text: as written.
        language: its tag (RFC 5646).
    """

    text: str
    language: str


Cell: TypeAlias = "str | int | float | bool | datetime | Link | Words | Spoken | None"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    title: str
    rows: Sequence[tuple[str, Cell]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows, which can be downloaded.

    Attributes:
        title: caption.
        headings: of the columns.
        rows: cells.
        empty: what to do first, where there is none.
        next: query by which the next page is asked for; empty on the last.
        name: by which it is downloaded.
        again: values of the form, sent to the page's own path, by which a page that was made of a
            form is asked for again.
        lost: what of it cannot be shown, a line each.
        whole: page that has all rows, and files of them, where these are the first.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str
    next: Mapping[str, str] = field(default_factory=dict)
    name: str = "table"
    again: Mapping[str, str] = field(default_factory=dict)
    lost: Sequence[str] = ()
    whole: str = ""


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences of a policy, in the language of the page, as the library wrote them."""

    title: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """Words of ours, which the page says in its language."""

    title: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Ways:
    """Links of ours that lead on.

    Attributes:
        title: what they are for.
        links: whose text is words of ours.
    """

    title: str
    links: Sequence[Link]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know first.

    Attributes:
        text: words of ours.
        kind: `info`, `done` or `wrong`.
        code: stable code of a refusal.
        hint: what to do.
    """

    text: str
    kind: str = "info"
    code: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form.

    Attributes:
        name: of its value.
        label: what it is.
        hint: what may stand there.
        kind: `text`, `number`, `password`, `search`, `date`, `file`, `lines`, `choice`, `several`,
            or `box`, which sends `yes` where it is ticked.
        value: what stands there first; of `lines` and `several` one a line.
        choices: values and what they are called; of `several` each has a box, sent as `NAME.PLACE`.
        needed: whether it must be filled.
        complete: token of the HTML autofill.
        longest: characters.
        member: by which refusals name it; empty: as its value.
        fault: what is wrong with what was brought.
    """

    name: str
    label: str
    hint: str = ""
    kind: str = "text"
    value: str = ""
    choices: Sequence[tuple[str, str]] = ()
    needed: bool = False
    complete: str = "off"
    longest: int = 300
    member: str = ""
    fault: str = ""


def named(values: Iterable[str]) -> list[tuple[str, str]]:
    """Return the choices of values that others named, each called what it is."""
    return [(each, verbatim(each)) for each in values]


def ticked(given: Mapping[str, str], name: str) -> list[str]:
    """Return what a form holds of a field of kind `several`.

    Args:
        given: of the form.
        name: of the field.
    """
    return [value for each, value in given.items() if each.startswith(f"{name}.")]


@dataclass(frozen=True, slots=True)
class Grid:
    """Fields in the rows and columns of a table.

    Attributes:
        title: caption.
        headings: of the columns; the first is that of the names.
        rows: name, and the fields or None, as many as there are further headings.
        note: to know first.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Field | None]]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """Fields that are sent together.

    Attributes:
        title: what it does.
        path: to which it is sent, below the console's root.
        fields: in order.
        button: what the button says.
        hidden: values that go with it.
        method: `post`, or `get` where it changes nothing.
        grave: whether what it does is not undone easily.
        name: tells it from others of a page that are sent to the same path.
        grid: further fields.
        typed: leads to what it comes to; where it leads somewhere, a browser with scripts sends the
            form while one types, and takes over the other parts of the page that is answered.
    """

    title: str
    path: str
    fields: Sequence[Field]
    button: str
    hidden: Mapping[str, str] = field(default_factory=dict)
    method: str = "post"
    grave: bool = False
    name: str = ""
    grid: Grid | None = None
    typed: Link | None = None

    @property
    def id(self) -> str:
        """Of its element, which those of its fields begin with."""
        return f"form-{self.path.strip('/').replace('/', '-')}{self.name}"

    @property
    def all_fields(self) -> Sequence[Field]:
        """Its fields and those of its grid."""
        rows = self.grid.rows if self.grid else ()
        return [*self.fields, *(each for _, row in rows for each in row if each)]

    def with_fields(self, change: Callable[[Field], Field]) -> Form:
        """Return it with its fields changed."""
        grid = self.grid
        if grid is not None:
            rows = [(name, [each and change(each) for each in row]) for name, row in grid.rows]
            grid = replace(grid, rows=rows)
        return replace(self, fields=list(map(change, self.fields)), grid=grid)


@dataclass(frozen=True, slots=True)
class Summary:
    """What is wrong with what a form brought; the reader is led to it first.

    Attributes:
        text: words of ours.
        code: stable code of the refusal.
        hint: what to do.
        faults: id of the element, label and fault, of each field that is meant.
        again: whether something has to be chosen or typed again.
    """

    text: str
    code: str
    hint: str = ""
    faults: Sequence[tuple[str, str, str]] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Bars:
    """Shares as bars; a table beside them says the same.

    Attributes:
        title: what they show.
        rows: what each is of, and the share, in [0, 1].
    """

    title: str
    rows: Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that the node draws; a table beside it says the same.

    Attributes:
        title: what it shows.
        path: where it is, below the console's root.
        query: names and values.
    """

    title: str
    path: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Parts, none or several, that stand at one place of a page whose forms are typed.

    Attributes:
        name: of the place.
        parts: in order.
    """

    name: str
    parts: Sequence[Part]


Part: TypeAlias = (
    Facts | Table | Sentences | Paragraphs | Ways | Notice | Form | Summary | Bars | Picture | Group
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    Attributes:
        title: its heading.
        parts: in order.
        status: of HTTP.
        subject: whose page it is, such as an id; shown beneath the heading.
        live: stamp of what it shows, of a page that is watched; empty: it is not.
        refusal: why what a form brought was not done; the page is then marked with it.
    """

    title: str
    parts: Sequence[Part]
    status: int = 200
    subject: str = ""
    live: str = ""
    refusal: PreauError | None = None

    @property
    def typed(self) -> bool:
        """Whether one of its forms is sent while one types."""
        return any(isinstance(each, Form) and each.typed for each in self.parts)


def tables(parts: Iterable[Part]) -> list[Table]:
    """Return the tables among the parts of a page."""
    held = (each.parts if isinstance(each, Group) else (each,) for each in parts)
    return [each for several in held for each in several if isinstance(each, Table)]


def plain(cell: Cell) -> Any:
    """Return a cell as a value of JSON."""
    match cell:
        case Link(text=text) | Words(text=text) | Spoken(text=text):
            return text
        case datetime():
            return cell.strftime("%Y-%m-%dT%H:%M:%SZ")
        case float() if not math.isfinite(cell):
            return str(cell)
        case _:
            return cell
