"""What a JSON-LD document would lose or leave unsaid when it is expanded, with the place of each.

Expansion drops members that the contexts do not define, and leaves names relative; a strict
reading refuses both at the first one. Here all are found, with what the author probably meant.
Rules: contexts that are known by name and inline ones count; nothing is fetched; this is
for findings only, what is read stays with `documents/sources.py`.
Source: JSON-LD 1.1 API, section 5.1 (expansion); DSP 2025-1, odrl-profile context.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

from policies_odrl.checking.findings import Change, Finding, Say, Step, speaker
from policies_odrl.checking.mending import pointer
from policies_odrl.checking.spelling import Speller, local_name
from policies_odrl.documents import contexts
from policies_odrl.documents.names import coercions
from policies_odrl.documents.texts import Reading
from policies_odrl.errors import OdrlError
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, RDF
from policies_odrl.reading.flat import short
from policies_odrl.reading.writer import CONTEXTS

MAX_LOSSES: Final = 200  # findings of one document

_KEYWORD: Final = re.compile(r"@[a-z]+")
# Prefixes that authors use without declaring them.
_USUAL: Final = {
    "odrl": ODRL,
    "preau": "https://w3id.org/preau/odrl/v1#",
    "dpv": "https://w3id.org/dpv#",
    "rdf": RDF,
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dct": "http://purl.org/dc/terms/",
    "dcterms": "http://purl.org/dc/terms/",
    "cc": "http://creativecommons.org/ns#",
    "dc": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
}

Terms = Mapping[str, Any]


def losses(document: Mapping[str, Any], lang: str = "en") -> tuple[Finding, ...]:
    """Return what expansion of a document would lose or leave relative.

    >>> [item.path for item in losses({"@context": list(CONTEXTS), "remedy": []})]
    ['/remedy']

    Args:
        document: JSON that should be JSON-LD.
        lang: `en` or `fr`.
    """
    say = speaker(lang)
    stated = list(_contexts(document))
    if not stated:
        return (say("", "missing-context"),)
    strange = [fault for path, item in stated if (fault := _strange(path, item, say))]
    found = strange or _Losses(_terms([item for _, item in stated]), say).found(document)
    return tuple(islice(found, MAX_LOSSES))


def as_names(readings: Sequence[Reading], lang: str = "en") -> tuple[Finding, ...]:
    """Return a finding for text that a Turtle document gives where ODRL has a name."""
    say = speaker(lang)
    each = dict.fromkeys(readings)
    return tuple(
        say("", "text-as-name", short(item.property), item.text, short(item.name))
        for item in islice(each, MAX_LOSSES)
    )


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
    say = speaker(lang)
    found: dict[str, Finding] = {}
    for path, key, _ in _members(document):
        if key in own and key not in wire and key not in found and isinstance(own[key], Mapping):
            name = str(own[key].get("@id", key))
            found[key] = say(path, "lost-on-the-wire", key, name)
    return tuple(found.values())


class _Losses:
    """Looks through a document under the terms that its contexts define."""

    def __init__(self, terms: Terms, say: Say) -> None:
        self._terms = terms
        self._say = say
        speller = Speller(Knowledge())
        self._near: Mapping[str, Callable[[str], str]] = {
            "leftOperand": speller.operand,
            "operator": partial(speller.other, "operator"),
            "action": speller.action,
            "conflict": partial(speller.other, "strategy"),
            "@type": partial(speller.other, "class"),
        }
        self._property = partial(speller.other, "property")

    def found(self, document: Mapping[str, Any]) -> Iterator[Finding]:
        for path, key, value in _members(document):
            if value is None:
                step = Step(Change.REMOVE, path)
                yield self._say(path, "null-value", edit=(step,))
                continue
            alias = self._terms.get(key)
            meant = alias if isinstance(alias, str) and alias.startswith("@") else key
            if not meant.startswith("@"):
                yield from self._key(path, key)
            yield from self._values(path, meant, value)

    def _key(self, path: str, key: str) -> Iterator[Finding]:
        if ":" in key:
            prefix, _, name = key.partition(":")
            if prefix in _USUAL and prefix not in self._terms:
                full = _USUAL[prefix] + name
                yield self._renamed(path, key, "undeclared-prefix", full)
        elif key not in self._terms and "@vocab" not in self._terms:
            near = self._property(key)
            better = _compact(near)
            if near and local_name(near) == key:
                yield self._renamed(path, key, "term-dropped", better)
            else:
                yield self._say(path, "term-dropped", key, better)

    def _renamed(self, path: str, key: str, code: str, name: str) -> Finding:
        new = pointer(path.rpartition("/")[0], name)
        return self._say(path, code, key, name, edit=(Step(Change.MOVE, new, source=path),))

    def _values(self, path: str, key: str, value: Any) -> Iterator[Finding]:
        definition = self._terms.get(key)
        kind = definition.get("@type") if isinstance(definition, Mapping) else None
        if key in {"@id", "@type"}:
            kind = "@id" if key == "@id" else "@vocab"
        if kind is None and coercions([key]):
            yield from self._texts(path, value)
        if kind not in {"@id", "@vocab"}:
            return
        several = isinstance(value, list)
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, str):
                where = pointer(path, index) if several else path
                yield from self._name(where, key, item, kind)

    def _texts(self, path: str, value: Any) -> Iterator[Finding]:
        """Text where ODRL has a name, which no context of the document reads as one."""
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield self._say(path, "text-for-name", item)

    def _name(self, path: str, key: str, name: str, kind: str) -> Iterator[Finding]:
        prefix = name.partition(":")[0]
        if ":" in name:
            if prefix in _USUAL and prefix not in self._terms:
                full = _USUAL[prefix] + name.partition(":")[2]
                step = Step(Change.REPLACE, path, full)
                yield self._say(path, "undeclared-prefix", name, full, edit=(step,))
        elif kind == "@id" or (name not in self._terms and "@vocab" not in self._terms):
            if kind == "@id" and key not in self._near:
                yield self._say(path, "relative-identifier", name)
                return
            near = self._near[key](name) if key in self._near else ""
            exact = bool(near) and local_name(near) == name
            edit = (Step(Change.REPLACE, path, _compact(near)),) if exact else ()
            yield self._say(path, "term-relative", name, _compact(near), edit=edit)


def _members(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield (JSON pointer, key, value) of all members but those of `@context` and of literals."""
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        path, value = stack.pop()
        children: list[tuple[str, Any]] = []
        if isinstance(value, list):
            children = [(pointer(path, index), item) for index, item in enumerate(value)]
        elif isinstance(value, Mapping):
            for key, item in value.items():
                if key != "@context":
                    where = pointer(path, key)
                    yield where, key, item
                    children.append((where, item))
        stack.extend(reversed(children))


def _contexts(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (JSON pointer, context) of a document, those of parts of it last."""
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, list):
            stack.extend((pointer(path, index), item) for index, item in enumerate(value))
        elif isinstance(value, Mapping):
            stated = value.get("@context", [])
            for item in stated if isinstance(stated, list) else [stated]:
                yield f"{path}/@context", item
            stack.extend((pointer(path, key), item) for key, item in _but_context(value))


def _but_context(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((key, item) for key, item in value.items() if key != "@context")


def _strange(path: str, item: object, say: Say) -> Finding | None:
    """Return what keeps a context from being read; None where nothing does."""
    try:
        contexts.checked(item)
    except OdrlError as exc:
        if isinstance(item, str):
            return say(path, "unknown-context", item)
        return say(path, "inline-context", (exc.reason, exc.french))
    return None


def _compact(name: str) -> str:
    return "odrl:" + name.removeprefix(ODRL) if name.startswith(ODRL) else name


def _terms(named: Sequence[Any]) -> Terms:
    """Return what contexts define, with what they import."""
    found: dict[str, Any] = {}
    for item in named:
        found |= contexts.terms(item) if isinstance(item, str) else item
    kept = {key: item for key, item in found.items() if not _KEYWORD.match(key)}
    return MappingProxyType(kept | ({"@vocab": found["@vocab"]} if "@vocab" in found else {}))
