"""A policy as JSON: what its expansion would lose, and edits of findings applied to a copy.

Expansion drops members that the contexts do not define, and leaves names relative; all are found,
with what the author probably meant. An edit that finds no place is left out. Values are changed in
place first, then members are added and moved, then removed from the last to the first, so that no
step shifts another.
Source: JSON-LD 1.1 API, section 5.1; DSP 2025-1, odrl-profile context; RFC 6901 and 6902.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import islice
from typing import Any, Final

from policies_odrl.checking.findings import HELD, Change, Finding, Report, Step, local_name
from policies_odrl.documents import contexts
from policies_odrl.documents.graphs import Reading
from policies_odrl.errors import OdrlError
from policies_odrl.model import ODRL
from policies_odrl.reading.nodes import short
from policies_odrl.reading.walk import parts
from policies_odrl.reading.writer import CONTEXTS
from policies_odrl.vocabulary import DCT, PREFIXES

MAX_LOSSES: Final = 200  # findings of one document

# Prefixes that authors use without declaring them.
_USUAL: Final = {**PREFIXES, "dcterms": DCT, "dc": DCT}
_ORDER: Final = (Change.REPLACE, Change.ADD, Change.MOVE, Change.REMOVE)
_TAKING: Final = frozenset({Change.REMOVE, Change.MOVE})


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
        if kind is None and contexts.coercions([key]):
            self.note(path, "text-for-name", text)
        elif kind == "@id" and not sort and ":" not in text:
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


def mended(document: Mapping[str, Any], findings: Iterable[Finding]) -> dict[str, Any]:
    """Return a copy of a written policy, or a checked document, with edits of findings applied."""
    copy: dict[str, Any] = deepcopy(dict(document))
    mentions = Counter(_texts(copy))
    steps = {(step.change, step.path): step for item in findings for step in item.edit}
    ordered = sorted(steps.values(), key=_rank, reverse=True)
    for step in sorted(ordered, key=lambda step: _ORDER.index(step.change)):
        if step.change not in _TAKING or _spared(copy, step, mentions):
            _apply(copy, step)
    return copy


def _rank(step: Step) -> list[tuple[int, str]]:
    return [(int(it), "") if it.isdigit() else (-1, it) for it in _tokens(step.path)]


def _spared(document: dict[str, Any], step: Step, mentions: Counter[str]) -> bool:
    """Return whether all that is still named stays described, and count what is taken away.

    A part with an IRI is written in full once (`writer.py`): without that place, the others would
    name a collection or a condition of which nothing is said.
    """
    gone = at(document, step.path)
    kept = at(document, step.source) if step.change is Change.MOVE else None
    if step.change is Change.MOVE and kept is None:
        return False  # nothing is taken away
    taken = Counter(_texts(gone)) - Counter(_texts(kept))
    if any(mentions[name] > taken[name] for name in _described(gone) - _described(kept)):
        return False
    mentions.subtract(taken)
    return True


def _texts(part: Any) -> Iterator[str]:
    return (item for item in parts(part) if isinstance(item, str))


def _described(part: Any) -> set[str]:
    """Return the names of nodes of which something is said below a part of a document."""
    nodes = (item for item in parts(part) if isinstance(item, Mapping) and len(item) > 1)
    return {node["@id"] for node in nodes if isinstance(node.get("@id"), str)}


def _apply(document: dict[str, Any], step: Step) -> None:
    if step.change is Change.REMOVE:
        _remove(document, step.path)
        return
    value = step.value
    if step.change is Change.MOVE:
        value = at(document, step.source)
        if not step.source.startswith(step.path + "/"):  # what holds it is replaced otherwise
            _remove(document, step.source)
    elif step.change is Change.REPLACE and at(document, step.path) is None:
        return
    above, _, _ = step.path.rpartition("/")
    holder, name = at(document, above), _tokens(step.path)[-1]
    if isinstance(holder, dict):
        holder[name] = value
    elif at(document, step.path) is not None:
        holder[int(name)] = value


def _remove(document: dict[str, Any], path: str) -> None:
    above, _, _ = path.rpartition("/")
    holder, name = at(document, above), _tokens(path)[-1]
    if isinstance(holder, dict):
        holder.pop(name, None)
    elif at(document, path) is not None:
        del holder[int(name)]
        if not holder:
            _remove(document, above)  # an empty array says nothing


def _tokens(path: str) -> list[str]:
    """Return the parts of a JSON pointer (RFC 6901, section 4)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def pointer(path: str, name: str | int) -> str:
    """Return a JSON pointer with one more part."""
    return f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}"


def at(document: Any, path: str) -> Any:
    """Return what stands at a JSON pointer, or None."""
    for name in _tokens(path):
        try:
            document = document[int(name) if isinstance(document, list) else name]
        except (LookupError, TypeError, ValueError):
            return None
    return document
