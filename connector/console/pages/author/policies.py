"""The editor of policies: three views that stay equal, findings, what if, comparison, layers.

Rule: the policy travels in the forms and is kept nowhere; whichever view is sent, the page shows
all of them as the node reads it. What cannot be read is shown as it was typed, beside the policy
as it stood.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connector.console.pages import filling
from connector.console.pages.author import conditions
from connector.console.pages.entry import Entry, Moved
from connector.console.parts import Cell, Field, Form, Notice, Page, Part, Sentences, Table, Words
from connector.console.visit import Visit
from connector.errors import PreauError
from connector.jsonld.canonical import canonical, parse_object
from connector.services.policies import drafting, trying
from connector.services.policies.drafting import Draft
from connector.services.publication import publish, withdrawing
from policies_odrl.comparison.compare import Comparison, Relation
from policies_odrl.language.phrases import word

_START: Final = "/policy"
_TITLE: Final = "Policy editor"
_VALUE: Final = "value:"
_RELATIONS: Final[Mapping[Relation, str]] = {
    Relation.EQUIVALENT: "equivalent: both grant the same",
    Relation.WITHIN: "within: whatever this policy grants, the other grants too",
    Relation.CONTAINS: "wider: whatever the other grants, this policy grants too",
    Relation.OVERLAPPING: "overlapping: they grant something in common, and neither is within the "
    "other",
    Relation.DISJOINT: "disjoint: nothing is granted by both",
    Relation.UNKNOWN: "unknown: none of these can be shown",
}


def begin(visit: Visit) -> Page:
    """Show an own offer as a draft; without one a short draft, and templates to begin with."""
    if identifier := visit.asked("offer"):
        offer = visit.served.do(publish.offer, identifier)
        draft = visit.served.do(drafting.from_document, offer.policy.decode(), visit.language)
        return _shown(visit, draft, offer=identifier)
    known = Field("template", "template", kind="choice", choices=filling.choices(visit.language))
    begin = Form("Begin with a template", "/policy/template", (known,), "go on")
    return _shown(visit, _blank(visit), [begin])


def template(visit: Visit) -> Page:
    """Ask for what a template leaves open, or show the draft that it makes."""
    spaces = visit.served.do(drafting.spaces)
    found = filling.chosen(visit.given("template"))
    fields = filling.fields(found, visit.form, visit.language, spaces=spaces)
    hidden = {"template": found.name, "filled": "yes"}
    form = Form(found.title[visit.language], "/policy/template", fields, "write it", hidden)
    parts: list[Part] = [*filling.notes(found, visit.language), form]
    if visit.given("filled") != "yes":
        return Page(_TITLE, parts)
    try:
        made = filling.filled(found, filling.values(found, visit.form), visit.language)
        return _shown(visit, visit.served.do(drafting.from_document, made, visit.language))
    except PreauError as exc:
        return Page(_TITLE, parts, refusal=exc)


def edit(visit: Visit) -> Page:
    """Read the view that was changed, and show all of them."""
    view, offer = visit.given("view"), visit.given("offer")
    try:
        return _shown(visit, _read(visit, view), offer=offer)
    except PreauError as exc:
        before = _kept(visit) if visit.given("document") else _blank(visit)
        return _shown(visit, before, offer=offer, refusal=exc)


def what_if(visit: Visit) -> Page:
    """Try a request out."""
    draft = _kept(visit)
    asked = {name: visit.given(name).strip() for name in ("action", "assignee", "target", "now")}
    stated = {
        name.removeprefix(_VALUE): text.strip()
        for name, text in visit.form.items()
        if name.startswith(_VALUE) and text.strip()
    }
    try:
        granted, lines = visit.served.do(
            trying.what_if, draft.policy, asked, stated, visit.language
        )
    except PreauError as exc:
        return _shown(visit, draft, offer=visit.given("offer"), refusal=exc)
    told = "The request would be granted." if granted else "The request would be refused."
    said: list[Part] = [Notice(told, "done" if granted else "info"), Sentences("What if", lines)]
    return _shown(visit, draft, said, visit.given("offer"))


def compare(visit: Visit) -> Page:
    """Say how the policy relates to another one."""
    draft = _kept(visit)
    try:
        other = visit.served.do(drafting.from_document, visit.given("other"), visit.language)
        found = visit.served.do(trying.against, draft.policy, other.policy)
    except PreauError as exc:
        return _shown(visit, draft, offer=visit.given("offer"), refusal=exc)
    return _shown(visit, draft, _compared(found, visit.language), visit.given("offer"))


def layers(visit: Visit) -> Page:
    """Show what the policy would be offered as, and where each line comes from."""
    draft = _kept(visit)
    personal = visit.given("personal") != "no"
    try:
        found = visit.served.do(trying.layered, draft.policy, personal=personal)
    except PreauError as exc:
        return _shown(visit, draft, offer=visit.given("offer"), refusal=exc)
    rows = [
        (each.constraint, Words(each.label), Words(each.by), Words(each.layer))
        for each in found.lines
    ]
    whole = visit.served.do(drafting.from_document, found.document, visit.language)
    names = ", ".join(found.names)
    parts: list[Part] = [
        Notice(f"layers in force: {names}") if names else Notice("No layer is in force here."),
        Table(
            "Where each line comes from",
            ("constraint", "label", "by", "layer"),
            rows,
            "no constraint",
            name="layers",
        ),
        Sentences("As it would be offered", whole.sentences),
    ]
    return _shown(visit, draft, parts, visit.given("offer"))


def replace(visit: Visit) -> Page | Moved:
    """Put the policy in the place of an own offer's terms."""
    offer, reason = visit.given("offer"), visit.given("reason").strip()
    entry = {"policy": parse_object(visit.given("document").encode())}
    try:
        found, effects = visit.served.do(withdrawing.replace_offer, offer, entry, reason)
    except PreauError as exc:
        return _shown(visit, _kept(visit), offer=offer, refusal=exc)
    if not effects:
        return Moved("/dataset", {"id": found.dataset_id})
    return Page(
        "Replaced",
        [Notice("The offer has these terms now.", "done"), *(Notice(each) for each in effects)],
    )


def _read(visit: Visit, view: str) -> Draft:
    text, language = visit.given("text"), visit.language
    if view == "sentences":
        return visit.served.do(drafting.from_sentences, text, language)
    if view == "form":
        made = conditions.changed(_kept(visit).document, visit.form)
        return visit.served.do(drafting.from_document, made, language)
    if view == "fixes":
        return visit.served.do(drafting.with_fixes, visit.given("document"), language)
    return visit.served.do(drafting.from_document, text, language)


def _kept(visit: Visit) -> Draft:
    return visit.served.do(drafting.from_document, visit.given("document"), visit.language)


def _blank(visit: Visit) -> Draft:
    return visit.served.do(drafting.blank, visit.language)


def _shown(
    visit: Visit,
    draft: Draft,
    said: Sequence[Part] = (),
    offer: str = "",
    refusal: PreauError | None = None,
) -> Page:
    parts = [*said, *_views(draft, visit, offer)]
    return Page(_TITLE, parts, subject=draft.policy.id, refusal=refusal)


def _views(draft: Draft, visit: Visit, offer: str) -> list[Part]:
    document = canonical(draft.document).decode()
    hidden = {"document": document, "offer": offer}
    form = conditions.form(draft.document, visit.language)
    parts: list[Part] = _findings(draft, hidden)
    parts += [
        _texts("\n".join(draft.sentences), "sentences", offer, document),
        Form(
            form.title,
            form.path,
            form.fields,
            form.button,
            {**form.hidden, "offer": offer},
            grid=form.grid,
            name=form.name,
        ),
        _texts(
            json.dumps(draft.document, ensure_ascii=False, indent=1), "document", offer, document
        ),
        _request(draft.document, visit.language, hidden),
        _other(hidden),
        Form(
            "Under the layers in force",
            "/policy/layers",
            (
                Field(
                    "personal",
                    "personal data",
                    kind="choice",
                    choices=(("yes", "yes"), ("no", "no")),
                ),
            ),
            "show",
            hidden,
        ),
    ]
    if offer and visit.served.may(withdrawing.replace_offer):
        reason = Field("reason", "reason", hint="one line; parties are told", needed=True)
        parts.append(
            Form(
                "Put it in the place of the offer's terms",
                "/policy/replace",
                (reason,),
                "replace",
                hidden,
                grave=True,
            )
        )
    return parts


def _findings(draft: Draft, hidden: Mapping[str, str]) -> list[Part]:
    rows: list[tuple[Cell, ...]] = [
        (Words(each.severity.value), each.code, each.path, each.sentence, each.fix, each.mechanical)
        for each in draft.findings
    ]
    headings = ("severity", "code", "place", "finding", "fix", "changes no decision")
    parts: list[Part] = [Notice(draft.gap, "wrong")] if draft.gap else []
    parts.append(
        Table("Findings", headings, rows, "Nothing is wrong or questionable.", name="findings")
    )
    if any(each.mechanical for each in draft.findings):
        parts.append(
            Form(
                "Apply the fixes that change no decision",
                "/policy/edit",
                (),
                "apply",
                {**hidden, "view": "fixes"},
                name="-fixes",
            )
        )
    return parts


def _texts(text: str, view: str, offer: str = "", document: str = "") -> Form:
    title = "In sentences" if view == "sentences" else "As JSON-LD"
    hint = (
        "numbered sentences, in the language of this page"
        if view == "sentences"
        else "ODRL 2.2 under the contexts of the protocol"
    )
    field = Field("text", "text", hint, "lines", text, needed=True, longest=drafting.MOST)
    hidden = {"view": view, "document": document, "offer": offer}
    return Form(title, "/policy/edit", (field,), "change", hidden, name=f"-{view}")


def _request(document: Mapping[str, Any], language: str, hidden: Mapping[str, str]) -> Form:
    fields = [
        Field("action", "action", kind="choice", choices=conditions.actions(document, language)),
        Field("assignee", "who asks", "an IRI, such as a DID"),
        Field("target", "dataset", "its IRI; left empty: not stated"),
        Field("now", "when", "a time with its zone, such as `2027-01-01T10:00:00Z`"),
    ]
    fields += [
        Field(f"{_VALUE}{iri}", word(iri, language, "operands"), longest=2000)
        for iri in conditions.operands(document)
    ]
    return Form("What if", "/policy/what-if", fields, "try it out", hidden)


def _other(hidden: Mapping[str, str]) -> Form:
    field = Field(
        "other", "the other policy", "JSON-LD", "lines", needed=True, longest=drafting.MOST
    )
    return Form("Compare with another policy", "/policy/compare", (field,), "compare", hidden)


def _compared(found: Comparison, language: str) -> list[Part]:
    sides = (("this within the other", found.forward), ("the other within this", found.backward))
    rows: list[tuple[Cell, ...]] = [
        (Words(name), Words(side.answer.value), item.said(language))
        for name, side in sides
        for item in (side.covered if side else side.gaps)
    ]
    rows += [
        (Words(name), Words(side.answer.value), Words(f"missing fact: {fact}"))
        for name, side in sides
        for fact in side.missing
    ]
    return [
        Notice(_RELATIONS[found.relation]),
        Table(
            "Attribute by attribute",
            ("question", "answer", "because"),
            rows,
            "nothing to tell apart",
            name="comparison",
        ),
    ]


_POSTED: Final = (
    ("/policy/template", template, drafting.spaces),
    ("/policy/edit", edit, drafting.from_document),
    ("/policy/what-if", what_if, trying.what_if),
    ("/policy/compare", compare, trying.against),
    ("/policy/layers", layers, trying.layered),
    ("/policy/replace", replace, withdrawing.replace_offer),
)
PAGES: Final = (
    Entry(_START, begin, (drafting.blank,), "Policy editor"),
    *(Entry(path, page, (service,), method="POST", on=_START) for path, page, service in _POSTED),
)
