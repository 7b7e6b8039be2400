"""What a JSON-LD document would lose or leave unsaid when it is expanded, with the place of each.

Expansion drops members that the contexts do not define, and leaves names relative; all are found,
with what the author probably meant. What is read stays with `documents/sources.py`.
Source: JSON-LD 1.1 API, section 5.1 (expansion); DSP 2025-1, odrl-profile context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

from policies_odrl.checking.findings import Change, Finding, Report, Step, local_name
from policies_odrl.checking.mending import pointer
from policies_odrl.checking.shapes import HOLDS, Holds
from policies_odrl.documents import contexts
from policies_odrl.documents.names import coercions
from policies_odrl.documents.sources import Reading
from policies_odrl.errors import OdrlError
from policies_odrl.model import ODRL
from policies_odrl.reading.nodes import short
from policies_odrl.reading.writer import CONTEXTS
from policies_odrl.vocabulary import DCT, PREFIXES

MAX_LOSSES: Final = 200  # findings of one document

_KEYWORD: Final = re.compile(r"@[a-z]+")
# Prefixes that authors use without declaring them.
_USUAL: Final = {**PREFIXES, "dcterms": DCT, "dc": DCT}
Terms = Mapping[str, Any]


def losses(document: Mapping[str, Any], lang: str = "en") -> tuple[Finding, ...]:
    """Return what expansion of a document would lose or leave relative.

    >>> [item.path for item in losses({"@context": list(CONTEXTS), "remedy": []})]
    ['/remedy']

    Args:
        document: JSON that should be JSON-LD.
        lang: `en` or `fr`.
    """
    report = Report(lang)
    stated = list(_contexts(document))
    if not stated:
        report.note("", "missing-context")
    for path, item in stated:
        try:
            contexts.check(item)
        except OdrlError as exc:
            code = "unknown-context" if isinstance(item, str) else "inline-context"
            report.note(path, code, item if isinstance(item, str) else (exc.reason, exc.french))
    if not report.found:
        _Losses(_terms([item for _, item in stated]), report).look(document)
    return tuple(report.found[:MAX_LOSSES])


def as_names(readings: Sequence[Reading], lang: str = "en") -> tuple[Finding, ...]:
    """Return a finding for text that a Turtle document gives where ODRL has a name."""
    report = Report(lang)
    for key, stated, name in islice(dict.fromkeys(readings), MAX_LOSSES):
        report.note("", "text-as-name", short(key), stated, short(name))
    return tuple(report.found)


def unsaid(document: Mapping[str, Any], lang: str = "en") -> tuple[Finding, ...]:
    """Return terms of a document that mean nothing under the context of the Dataspace Protocol.

    Args:
        document: JSON-LD that expands without loss under its own contexts.
        lang: `en` or `fr`.
    """
    named = [item for _, item in _contexts(document)]
    if all(item in CONTEXTS for item in named):
        return ()
    own, wire = _terms(named), _terms(CONTEXTS)
    first: dict[str, str] = {}
    for path, key, _ in _members(document):
        if key in own and key not in wire and isinstance(own[key], Mapping):
            first.setdefault(key, path)
    report = Report(lang)
    for key, path in first.items():
        report.note(path, "lost-on-the-wire", key, str(own[key].get("@id", key)))
    return tuple(report.found)


class _Losses:
    """Looks through a document under the terms that its contexts define."""

    def __init__(self, terms: Terms, report: Report) -> None:
        self._terms = terms
        self._report = report
        self._note = report.note

    def look(self, document: Mapping[str, Any]) -> None:
        for path, key, value in _members(document):
            if len(self._report.found) >= MAX_LOSSES:
                return
            if key == "@context":
                continue
            if value is None:
                self._note(path, "null-value", edit=(Step(Change.REMOVE, path),))
                continue
            alias = self._terms.get(key)
            meant = alias if isinstance(alias, str) and alias.startswith("@") else key
            if not meant.startswith("@"):
                self._key(path, key)
            self._values(path, meant, value)

    def _undeclared(self, name: str) -> str:
        """Return the full name under a usual prefix that no context declares, or nothing."""
        prefix, colon, rest = name.partition(":")
        usual = colon and prefix in _USUAL and prefix not in self._terms
        return _USUAL[prefix] + rest if usual else ""

    def _key(self, path: str, key: str) -> None:
        code, better, exact = "undeclared-prefix", self._undeclared(key), True
        if ":" not in key and key not in self._terms and "@vocab" not in self._terms:
            near = self._report.near("property", key)
            code, better, exact = "term-dropped", _compact(near), local_name(near) == key
        elif not better:
            return
        step = Step(Change.MOVE, pointer(path.rpartition("/")[0], better), source=path)
        self._note(path, code, key, better, edit=(step,) if exact else ())

    def _values(self, path: str, key: str, value: Any) -> None:
        definition = self._terms.get(key)
        kind = definition.get("@type") if isinstance(definition, Mapping) else None
        if key in {"@id", "@type"}:
            kind = "@id" if key == "@id" else "@vocab"
        several = isinstance(value, list)
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(item, str):
                continue
            if kind is None and coercions([key]):  # text, where ODRL has a name
                self._note(path, "text-for-name", item)
            elif kind in {"@id", "@vocab"}:
                self._name(pointer(path, index) if several else path, key, item, kind)

    def _name(self, path: str, key: str, name: str, kind: str) -> None:
        sort = "class" if key == "@type" else HOLDS.get(ODRL + key, Holds()).near
        if ":" in name:
            if full := self._undeclared(name):
                step = Step(Change.REPLACE, path, full)
                self._note(path, "undeclared-prefix", name, full, edit=(step,))
        elif kind == "@id" and not sort:
            self._note(path, "relative-identifier", name)
        elif kind == "@id" or (name not in self._terms and "@vocab" not in self._terms):
            near = self._report.near(sort, name) if sort else ""
            exact = bool(near) and local_name(near) == name
            step = Step(Change.REPLACE, path, _compact(near))
            edit = (step,) if exact else ()
            self._note(path, "term-relative", name, _compact(near), edit=edit)


def _members(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield (JSON pointer, key, value) of all members but those within a context."""
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        path, value = stack.pop()
        children: list[tuple[str, Any]] = []
        if isinstance(value, list):
            children = [(pointer(path, index), item) for index, item in enumerate(value)]
        elif isinstance(value, Mapping):
            for key, item in value.items():
                where = pointer(path, key)
                yield where, key, item
                if key != "@context":
                    children.append((where, item))
        stack.extend(reversed(children))


def _contexts(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (JSON pointer, context) of a document, those of parts of it last."""
    for path, key, value in _members(document):
        if key == "@context":
            yield from ((path, item) for item in (value if isinstance(value, list) else [value]))


def _compact(name: str) -> str:
    return "odrl:" + name.removeprefix(ODRL) if name.startswith(ODRL) else name


def _terms(named: Sequence[Any]) -> Terms:
    """Return what contexts define, with what they import."""
    found: dict[str, Any] = {}
    for item in named:
        found |= contexts.terms(item) if isinstance(item, str) else item
    kept = {key: item for key, item in found.items() if not _KEYWORD.match(key)}
    return MappingProxyType(kept | ({"@vocab": found["@vocab"]} if "@vocab" in found else {}))
