"""Publishing: pointing at a source, confirming what it is, offers with their figures, publishing.

Rule: nothing is kept between the steps but in the form itself, so that each is checked anew; a file
is never sent, only named (`services/publication/pointing.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connector.console.pages import filling
from connector.console.pages.entry import Entry, Moved
from connector.console.pages.steward import describing, levels
from connector.console.pages.wording import sentences, typed
from connector.console.parts import (
    Cell,
    Facts,
    Field,
    Form,
    Link,
    Notice,
    Page,
    Part,
    Table,
    Words,
    named,
)
from connector.console.visit import Visit
from connector.errors import Malformed, PreauError
from connector.jsonld.canonical import canonical
from connector.language.matching import Naming, verbatim
from connector.language.typesetting import between
from connector.services.policies import drafting
from connector.services.publication import pointing
from policies_odrl.authoring import Template
from policies_odrl.language.phrases import word

_START: Final = "/publish"
_DECISIONS: Final = (
    ("automatic", "no person decides"),
    ("review contract", "persons decide on each contract"),
    ("review each use", "persons decide on each use"),
)
_REPORTS: Final = (("kept", "kept by this node"), ("shown", "shown to consumers"))


def point(visit: Visit) -> Page:
    """Ask where the data are."""
    told = Notice("Nothing is uploaded: a file stays where it is, and the node reads it there.")
    return Page("Publish a dataset", [told, *_pointing(visit)])


def _pointing(visit: Visit) -> list[Part]:
    known = visit.served.do(pointing.places)
    form = _place_form(known, visit.asked("connection"), visit.asked("place").strip())
    rows = [(Link(each, "/publish/source", {"place": each}),) for each in known.files]
    folders = ", ".join(known.folders)
    empty = Naming(
        "There is no file yet: put some into {folders}, or name a table of a connection.",
        folders=folders,
    )
    return [form, Table("Files of this node", ("file",), rows, empty, name="files")]


def source(visit: Visit) -> Page:
    """Show what a file or table seems to be, for a person to confirm."""
    connection, place = visit.asked("connection"), visit.asked("place").strip()
    try:
        found = visit.served.do(pointing.propose, connection, place)
    except PreauError as exc:
        return Page("Publish a dataset", _pointing(visit), refusal=exc)
    return Page(
        "Publish a dataset",
        [*_report(found.found, visit.language), describing.form(found.description, visit.language)],
        subject=place,
    )


def describe(visit: Visit) -> Page:
    """Check what a person confirmed, and go on to the offers."""
    made = describing.filled(visit.form, _draft(visit))
    try:
        visit.served.do(pointing.confirm, made)
    except PreauError as exc:
        return Page("Publish a dataset", [describing.form(made, visit.language)], refusal=exc)
    return Page("Offers of the dataset", [_summary(made), _choice(made, visit.language)])


def terms(visit: Visit) -> Page:
    """Ask for what a template leaves open."""
    draft, found = _draft(visit), filling.chosen(visit.given("template"))
    return Page("Terms of the offer", _terms(visit, found, draft))


def offer(visit: Visit) -> Page:
    """Add an offer, and show what all of them come to on the rows."""
    draft, found = _draft(visit), filling.chosen(visit.given("template"))
    try:
        stated = filling.values(found, visit.form)
        made = {**draft, "offers": [*_offers(draft), _entry(visit, found, stated)]}
        parts = _weighed(visit, made, _others(visit, found, stated))
    except PreauError as exc:
        return Page("Terms of the offer", [*_terms(visit, found, draft)], refusal=exc)
    return Page("Offers of the dataset", parts)


def publish(visit: Visit) -> Page | Moved:
    """Publish."""
    draft = _draft(visit)
    try:
        made = visit.served.do(
            pointing.publish_pointed,
            draft,
            distinct=visit.given("distinct").strip(),
            raise_cap=visit.given("raise_cap") == "yes",
        )
    except PreauError as exc:
        parts = [*_ending(draft), describing.form(draft, visit.language)]
        return Page("Offers of the dataset", parts, refusal=exc)
    if not made.effects:
        return Moved("/dataset", {"id": made.dataset.id})
    rows = (("dataset", Link(made.dataset.id, "/dataset", {"id": made.dataset.id})),)
    told = [Notice(each) for each in made.effects]
    return Page("Published", [Facts("Published", rows), *told])


def _place_form(known: pointing.Places, connection: str, place: str) -> Form:
    choices = [("", "a file of this node"), *named(known.connections)]
    fields = (
        Field("connection", "where", kind="choice", value=connection, choices=choices),
        Field(
            "place",
            "file or table",
            "a path such as `data/pupils.csv`, or `schema.table`",
            value=place,
            needed=True,
        ),
    )
    return Form("Point at the data", "/publish/source", fields, "look into it", method="get")


def _report(found: Mapping[str, Any], language: str) -> list[Part]:
    rows = (
        ("rows", found["rows"]),
        ("read whole", found["whole"]),
        ("person", found["person_column"]),
        ("persons", found["persons"] or None),
        ("most rows of one person", found["rows_per_person"] or None),
    )
    columns = [
        (
            each["name"],
            Words(each["class"]),
            typed(each["datatype"]),
            each["missing"],
            each["unreadable"],
            between("; ", language).join(reason[language] for reason in each["reasons"]),
            not all(reason["sure"] for reason in each["reasons"]),
        )
        for each in found["columns"]
    ]
    headings = ("column", "class", "type", "missing", "unreadable", "why", "to confirm")
    return [
        Facts("What was found", rows),
        Table(
            "Proposed classes",
            headings,
            columns,
            "No column was found: see whether the file has a line of headings.",
            name="proposed",
        ),
        *(Notice(verbatim(each[language])) for each in found["notes"]),
    ]


def _summary(draft: Mapping[str, Any]) -> Facts:
    names = ("id", "title", "population", "retention", "territory", "register")
    rows: list[tuple[str, Cell]] = [(name, draft.get(name)) for name in names]
    return Facts("Dataset", [*rows, ("columns", ", ".join(describing.names(draft)))])


def _choice(draft: Mapping[str, Any], language: str) -> Form:
    known = Field("template", "template", kind="choice", choices=filling.choices(language))
    hidden = {"draft": describing.packed(draft)}
    return Form("Add an offer from a template", "/publish/terms", (known,), "go on", hidden)


def _terms(visit: Visit, found: Template, draft: Mapping[str, Any]) -> list[Part]:
    spaces = visit.served.do(pointing.places).spaces
    given = visit.form
    own = filling.fields(found, given, visit.language, describing.names(draft), spaces)
    fields = (
        *own,
        Field(
            "decision",
            "who decides",
            kind="choice",
            value=given.get("decision", ""),
            choices=_DECISIONS,
        ),
        Field(
            "roles",
            "roles that decide",
            "one or two, such as `dpo head`; left empty: operator",
            value=given.get("roles", ""),
        ),
        Field(
            "report",
            "what is measured",
            kind="choice",
            value=given.get("report", ""),
            choices=_REPORTS,
        ),
    )
    hidden = {"draft": describing.packed(draft), "template": found.name}
    title = verbatim(found.title[visit.language])
    form = Form(title, "/publish/offer", fields, "measure it on the rows", hidden)
    return [*filling.notes(found, visit.language), form]


def _entry(visit: Visit, found: Template, stated: Mapping[str, str]) -> dict[str, Any]:
    decision = visit.given("decision") or "automatic"
    made: dict[str, Any] = {
        "policy": visit.served.do(drafting.filled, found, stated, visit.language),
        "decision": decision,
        "report": visit.given("report") or "kept",
    }
    if decision != "automatic" and (roles := visit.given("roles").split()):
        made["roles"] = roles
    return made


def _others(visit: Visit, found: Template, stated: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the same offer at the other levels of protection that its template knows."""
    levels_of = next((each for each in found.parameters if each.name == "level"), None)
    if levels_of is None:
        return {}
    chosen = stated.get("level") or levels_of.default
    return {
        word(each, visit.language): visit.served.do(
            drafting.filled, found, {**stated, "level": each}, visit.language
        )
        for each in levels_of.choices
        if each != chosen
    }


def _weighed(
    visit: Visit, draft: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]
) -> list[Part]:
    offers = _offers(draft)
    asked = {**draft, "offers": [*offers, *({"policy": each} for each in others.values())]}
    found = visit.served.do(pointing.weigh, asked)
    names = [str(place) for place in range(1, len(offers) + 1)]
    names += [", ".join((str(len(offers)), each)) for each in others]
    parts: list[Part] = [_summary(draft)]
    for name, each in zip(names, offers, strict=False):
        policy = each.get("policy", each)
        parts.append(sentences(f"Offer {name}", canonical(policy), visit.language))
    parts += levels.side_by_side(zip(names, found, strict=True), visit.language)
    return [*parts, *_ending(draft), _choice(draft, visit.language)]


def _ending(draft: Mapping[str, Any]) -> list[Part]:
    fields = (
        Field(
            "distinct",
            "why persons of other registers are others",
            "one line, where the node says that they overlap",
        ),
        Field(
            "raise_cap",
            "the cap of the register may rise",
            kind="choice",
            choices=(("no", "no"), ("yes", "yes")),
        ),
    )
    hidden = {"draft": describing.packed(draft)}
    return [Form("Publish", "/publish", fields, "publish", hidden)]


def _draft(visit: Visit) -> dict[str, Any]:
    visit.served.do(pointing.places)  # who may not publish gets no further
    return describing.unpacked(visit.given("draft"))


def _offers(draft: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = draft.get("offers", [])
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise Malformed("the offers of this form are none")
    return found


_POSTED: Final = (
    ("/publish/describe", describe),
    ("/publish/terms", terms),
    ("/publish/offer", offer),
)
PAGES: Final = (
    Entry(_START, point, (pointing.places,), "Publish"),
    Entry(_START, publish, (pointing.publish_pointed,), method="POST", on=_START),
    Entry("/publish/source", source, (pointing.propose,)),
    *(Entry(path, page, (pointing.places,), method="POST", on=_START) for path, page in _POSTED),
)
