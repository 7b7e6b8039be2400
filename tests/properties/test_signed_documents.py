"""A signed document with one member removed, of another type, or more, is no such document."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator
from re import fullmatch
from typing import Any

from tests.support.documents import DOCUMENTS, Kind
from tests.support.each import over

SAMPLES: tuple[Any, ...] = (None, True, 1, 1.5, "x", [], {})
_GONE = object()


def _members(value: Any, left: Collection[str] = (), pointer: str = "") -> Iterator[str]:
    """Yield the pointer of each member and item below a value, but of those that are left out."""
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in below:
        place = f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"
        if not _named(place, left):
            yield place
            if isinstance(item, dict | list):
                yield from _members(item, left, place)


def _named(pointer: str, names: Collection[str]) -> str | None:
    """Return the name that stands for a pointer, where there is one; `*` is any one step."""
    found = (name for name in names if fullmatch(re.escape(name).replace(r"\*", "[^/]*"), pointer))
    return next(found, None)


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _at(content: Any, steps: list[str]) -> Any:
    for step in steps:
        content = content[int(step)] if isinstance(content, list) else content[step]
    return content


def _with(content: Any, pointer: str, value: Any) -> Any:
    whole = copy.deepcopy(content)
    *path, last = _steps(pointer)
    place = _at(whole, path)
    if value is _GONE:
        del place[int(last) if isinstance(place, list) else last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return whole


def _retyped(value: Any, *, number: bool) -> list[Any]:
    """Return a value of every other type, and a whole number's equal with a fraction."""
    others = [sample for sample in SAMPLES if type(sample) is not type(value)]
    if number:
        return [other for other in others if type(other) not in (int, float)]
    return others + ([float(value)] if type(value) is int else [])


def _accepted(kind: Kind, content: dict[str, Any]) -> bool:
    try:
        kind.read(content)
    except kind.fault:
        return False
    return True


@over("name", DOCUMENTS)
def test_a_sound_document_is_read(name: str) -> None:
    DOCUMENTS[name].read(DOCUMENTS[name].content)


@over("name", DOCUMENTS)
def test_a_document_lacks_no_member(name: str) -> None:
    kind = DOCUMENTS[name]
    read = {
        pointer
        for pointer in _members(kind.content, kind.open)
        if isinstance(_at(kind.content, _steps(pointer)[:-1]), dict)
        and _accepted(kind, _with(kind.content, pointer, _GONE))
    }
    assert {_named(pointer, kind.left_out) or pointer for pointer in read} == kind.left_out


@over("name", DOCUMENTS)
def test_no_member_of_a_document_is_of_another_type(name: str) -> None:
    kind = DOCUMENTS[name]
    for pointer in _members(kind.content, kind.open):
        number = _named(pointer, kind.numbers) is not None
        others = _retyped(_at(kind.content, _steps(pointer)), number=number)
        for value in others if pointer not in kind.empty else filter(None, others):
            assert not _accepted(kind, _with(kind.content, pointer, value)), (pointer, value)


@over("name", DOCUMENTS)
def test_a_document_has_no_member_more(name: str) -> None:
    kind = DOCUMENTS[name]
    read = {
        pointer
        for pointer in ("", *_members(kind.content, kind.open))
        if isinstance(_at(kind.content, _steps(pointer)), dict)
        and _accepted(kind, _with(kind.content, f"{pointer}/more", "x"))
    }
    assert {_named(pointer, kind.others) or pointer for pointer in read} <= kind.others


@over("name", DOCUMENTS)
def test_nothing_in_a_document_breaks_its_reader(name: str) -> None:
    """What a reader leaves to others may be anything; a refusal is the only other answer."""
    kind = DOCUMENTS[name]
    for pointer in _members(kind.content):
        for value in (*SAMPLES, _GONE):
            _accepted(kind, _with(kind.content, pointer, value))
