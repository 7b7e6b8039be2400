"""A policy as JSON: what its expansion would lose, and what the author probably meant.

Expansion drops members that the contexts do not define, and leaves names relative.
Source: JSON-LD 1.1 API, section 5.1; DSP 2025-1, odrl-profile context; RFC 6901.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from policies_odrl.checking.findings import HELD, Change, Finding, Report, Step, local_name
from policies_odrl.documents import contexts
from policies_odrl.documents.graphs import Reading
from policies_odrl.errors import OdrlError
from policies_odrl.model import ODRL
from policies_odrl.reading.nodes import short
from policies_odrl.reading.writer import CONTEXTS
from policies_odrl.vocabulary import DCT, PREFIXES

MAX_LOSSES: Final = 200  # findings of one document

# Prefixes that authors use without declaring them.
_USUAL: Final = {**PREFIXES, "dcterms": DCT, "dc": DCT}


def losses(document: Mapping[str, Any], lang: str = "en") -> tuple[Finding, ...]:
    """Return what expansion of JSON, which should be JSON-LD, would lose or leave relative."""
    report = _Losses(lang)
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
        report.terms = _terms(item for _, item in stated)
        for path, key, value in _members(document):
            if key != "@context" and len(report.found) < MAX_LOSSES:
                report.member(path, key, value)
    return tuple(report.found[:MAX_LOSSES])


def as_names(readings: Sequence[Reading], lang: str = "en") -> tuple[Finding, ...]:
    """Return a finding for text that a Turtle document gives where ODRL has a name."""
    report = Report(lang)
    for key, stated, name in islice(dict.fromkeys(readings), MAX_LOSSES):
        report.note("", "text-as-name", short(key), stated, short(name))
    return tuple(report.found)


def unsaid(document: Mapping[str, Any], lang: str = "en") -> tuple[Finding, ...]:
    """Return terms of JSON-LD that mean nothing under the context of the Dataspace Protocol."""
    named = [item for _, item in _contexts(document)]
    if all(item in CONTEXTS for item in named):
        return ()
    own, wire, report = _terms(named), _terms(CONTEXTS), Report(lang)
    first: dict[str, str] = {}
    for path, key, _ in _members(document):
        first.setdefault(key, path)
    for key, path in first.items():
        if key not in wire and isinstance(own.get(key), Mapping):
            report.note(path, "lost-on-the-wire", key, str(own[key].get("@id", key)))
    return tuple(report.found)


class _Losses(Report):
    """Collects what is lost of members under the terms that the contexts of a document define."""

    terms: Mapping[str, Any]

    def member(self, path: str, key: str, value: Any) -> None:
        """Note what would be lost of one member: its key, or names among its values."""
        if value is None:
            self.note(path, "null-value", edit=(Step(Change.REMOVE, path),))
            return
        alias = self.terms.get(key)
        meant = alias if isinstance(alias, str) and alias.startswith("@") else key
        if not meant.startswith("@") and (":" in key or not self._defines(key)):
            self._misnamed(path, key, "term-dropped", "property")
        listed = isinstance(value, list)
        for index, item in enumerate(value if listed else [value]):
            if isinstance(item, str):
                self._text(pointer(path, index) if listed else path, meant, item)

    def _text(self, path: str, key: str, text: str) -> None:
        definition = self.terms.get(key)
        kind = definition.get("@type") if isinstance(definition, Mapping) else None
        kind = {"@id": "@id", "@type": "@vocab"}.get(key, kind)
        sort = "class" if key == "@type" else HELD.get(ODRL + key, "")
        if kind is None and contexts.coercions([key], self.terms):
            self.note(path, "text-for-name", text)
        elif kind == "@id" and not sort and ":" not in text and "@base" not in self.terms:
            self.note(path, "relative-identifier", text)
        elif kind == "@id" or (kind == "@vocab" and (":" in text or not self._defines(text))):
            self._misnamed(path, text, "term-relative", sort)

    def _defines(self, name: str) -> bool:
        return name in self.terms or "@vocab" in self.terms

    def _misnamed(self, path: str, name: str, code: str, sort: str) -> None:
        """Note a name that means nothing, with what it probably means and an edit where it must."""
        prefix, colon, rest = name.partition(":")
        if colon and (prefix in self.terms or prefix not in _USUAL):
            return
        near = self.near(sort, name) if sort and not colon else ""
        better = _USUAL[prefix] + rest if colon else near.replace(ODRL, "odrl:")
        step = Step(Change.REPLACE, path, better)
        if code == "term-dropped":
            step = Step(Change.MOVE, pointer(path.rpartition("/")[0], better), source=path)
        exact = colon or (near and local_name(near) == name)
        code = "undeclared-prefix" if colon else code
        self.note(path, code, name, better, edit=(step,) if exact else ())


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


def _terms(named: Iterable[Any]) -> dict[str, Any]:
    """Return what contexts define, with what they import."""
    found: dict[str, Any] = {}
    for item in named:
        found |= contexts.terms(item) if isinstance(item, str) else item
    return found


def pointer(path: str, name: str | int) -> str:
    """Return a JSON pointer with one more part."""
    return f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}"
