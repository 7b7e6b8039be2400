"""Forms that were refused: shown again where they stood, filled with what they brought.

Rules: only services refuse; what a field declares says which field is meant, and never more. What
was typed is kept, but passwords; files are asked for again. A page is shown again as who sent the
form may see it now.

Source: WCAG 2.1, 3.3.1, 3.3.3 and 4.1.3; RGAA 4.1.2, 11.10 and 11.11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Final
from urllib.parse import parse_qsl

from connector.console.figures import figure
from connector.console.pages import PAGES
from connector.console.pages.entry import Entry, Moved, Sent
from connector.console.parts import Field, Form, Page, Summary, ticked
from connector.console.visit import Visit
from connector.errors import Malformed, PreauError, status

BACK: Final = (
    "back"  # field that says where a form stands: address of the page, `#`, id of the form
)
Made = Page | Moved | Sent | PreauError
_ASKED_AGAIN: Final = ("file", "password")
_LACKING: Final = {
    "choice": "choose from the list",
    "file": "choose a file",
    "several": "choose at least one",
}


def stood(
    entry: Entry, visit: Visit, make: Callable[[Entry, Visit], Made]
) -> tuple[Page, Visit] | None:
    """Return the page on which a form stood as it is now, and the visit of who would ask for it.

    Args:
        entry: to which the form was sent.
        visit: that brought it.
        make: makes a page.

    Returns:
        None where no page is shown to this account.
    """
    posted = entry.method == "POST"
    told = (visit.given(BACK) or entry.on) if posted else visit.path
    path, _, query = told.partition("#")[0].partition("?")
    on = next((each for each in PAGES if (each.path, each.method) == (path, "GET")), None)
    seen = on is not None and (on.open or (visit.desk is not None and on.leads(visit.desk)))
    if on is None or not seen or not (posted or visit.query):
        return None
    again = replace(visit, path=path, query=_query(query), form={}, files={}, posted=False)
    page = make(on, again)
    if not isinstance(page, Page):
        return None
    if posted:
        return page, again
    forms = [each for each in page.parts if isinstance(each, Form) and each.path == path]
    return (replace(page, parts=forms), again) if forms else None


def marked(page: Page, error: PreauError, visit: Visit) -> Page:
    """Return a page that says first what is wrong, with its form filled with what was brought.

    Args:
        page: on which the form stands.
        error: why it was refused.
        visit: that brought it.
    """
    given = visit.form or visit.query
    parts, found = list(page.parts), _form(page, visit)
    faults: list[tuple[str, str, str]] = []
    again = False
    if found is not None:
        form = found.with_fields(lambda each: _filled(each, given, _fault(each, error, visit)))
        parts[parts.index(found)] = form
        wrong = [each for each in form.all_fields if each.fault]
        faults = [(_element(form, each), each.label, each.fault) for each in wrong]
        again = any(each.kind in _ASKED_AGAIN for each in form.all_fields)
    summary = Summary(error.reason, error.code, error.hint, faults, again)
    parts.insert(0, summary)
    return replace(page, parts=parts, status=status(error.code)[1], live="", refusal=None)


def _query(text: str) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return {}


def _form(page: Page, visit: Visit) -> Form | None:
    """Return the form that was sent: by what it says of itself, or by where it leads."""
    forms = [each for each in page.parts if isinstance(each, Form)]
    name = visit.given(BACK).partition("#")[2]
    by_name = (each for each in forms if each.id == name)
    return next(by_name, next((each for each in forms if each.path == visit.path), None))


def _element(form: Form, field: Field) -> str:
    first = "-0" if field.kind == "several" else ""
    return f"{form.id}-{field.name}{first}"


def _filled(field: Field, given: Mapping[str, str], fault: str) -> Field:
    if field.kind == "several":
        return replace(field, value="\n".join(ticked(given, field.name)), fault=fault)
    kept = "" if field.kind in _ASKED_AGAIN else given.get(field.name, field.value)
    return replace(field, value=kept, fault=fault)


def _fault(field: Field, error: PreauError, visit: Visit) -> str:
    """Return what is wrong with a field: as the refusal says, or else as the field declares."""
    if said := error.where.get(field.member or field.name):
        return said
    given = visit.form or visit.query
    value = given.get(field.name, field.value).replace("\r\n", "\n").strip()
    there = {"several": bool(ticked(given, field.name)), "file": field.name in visit.files}
    lacking = _LACKING.get(field.kind, "fill this in")
    if not there.get(field.kind, bool(value)):
        return lacking if field.needed else ""
    if field.kind == "choice":
        return "" if value in {each for each, _ in field.choices} else lacking
    if len(value) > field.longest:
        return f"{field.longest} characters at most"
    return _misspelt(field.kind, value)


def _misspelt(kind: str, value: str) -> str:
    try:
        if kind == "number":
            figure(value)
        if kind == "date":
            date.fromisoformat(value)
    except Malformed as exc:
        return exc.reason
    except ValueError:
        return "a day is written as in `2027-09-01`"
    return ""
