"""What there is to say of a policy, each finding with its place in each of the three views."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from connector.console.pages.author import conditions
from connector.console.parts import Cell, Form, Group, Link, Part, Table, Words
from connector.errors import ConstraintUnknown
from connector.services.policies.drafting import Draft
from policies_odrl.checking.findings import Severity
from policies_odrl.checking.written import pointer

PLACE: Final = "findings"
_HEADINGS: Final = (
    *("severity", "finding", "fix", "sentence", "line of the JSON-LD"),
    *("changes no decision", "code"),
)


def written(document: Mapping[str, Any]) -> str:
    """Return a document as the JSON-LD view shows it."""
    return json.dumps(document, ensure_ascii=False, indent=1)


def places(document: Mapping[str, Any]) -> dict[str, int]:
    """Return the JSON pointers of a document, each with its line in `written`, from 1."""
    found: dict[str, int] = {}
    _place(document, "", 1, found)
    return found


def summary(draft: Draft) -> Link:
    """Return how much there is to say of a draft, which leads to it."""
    errors = sum(each.severity is Severity.ERROR for each in draft.findings) + bool(draft.gap)
    count = len(draft.findings) + bool(draft.gap)
    if not count:
        return Link("Nothing is wrong or questionable.", f"#{PLACE}")
    return Link(f"findings: {count}, of which errors: {errors}", f"#{PLACE}")


def group(draft: Draft, language: str, hidden: Mapping[str, str]) -> Group:
    """Return the findings, and a form to apply those fixes that change no decision.

    Args:
        draft: of the policy.
        language: of the reader.
        hidden: values that go with each form of the editor.
    """
    lines = places(draft.document)
    numbers = {each.path: each.number for each in draft.lines if each.path}
    rows: list[tuple[Cell, ...]] = [
        (
            Words(each.severity.value),
            each.sentence,
            each.fix,
            _sentence(each.path, draft, numbers, language),
            nearest(each.path, lines),
            each.mechanical,
            each.code,
        )
        for each in draft.findings
    ]
    if draft.gap:
        gap = (Words(Severity.ERROR.value), Words(draft.gap), "", "", None, False)
        rows.insert(0, (*gap, ConstraintUnknown.code))
    table = Table(
        "Findings",
        _HEADINGS,
        rows,
        "Nothing is wrong or questionable.",
        name="found",
        again=hidden,
    )
    parts: list[Part] = [table]
    if any(each.mechanical for each in draft.findings):
        title = "Apply the fixes that change no decision"
        parts.append(
            Form(title, "/policy/edit", (), "apply", {**hidden, "view": "fixes"}, name="-fixes")
        )
    return Group(PLACE, parts)


def _sentence(path: str, draft: Draft, numbers: Mapping[str, str], language: str) -> Cell:
    number = nearest(path, numbers) or ""
    field = conditions.field_of(path, draft.document, language)
    return Link(number, f"#{field}") if number and field else number


def nearest(path: str, known: Mapping[str, Any]) -> Any:
    """Return what is known of a place, or of the nearest one that holds it."""
    while path and path not in known:
        path = path.rpartition("/")[0]
    return known.get(path) if path else None


def _place(part: Any, path: str, line: int, found: dict[str, int]) -> int:
    """Note the line of a part and of all below it; return its last line."""
    found[path] = line
    if not isinstance(part, Mapping | list) or not part:
        return line
    for name, item in part.items() if isinstance(part, Mapping) else enumerate(part):
        line = _place(item, pointer(path, name), line + 1, found)
    return line + 1
