"""The editor of policies: three views that stay equal, findings, what if, comparison, layers.

Rule: the policy travels in the forms and is kept nowhere; whichever view is sent, the page shows
all of them as the node reads it. What cannot be read stays in its view as it was typed, and the
others stay as they were. In a browser with scripts this is done while one types (`typing.js`).
"""

from __future__ import annotations

from dataclasses import replace as with_
from typing import Any, Final

from connector.console.pages import filling
from connector.console.pages.author import conditions, trials, views
from connector.console.pages.author.views import shown
from connector.console.pages.entry import Entry, Moved
from connector.console.parts import Field, Form, Notice, Page, Part
from connector.console.visit import Visit
from connector.errors import PreauError
from connector.jsonld.canonical import parse_object
from connector.language.matching import verbatim
from connector.services.policies import drafting, trying
from connector.services.policies.drafting import Draft
from connector.services.publication import publish, withdrawing

_START: Final = "/policy"


def begin(visit: Visit) -> Page:
    """Show an own offer as a draft; without one a short draft, and templates to begin with."""
    if identifier := visit.asked("offer"):
        offer = visit.served.do(publish.offer, identifier)
        draft = visit.served.do(drafting.from_document, offer.policy.decode(), visit.language)
        return shown(visit, draft, offer=identifier)
    page = shown(visit, _blank(visit))
    known = Field("template", "template", kind="choice", choices=filling.choices(visit.language))
    start = Form("Begin with a template", "/policy/template", (known,), "go on")
    return with_(page, parts=[start, *page.parts])


def template(visit: Visit) -> Page:
    """Ask for what a template leaves open, or show the draft that it makes."""
    spaces = visit.served.do(drafting.spaces)
    found = filling.chosen(visit.given("template"))
    fields = filling.fields(found, visit.form, visit.language, spaces=spaces)
    hidden = {"template": found.name, "filled": "yes"}
    title = verbatim(found.title[visit.language])
    form = Form(title, "/policy/template", fields, "write it", hidden)
    parts: list[Part] = [*filling.notes(found, visit.language), form]
    if visit.given("filled") != "yes":
        return Page(views.TITLE, parts)
    try:
        stated = filling.values(found, visit.form)
        made = visit.served.do(drafting.filled, found, stated, visit.language)
        return shown(visit, visit.served.do(drafting.from_document, made, visit.language))
    except PreauError as exc:
        return Page(views.TITLE, parts, refusal=exc)


def edit(visit: Visit) -> Page:
    """Read the view that was changed, and show all of them."""
    try:
        return shown(visit, _read(visit, visit.given("view")))
    except PreauError as exc:
        if visit.given("text"):
            exc.where = exc.where or {"text": exc.reason}
        before = _kept(visit) if visit.given("document") else _blank(visit)
        return shown(visit, before, refusal=exc)


def what_if(visit: Visit) -> Page:
    """Try a request out."""
    draft = _kept(visit)
    try:
        found = visit.served.do(
            trying.what_if, draft.policy, *trials.asked(visit.form), visit.language
        )
    except PreauError as exc:
        return shown(visit, draft, refusal=exc)
    return shown(visit, draft, trials.tried(*found))


def compare(visit: Visit) -> Page:
    """Say how the policy relates to another one."""
    draft = _kept(visit)
    try:
        other = visit.served.do(drafting.from_either, visit.given("other"), visit.language)
        found = visit.served.do(trying.against, draft.policy, other.policy)
    except PreauError as exc:
        return shown(visit, draft, refusal=exc)
    again = {name: visit.given(name) for name in ("document", "other")}
    return shown(visit, draft, trials.compared(found, draft, other, visit.language, again))


def layers(visit: Visit) -> Page:
    """Show what the policy would be offered as, and where each line comes from."""
    draft = _kept(visit)
    personal, space = visit.given("personal"), visit.given("space")
    try:
        found = visit.served.do(
            trying.layered, draft.policy, personal=personal != "no", space=space
        )
        whole = visit.served.do(drafting.from_document, found.document, visit.language)
    except PreauError as exc:
        return shown(visit, draft, refusal=exc)
    again = {"document": visit.given("document"), "personal": personal, "space": space}
    return shown(visit, draft, trials.layered(found, whole, again))


def replace(visit: Visit) -> Page | Moved:
    """Put the policy in the place of an own offer's terms."""
    offer, reason = visit.given("offer"), visit.given("reason").strip()
    entry = {"policy": parse_object(visit.given("document").encode())}
    try:
        found, effects = visit.served.do(withdrawing.replace_offer, offer, entry, reason)
    except PreauError as exc:
        return shown(visit, _kept(visit), refusal=exc)
    if not effects:
        return Moved("/dataset", {"id": found.dataset_id})
    return Page(
        "Replaced",
        [Notice("The offer has these terms now.", "done"), *(Notice(each) for each in effects)],
    )


def _read(visit: Visit, view: str) -> Draft:
    language, document = visit.language, visit.given("document")
    if view == views.SENTENCES:
        return visit.served.do(drafting.from_sentences, visit.given("text"), language)
    if view == views.DOCUMENT:
        return visit.served.do(drafting.from_document, visit.given("text"), language)
    if view == "fixes":
        return visit.served.do(drafting.with_fixes, document, language)
    if not view:  # a table of the page is asked for as a file
        return _kept(visit)
    change = conditions.added if view == "add" else conditions.changed
    made: dict[str, Any] = change(parse_object(document.encode()), visit.form, language)
    return visit.served.do(drafting.from_document, made, language)


def _kept(visit: Visit) -> Draft:
    return visit.served.do(drafting.from_document, visit.given("document"), visit.language)


def _blank(visit: Visit) -> Draft:
    return visit.served.do(drafting.blank, visit.language)


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
