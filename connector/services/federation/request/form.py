"""Forms of JSON values: what may stand somewhere, in one place for reading, schema and manual.

Rules: a form says in words what it allows, and those words are in each refusal and on each page; a
form that `faults` finds nothing against is one that the JSON Schema of `schema.py` accepts, and the
other way round, but for what it cannot say (`2.0` is no whole number, and some characters cannot be
shown). What one member must be beside another is left to the manifest's reader. Pure.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from federated.reading import MAX_TEXT, is_plain

MOST_SHOWN: Final = 80  # characters of a value that a refusal shows
_KIND: Final = "kind"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a value must not have.

    Attributes:
        pointer: RFC 6901, from the form's own value on.
        what: what is allowed there, and what was found; one line.
    """

    pointer: str
    what: str


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text.

    Attributes:
        called: what it is, in words; `a text` for any.
        pattern: regular expression of the whole; empty: any.
        most: characters.
    """

    called: str = "a text"
    pattern: str = ""
    most: int = MAX_TEXT


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some texts."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, ends included."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Real:
    """A finite number.

    Attributes:
        low: lowest end.
        high: highest end.
        closed: which ends are allowed themselves: `""`, `low`, `high` or `both`.
    """

    low: float = -math.inf
    high: float = math.inf
    closed: str = "both"

    def allows(self, number: float) -> bool:
        """Whether a number lies within."""
        above = number >= self.low if self.closed in ("low", "both") else number > self.low
        below = number <= self.high if self.closed in ("high", "both") else number < self.high
        return above and below


@dataclass(frozen=True, slots=True)
class Many:
    """A list of one form."""

    of: Form
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Named:
    """An object whose members' names are data, all of one form."""

    of: Form
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Row:
    """A member of an object.

    Attributes:
        name: of the member.
        form: of its value.
        words: what it means, a sentence in Markdown.
        otherwise: what counts where it is left out; empty where it must be there.
    """

    name: str
    form: Form
    words: str
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """An object with known members."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Kinds:
    """An object whose member `kind` says which others it has.

    Attributes:
        rows: members of each kind.
        kinds: kind -> members of its own.
        words: kind -> what it means, a sentence in Markdown.
        usual: kind where none is stated; empty where it must be, unless `open`.
        open: whether the kind may be left to the data dictionaries.
    """

    rows: tuple[Row, ...]
    kinds: Mapping[str, tuple[Row, ...]]
    words: Mapping[str, str]
    usual: str = ""
    open: bool = False

    def of(self, kind: str | None) -> tuple[Row, ...]:
        """Return the members of an object of a kind, or of one whose kind is left open."""
        if kind is not None:
            return (*self.rows, *self.kinds[kind])
        several = {row.name: row for rows in self.kinds.values() for row in rows}
        alike = (Row(each.name, each.form, each.words, "not stated") for each in several.values())
        return (*self.rows, *alike)


@dataclass(frozen=True, slots=True)
class Either:
    """A value of one of several forms, of which at most one is an object and one a list."""

    forms: tuple[Form, ...]


Form = Text | Choice | Whole | Real | Many | Named | Parts | Kinds | Either


def told(form: Form) -> str:  # noqa: PLR0911 - one line a form
    """Return in words what a form allows."""
    match form:
        case Text():
            return form.called
        case Choice():
            return _listed(f"`{each}`" for each in form.values)
        case Whole():
            return f"a whole number from {form.least:,} to {form.most:,}"
        case Real():
            return f"a number{_within(form)}"
        case Many():
            return f"a list of {form.least} to {form.most}, each {told(form.of)}"
        case Named():
            return f"an object of {form.least} to {form.most} members, each {told(form.of)}"
        case Parts():
            return "an object"
        case Kinds():
            return f"an object of kind {_listed(f'`{each}`' for each in form.kinds)}"
        case Either():
            return _listed(map(told, form.forms))


def faults(value: Any, form: Form, pointer: str = "") -> Iterator[Fault]:
    """Yield what a JSON value has that its form does not allow, in the form's order.

    Args:
        value: as read from JSON.
        form: what it must have.
        pointer: where the value stands.
    """
    match form:
        case Either():
            yield from _either(value, form, pointer)
        case Kinds() if isinstance(value, dict):
            yield from _of_kind(value, form, pointer)
        case Parts() if isinstance(value, dict):
            yield from _members(value, form.rows, pointer)
        case Many() | Named() if isinstance(value, list if isinstance(form, Many) else dict):
            if not form.least <= len(value) <= form.most:
                yield Fault(pointer, f"must be {told(form)}; found {len(value)}")
            for name, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from faults(item, form.of, f"{pointer}/{_step(name)}")
        case _:
            if not _allowed(value, form):
                yield Fault(
                    pointer, f"must be {told(form)}; found {shown(value)}{_near(value, form)}"
                )


def shown(value: Any) -> str:
    """Return a value as a refusal shows it: never more than a little of it."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text[:MOST_SHOWN]}`" if is_plain(text) else "a text that cannot be shown"


def nearest(name: str, known: list[str]) -> str:
    """Return `, did you mean …` of the nearest of some names; empty where none is near."""
    found = get_close_matches(name.casefold(), [each.casefold() for each in known], n=1)
    near = [each for each in known if each.casefold() in found]
    return f", did you mean `{near[0]}`" if near else ""


def _either(value: Any, form: Either, pointer: str) -> Iterator[Fault]:
    found = [list(faults(value, each, pointer)) for each in form.forms]
    if not all(found):
        return
    inside = (it for it, each in zip(found, form.forms, strict=True) if _holds(each, value))
    plain = Fault(pointer, f"must be {told(form)}; found {shown(value)}")
    yield from next(inside, [plain])


def _holds(form: Form, value: Any) -> bool:
    """Whether a form is of objects or lists, as the value is."""
    kind = list if isinstance(form, Many) else dict
    return isinstance(form, Many | Named | Parts | Kinds) and isinstance(value, kind)


def _of_kind(value: Mapping[str, Any], form: Kinds, pointer: str) -> Iterator[Fault]:
    kind = value.get(_KIND, form.usual or None)
    if kind is None and _KIND not in value and form.open:
        yield from _members(value, form.of(None), pointer)
        return
    choice = Choice(tuple(form.kinds))
    if not _allowed(kind, choice):
        what = f"found {shown(kind)}{_near(kind, choice)}" if _KIND in value else "it is missing"
        yield Fault(f"{pointer}/{_KIND}", f"must be {told(choice)}; {what}")
        return
    rest = {name: each for name, each in value.items() if name != _KIND}
    yield from _members(rest, form.of(kind), pointer, kind)


def _members(
    value: Mapping[str, Any], rows: tuple[Row, ...], pointer: str, kind: str = ""
) -> Iterator[Fault]:
    what = f" of kind `{kind}`" if kind else ""
    names = [row.name for row in rows]
    for name in value:
        if name not in names:
            near = nearest(name, names)
            known = f"{near}; known members: {', '.join(names)}" if names else ""
            yield Fault(f"{pointer}/{_step(name)}", f"is not a member{what}{known}")
    for row in rows:
        if row.name in value:
            yield from faults(value[row.name], row.form, f"{pointer}/{row.name}")
        elif not row.otherwise:
            yield Fault(f"{pointer}/{row.name}", _lacking(row.form, kind))


def _lacking(form: Form, kind: str) -> str:
    if kind:
        return f"is missing, which kind `{kind}` needs: must be {told(form)}"
    return f"is missing: must be {told(form)}"


def _allowed(value: Any, form: Form) -> bool:
    match form:
        case Text():
            fits = isinstance(value, str) and 0 < len(value) <= form.most and is_plain(value)
            return fits and re.fullmatch(form.pattern or ".*", value) is not None
        case Choice():
            return isinstance(value, str) and value in form.values
        case Whole():
            return type(value) is int and form.least <= value <= form.most
        case Real():
            number = type(value) in (int, float) and abs(value) <= _LARGEST
            return number and math.isfinite(value) and form.allows(value)
        case _:
            return False


_LARGEST: Final = 2**1023


def _near(value: Any, form: Form) -> str:
    if not isinstance(form, Choice) or not isinstance(value, str):
        return ""
    return nearest(value, list(form.values))


def _within(form: Real) -> str:
    low, high = math.isfinite(form.low), math.isfinite(form.high)
    least, most = _said(form.low), _said(form.high)
    if low and high:
        return {
            "both": f" from {least} to {most}",
            "low": f" of at least {least} and below {most}",
            "high": f" above {least} and at most {most}",
        }.get(form.closed, f" above {least} and below {most}")
    lower = f"of at least {least}" if form.closed in ("low", "both") else f"above {least}"
    upper = f"at most {most}" if form.closed in ("high", "both") else f"below {most}"
    return f" {lower}" if low else f" {upper}" if high else ""


def _said(number: float) -> str:
    """Return a number as people write it."""
    if abs(number) < 1e9:  # noqa: PLR2004 - more digits are not counted at a glance
        return f"{number:,.15g}"
    return f"{number:.0e}".replace("e+", "e")


def _listed(items: Any) -> str:
    *first, last = items
    return f"{', '.join(first)} or {last}" if first else str(last)


def _step(name: str | int) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
