"""Reads a dataset description file, as its provider writes it, into a dataset and its offers.

The file (JSON or TOML, parsed by the caller) says:

    id                  IRI of the dataset
    title, description  one line; free text (may be left out)
    file                {path, format}: relative paths start at the node's home; or {connection,
                        table}, or {connection, path, format}: a connection of the settings, and
                        what is read of it
    layout              how the file is read, as `preau source inspect` writes it; left out: CSV in
                        UTF-8 with commas and decimal points, or Parquet; of any other, and of a
                        folder, a snapshot is taken
    columns             [{name, class, datatype, description}]; class is one of `direct
                        identifier`, `quasi-identifier`, `sensitive`, `other`; datatype is `number`
                        or `category`; description may be left out; beside them the dictionary,
                        public: labels {fr, en}, unit (UCUM), lower, upper, categories (values, or
                        {value, labels}), missing (number in its place), territory,
                        hierarchy {file, name, source, date}: of its codes, see
                        `connector/domain/catalog/hierarchy.py`; leaves_as (level of it)
    personal            whether it holds personal data; true when left out
    person_column       column that identifies the person
    person_format       how that column is spelled: `text` (when left out: Unicode NFC, no blanks
                        at the ends), `text-fold` (also without case) or `number` (an integer)
    rows_per_person     most rows of one person
    population          persons, rounded: at most two significant digits, and a multiple of 10
    malformed_share     most rows that may be malformed, of all; 0.05 when left out
    collection_purpose, legal_basis   IRIs
    retention           ISO 8601 duration
    territory           ISO 3166 code
    register            IRI of the register of persons that holds the cap; left out: its own
    cap                 {epsilon, delta} per person over all agreements of the register; left out:
                        the register's
    accounting          {rule, order}: `sums` or `renyi`, and the Rényi order (left out: the one
                        that follows from the cap); left out: the register's, `sums` for a new one
    offer or offers     ODRL Offer as JSON-LD, or a list of them; `entries.py` says how one states
                        that persons decide
    reserve             private limits for narrowed terms, ODRL as JSON-LD (may be left out)

Rules: everything that is missing or wrong is said at once; an unknown statement is refused, since
a misspelt one would be silently lost. Checking file and policies is `publish.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any, Final

from connector.domain.catalog import dictionary
from connector.domain.catalog.dataset import Column, ColumnClass, DataFile, Dataset, PrivacyCap
from connector.domain.catalog.dictionary import Meaning
from connector.domain.catalog.layout import FORMATS, READ_BY_JOBS, TABLE, Layout
from connector.domain.catalog.source import Source
from connector.errors import DescriptionIncomplete
from connector.identity.descriptions import description as descriptions
from connector.services.publication.entries import Entry, entry_of
from federated.privacy.rule import LEAST_ORDER, MOST_ORDER, Rule
from federated.reading import Member
from policies_odrl.concepts import hierarchy

_KNOWN: Final = frozenset(
    (
        "id",
        "title",
        "description",
        "file",
        "layout",
        "columns",
        "personal",
        "person_column",
        "person_format",
        "rows_per_person",
        "population",
        "malformed_share",
        "collection_purpose",
        "legal_basis",
        "retention",
        "territory",
        "register",
        "cap",
        "accounting",
        "offer",
        "offers",
        "reserve",
    )
)
IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_DURATION: Final = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?")
_FORMAT: Final = re.compile("|".join(FORMATS))
_PERSON: Final = re.compile("text|text-fold|number")
_SHARE: Final = 0.05
_TERRITORY: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MOST: Final = 2**53 - 1
_STATEMENT: Final = re.compile("`([^`]+)` ")  # with which what is wrong begins


@dataclass(frozen=True, slots=True)
class Draft:
    """What a description says.

    Attributes:
        dataset: without the file's digest and without its credential.
        offers: entries of offers.
        reserve: private limits as given; None when there are none.
        rule: how the dataset's own register adds up jobs; None when it says nothing.
        order: Rényi order; 0 where it states none.
    """

    dataset: Dataset
    offers: tuple[Entry, ...]
    reserve: Mapping[str, Any] | None
    rule: Rule | None
    order: int


def read(
    description: Mapping[str, Any], home: Path, now: datetime, *, offered: bool = True
) -> Draft:
    """Read a description.

    Args:
        description: as parsed.
        home: of the node.
        now: when it is read, UTC.
        offered: whether it must have an offer.

    Raises:
        DescriptionIncomplete: the reason lists every statement that is missing or wrong.
    """
    reader = _Reader(description)
    dataset = _dataset(reader, home, now)
    offers = reader.offers(needed=offered)
    reserve = reader.part("reserve")
    rule, order = _accounting(reader)
    missing = reader.absent + descriptions.missing_statements(dataset)
    problems = reader.problems + _contradictions(dataset)
    if missing or problems:
        said = [f"missing: {', '.join(dict.fromkeys(missing))}"] if missing else []
        all_said = "; ".join(said + problems)
        raise DescriptionIncomplete(
            f"dataset `{dataset.id}`: {all_said}" if dataset.id else f"description: {all_said}",
            hint="`--offer FILE` names an offer; `preau policy new` writes one"
            if "offer" in missing
            else "",
            where=_where(missing, problems),
        )
    return Draft(dataset, offers, reserve, rule, order)


def _where(missing: Iterable[str], problems: Iterable[str]) -> dict[str, str]:
    """Return what is wrong by statement, of what begins with the name of one."""
    named = {m[1]: each[m.end() :] for each in problems if (m := _STATEMENT.match(each))}
    found = {name.partition(" ")[0]: "is missing" for name in missing} | named
    if "cap" in found:
        found |= dict.fromkeys(("cap/epsilon", "cap/delta"), found["cap"])
    return found


def is_rounded(population: int) -> bool:
    """Whether a population is rounded enough to be public: two significant digits, tens."""
    return population % 10 == 0 and len(str(population).rstrip("0")) <= 2  # noqa: PLR2004


def columns(description: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return the columns of a description, with their dictionary; the rest is not read.

    Raises:
        DescriptionIncomplete: there are none, or the reason lists what is missing or wrong.
    """
    reader = _Reader(description)
    found = _columns(reader)
    wrong = [f"missing: {', '.join(reader.absent)}"] if reader.absent else []
    wrong += reader.problems
    if wrong or not found:
        raise DescriptionIncomplete(f"dictionary: {'; '.join(wrong) or 'has no `columns`'}")
    return found


class _Reader:
    """Takes statements of the right type out of a description, and notes what is wrong."""

    def __init__(self, raw: Mapping[str, Any], where: str = "") -> None:
        self._raw = raw
        self._where = where
        self.absent: list[str] = []
        self.problems: list[str] = []

    def wrong(self, name: str, what: str) -> None:
        self.problems.append(f"`{self._where}{name}` {what}")

    def unknown(self, known: frozenset[str]) -> None:
        for name in sorted(map(str, set(self._raw) - known)):
            self.problems.append(f"unknown statement `{self._where}{name[:64]}`")

    def text(self, name: str, form: re.Pattern[str] | None = None, what: str = "") -> str:
        value = self._raw.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or _CONTROL.search(value):
            self.wrong(name, "must be text")
            return ""
        if value and form is not None and not form.fullmatch(value):
            self.wrong(name, f"must be {what}")
        return value

    def needed(self, name: str, form: re.Pattern[str] | None = None, what: str = "") -> str:
        if not self._raw.get(name):
            self.absent.append(self._where + name)
        return self.text(name, form, what)

    def whole(self, name: str) -> int:
        value = self._raw.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
            self.wrong(name, "must be a whole number from 0 on")
            return 0
        return value

    def number(self, name: str, default: float | None = None) -> float:
        value = self._raw.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            self.wrong(name, "must be a number")
            return 0.0
        return float(value)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._raw.get(name, default)
        if not isinstance(value, bool):
            self.wrong(name, "must be true or false")
            return default
        return value

    def part(self, name: str) -> Mapping[str, Any] | None:
        value = self._raw.get(name)
        if value is not None and not isinstance(value, Mapping):
            self.wrong(name, "must be an object")
            return None
        return value

    def items(self, name: str) -> list[Mapping[str, Any]]:
        value = self._raw.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            self.wrong(name, "must be a list of objects")
            return []
        return value

    def offers(self, *, needed: bool) -> tuple[Entry, ...]:
        one = self.part("offer")
        found = [(f"offers/{n}/", each) for n, each in enumerate(self.items("offers"))]
        found += [("offer/", one)] if one else []
        if needed and not found:
            self.absent.append("offer")
        entries = [entry_of(each, where) for where, each in found]
        self.problems += [problem for _, problems in entries for problem in problems]
        return tuple(entry for entry, _ in entries)

    def below(self, raw: Mapping[str, Any], where: str) -> _Reader:
        """Return a reader of a part, which notes into the same lists."""
        child = _Reader(raw, where)
        child.absent, child.problems = self.absent, self.problems
        return child


def _dataset(reader: _Reader, home: Path, now: datetime) -> Dataset:
    reader.unknown(_KNOWN)
    return Dataset(
        id=reader.needed("id", IRI, "an absolute IRI"),
        title=reader.text("title"),
        description=reader.text("description"),
        personal=reader.flag("personal", default=True),
        columns=_columns(reader),
        person_column=reader.text("person_column"),
        rows_per_person=reader.whole("rows_per_person"),
        population=reader.whole("population"),
        collection_purpose=reader.text("collection_purpose", IRI, "an absolute IRI"),
        legal_basis=reader.text("legal_basis", IRI, "an absolute IRI"),
        retention=reader.text("retention", _DURATION, "an ISO 8601 duration such as `P1Y`"),
        territory=reader.text("territory", _TERRITORY, "an ISO 3166 code such as `FR`"),
        register_id=reader.text("register", IRI, "an absolute IRI"),
        cap=_cap(reader),
        file=_file(reader, home),
        credential="",
        published_at=now,
        person_format=reader.text("person_format", _PERSON, "text, text-fold or number") or "text",
        malformed_share=_share(reader),
    )


def _columns(reader: _Reader) -> tuple[Column, ...]:
    columns = []
    for index, item in enumerate(reader.items("columns")):
        below = reader.below(item, f"columns/{index}/")
        below.unknown(frozenset(("name", "class", "datatype", "description", *dictionary.MEMBERS)))
        name, kind = below.needed("name"), below.needed("class")
        datatype = below.needed("datatype", re.compile("number|category"), "number or category")
        if kind and kind not in tuple(ColumnClass):
            below.wrong("class", f"must be one of {', '.join(ColumnClass)}")
        known = ColumnClass(kind) if kind in tuple(ColumnClass) else ColumnClass.OTHER
        meaning = _meaning(below, item, datatype)
        columns.append(Column(name, known, datatype, below.text("description"), meaning))
    return tuple(columns)


def _meaning(reader: _Reader, raw: Mapping[str, Any], datatype: str) -> Meaning:
    """Return what the dictionary says of a column; nothing where it is wrong, which is noted.

    What is left empty, as `preau source inspect` leaves it, is not stated.
    """
    named = {name: raw.get(name) for name in dictionary.MEMBERS}
    stated = {name: value for name, value in named.items() if value not in (None, "")}
    try:
        meaning = dictionary.read(Member(stated, _PartWrong))
    except _PartWrong as exc:
        reader.wrong(exc.pointer.removeprefix("/"), exc.fault)
        return dictionary.NOTHING_STATED
    for fault in dictionary.faults(meaning, datatype):
        reader.wrong("", fault)
    return meaning


def _share(reader: _Reader) -> float:
    share = reader.number("malformed_share", default=_SHARE)
    if not 0 <= share < 1:
        reader.wrong("malformed_share", "must be at least 0 and below 1")
    return share


def _cap(reader: _Reader) -> PrivacyCap | None:
    part = reader.part("cap")
    if part is None:
        return None
    below = reader.below(part, "cap/")
    below.unknown(frozenset(("epsilon", "delta")))
    cap = PrivacyCap(below.number("epsilon"), below.number("delta"))
    if cap.epsilon <= 0:
        below.wrong("epsilon", "must be above 0")
    if not 0 < cap.delta < 1:
        below.wrong("delta", "must be between 0 and 1")
    return cap


def _accounting(reader: _Reader) -> tuple[Rule | None, int]:
    part = reader.part("accounting")
    if part is None:
        return None, 0
    below = reader.below(part, "accounting/")
    below.unknown(frozenset(("rule", "order")))
    rule, order = below.needed("rule"), below.whole("order")
    if rule and rule not in tuple(Rule):
        below.wrong("rule", f"must be one of {', '.join(Rule)}")
    if order and (rule == Rule.SUMS or not LEAST_ORDER <= order <= MOST_ORDER):
        below.wrong("order", f"must lie between {LEAST_ORDER} and {MOST_ORDER}, beside renyi")
    return (Rule(rule) if rule in tuple(Rule) else None), order


def _file(reader: _Reader, home: Path) -> DataFile:
    """Return the file, and the source of its snapshots where it is not as jobs read it."""
    below = reader.below(reader.part("file") or {}, "file/")
    connection = below.text("connection")
    table = bool(connection) and not below.text("path")
    names = ("table",) if table else ("path", "format")
    below.unknown(frozenset((*names, *(("connection",) if connection else ()))))
    place = below.needed(names[0])
    kind = TABLE if table else below.needed("format", _FORMAT, ", ".join(FORMATS))
    layout = _layout(reader)
    path = place if connection else str(home / place)
    if layout is None:
        if kind and (connection or kind not in READ_BY_JOBS):
            reader.wrong("file", "needs a `layout`, which `preau source inspect` proposes")
        return DataFile(path, kind, "")
    if layout.format != kind:
        reader.wrong("layout/format", "is not the format of the file")
    if connection and layout.folder:
        reader.wrong("layout/folder", "is a folder, and a connection has none")
    if not connection and layout.as_jobs_read:
        return DataFile(path, kind, "")
    named, beneath = (place, "") if table else ("", path)
    source = Source(path=beneath, connection=connection, table=named, layout=layout)
    return DataFile("", "parquet", "", source)


def _layout(reader: _Reader) -> Layout | None:
    part = reader.part("layout")
    if part is None:
        return None
    try:
        layout = Layout.read(Member(dict(part), _PartWrong))
    except _PartWrong as exc:
        reader.wrong(f"layout{exc.pointer}", exc.fault)
        return None
    named = {field.name for field in layout.fields}
    for column in reader.items("columns"):
        if column.get("name") not in named:
            reader.wrong("layout/columns", f"lacks the column `{column.get('name')}`")
    return layout


class _PartWrong(Exception):
    """A member of a layout or dictionary is wrong."""

    def __init__(self, pointer: str, fault: str) -> None:
        super().__init__(fault)
        self.pointer, self.fault = pointer, fault


def _contradictions(dataset: Dataset) -> list[str]:
    names = [column.name for column in dataset.columns]
    found = [f"column `{name}` is described twice" for name in _doubles(names)]
    if dataset.person_column and dataset.person_column not in names:
        found.append(f"`person_column` names `{dataset.person_column}`, which is not described")
    if _is_misspelt(dataset.legal_basis, "legal_bases"):
        found.append("`legal_basis` is not a term of the vocabulary that its IRI names")
    kinds = {column.name: column.kind for column in dataset.columns}
    if dataset.personal and kinds.get(dataset.person_column) is ColumnClass.OTHER:
        found.append(
            f"`person_column` names `{dataset.person_column}`, which is classed `other`: "
            "it must be classed as an identifier"
        )
    if dataset.personal and dataset.population and not is_rounded(dataset.population):
        found.append(
            f"`population` must be rounded to two significant digits and a multiple of 10, "
            f"not {dataset.population}"
        )
    return found


def _is_misspelt(iri: str, table: str) -> bool:
    """Return whether an IRI is in a namespace of known concepts, and none of them.

    One of another namespace, a national law say, is its user's own matter.
    """
    known = hierarchy(table)
    return iri not in known and iri.partition("#")[0] in {each.partition("#")[0] for each in known}


def _doubles(names: list[str]) -> list[str]:
    return sorted({name for name in names if name and names.count(name) > 1})
