"""A description of a dataset as fields of a form, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from connector.console.figures import figure
from connector.console.parts import Field, Form, Grid, named
from connector.domain.catalog.dataset import ColumnClass
from connector.errors import Malformed
from connector.jsonld.canonical import canonical, parse_object
from connector.language.matching import verbatim
from policies_odrl.concepts import hierarchy
from policies_odrl.language.phrases import word

_TEXTS: Final = ("id", "title", "description", "person_column", "person_format")
_STATED: Final = ("collection_purpose", "legal_basis", "retention", "territory", "register")
_WHOLE: Final = ("rows_per_person", "population")
_YES: Final = (("yes", "yes"), ("no", "no"))
_HEADINGS: Final = (
    "column",
    "class",
    "type",
    "name (en)",
    "name (fr)",
    "unit",
    "least",
    "greatest",
)
_LONGEST: Final = 4000
_TOLD: Final = (
    "Several values have semicolons between. Names, bounds and values become public: state what "
    "is generally known."
)
_POPULATION: Final = "persons, rounded to two digits; it becomes public"


def packed(description: Mapping[str, Any]) -> str:
    """Return a description as the text of a hidden field."""
    return canonical(description).decode()


def unpacked(text: str) -> dict[str, Any]:
    """Return what a hidden field holds.

    Raises:
        Malformed: it is no object.
    """
    return dict(parse_object(text.encode()))


def form(description: Mapping[str, Any], language: str) -> Form:
    """Return the form by which a person confirms a description."""
    return Form(
        "Confirm what it is",
        "/publish/describe",
        _fields(description, language),
        "go on to the offers",
        hidden={"draft": packed(description)},
        grid=Grid(
            "Columns and their dictionary", (*_HEADINGS, "values"), _rows(description), _TOLD
        ),
    )


def filled(given: Mapping[str, str], draft: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description with what the fields of its form hold."""
    made = dict(draft)
    for name in (*_TEXTS, *_STATED):
        made[name] = given.get(name, "").strip()
    made |= {name: _number(given.get(name, "")) or 0 for name in _WHOLE}
    made["personal"] = given.get("personal") != "no"
    cap = {name: _number(given.get(name, "")) for name in ("epsilon", "delta")}
    made["cap"] = None if all(each is None for each in cap.values()) else cap
    columns = draft.get("columns")
    stated = columns if isinstance(columns, list) else []
    made["columns"] = [_column(given, place, each) for place, each in enumerate(stated)]
    return {name: value for name, value in made.items() if value not in ("", None)}


def names(description: Mapping[str, Any]) -> list[str]:
    """Return the names of the columns of a description."""
    columns = description.get("columns")
    found = columns if isinstance(columns, list) else []
    return [str(each.get("name", "")) for each in found if isinstance(each, Mapping)]


def _fields(stated: Mapping[str, Any], language: str) -> list[Field]:
    def text(name: str, label: str, hint: str = "", **more: Any) -> Field:
        value = stated.get(name)
        return Field(name, label, hint, value="" if value is None else str(value), **more)

    def choice(name: str, label: str, hint: str, choices: Sequence[tuple[str, str]]) -> Field:
        value = str(stated.get(name) or "")
        return Field(name, label, hint, "choice", value, choices)

    persons = [("", "none"), *named(names(stated))]
    spelled = (("text", "as text"), ("text-fold", "as text, without case"), ("number", "a number"))
    personal = "no" if stated.get("personal") is False else "yes"
    cap = _members(stated.get("cap"))
    found = {name: "" if cap.get(name) is None else str(cap[name]) for name in ("epsilon", "delta")}
    return [
        text(
            "id",
            "id",
            "an IRI of your institution; it stays the same in later versions",
            needed=True,
        ),
        text("title", "title", needed=True),
        text("description", "description", kind="lines", longest=_LONGEST),
        Field("personal", "personal data", "", "choice", personal, _YES),
        choice("person_column", "person", "the column that tells one person from another", persons),
        choice("person_format", "how persons are spelled", "", spelled),
        text("rows_per_person", "most rows of one person", kind="number"),
        text("population", "population", _POPULATION, kind="number"),
        choice("collection_purpose", "purpose of collection", "", _concepts("purposes", language)),
        choice("legal_basis", "legal basis", "", _concepts("legal_bases", language)),
        text("retention", "retention", "a duration such as `P5Y`"),
        text("territory", "territory", "a code of ISO 3166 such as `FR`"),
        text("register", "register of persons", "left empty: one of its own"),
        Field(
            "epsilon",
            "cap ε",
            "per person, over all contracts; left empty: the register's",
            "number",
            found["epsilon"],
            member="cap/epsilon",
        ),
        Field("delta", "cap δ", "such as `1e-5`", "number", found["delta"], member="cap/delta"),
    ]


def _rows(stated: Mapping[str, Any]) -> list[tuple[str, list[Field]]]:
    kinds = [(each.value, each.value) for each in ColumnClass]
    types = (("category", "category"), ("number", "number"))
    rows = []
    columns = stated.get("columns")
    for place, column in enumerate(columns if isinstance(columns, list) else []):
        each = _members(column)

        def text(
            name: str, label: str, value: Any, longest: int = 300, place: int = place
        ) -> Field:
            shown = "" if value is None else str(value)
            return Field(
                f"column.{place}.{name}",
                label,
                value=shown,
                longest=longest,
                member=f"columns/{place}/{name}",
            )

        labels = _members(each.get("labels"))
        start = f"column.{place}."
        rows.append(
            (
                str(each.get("name", "")),
                [
                    Field(
                        f"{start}class", "class", "", "choice", str(each.get("class", "")), kinds
                    ),
                    Field(
                        f"{start}datatype",
                        "type",
                        "",
                        "choice",
                        str(each.get("datatype", "")),
                        types,
                    ),
                    text("en", "name (en)", labels.get("en")),
                    text("fr", "name (fr)", labels.get("fr")),
                    text("unit", "unit", each.get("unit")),
                    text("lower", "least", each.get("lower")),
                    text("upper", "greatest", each.get("upper")),
                    text("categories", "values", _listed(each.get("categories")), _LONGEST),
                ],
            )
        )
    return rows


def _column(given: Mapping[str, str], place: int, draft: Any) -> dict[str, Any]:
    made = dict(_members(draft))

    def said(name: str) -> str:
        return given.get(f"column.{place}.{name}", "").strip()

    made |= {name: said(name) for name in ("class", "datatype", "unit")}
    made["labels"] = {tag: said(tag) for tag in ("en", "fr") if said(tag)}
    made |= {name: _number(said(name)) for name in ("lower", "upper")}
    values = [each.strip() for each in said("categories").split(";") if each.strip()]
    made["categories"] = values
    return {name: value for name, value in made.items() if value not in ("", None, [], {})}


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(values: Any) -> str:
    found = values if isinstance(values, list | tuple) else ()
    return "; ".join(str(each) for each in found)


def _number(text: str) -> int | float | str | None:
    """Return a number; what is none as it is, so that the check names its place."""
    try:
        return figure(text) if text.strip() else None
    except Malformed:
        return text.strip()


def _concepts(table: str, language: str) -> list[tuple[str, str]]:
    found = sorted((word(each, language), each) for each in hierarchy(table))
    return [("", ""), *((iri, verbatim(text)) for text, iri in found)]
