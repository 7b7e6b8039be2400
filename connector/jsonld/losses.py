"""What a JSON-LD document would lose or leave unsaid when it is expanded, with the place of each.

Expansion drops members that the contexts do not define, and leaves names relative; `nodes.py`
refuses both at the first one. Here all are found, with what the author probably meant, so that one
check shows them together; the document with the mechanical ones mended can then be looked at
further. Rules: only the pinned contexts count, at the top of the document; nothing is fetched; this
is for findings only, what is read stays with `nodes.py`.
Source: JSON-LD 1.1 API, section 5.1 (expansion); DSP 2025-1, odrl-profile context.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from connector.jsonld.nodes import BUNDLED, PINNED
from policies_odrl.checking.findings import Change, Finding, Say, Step, speaker
from policies_odrl.checking.mending import mended, pointer
from policies_odrl.checking.spelling import Speller, local_name
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL
from policies_odrl.reading.writer import CONTEXTS

MAX_LOSSES: Final = 200  # findings of one document

_KEYWORD: Final = re.compile(r"@[a-z]+")
# Prefixes that authors use without declaring them.
_USUAL: Final = {
    "odrl": ODRL,
    "preau": "https://w3id.org/preau/odrl/v1#",
    "dpv": "https://w3id.org/dpv#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
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
    contexts = document.get("@context")
    named = contexts if isinstance(contexts, list) else [contexts]
    if contexts is None:
        return (say("", "missing-context"),)
    strange = [item for item in named if not _is_held(item)]
    found = [_context(item, say) for item in strange]
    known = [item for item in named if _is_held(item) and item in PINNED]
    if known and not strange:
        found.extend(_Losses(_terms(*known), say).found(document))
    return tuple(found[:MAX_LOSSES])


def unsaid(document: Mapping[str, Any], lang: str = "en") -> tuple[Finding, ...]:
    """Return terms of a document that mean nothing under the context of the Dataspace Protocol.

    Args:
        document: JSON-LD that expands without loss under its own contexts.
        lang: `en` or `fr`.
    """
    contexts = document.get("@context")
    named = contexts if isinstance(contexts, list) else [contexts]
    if not set(map(str, named)) - set(CONTEXTS):
        return ()
    own = _terms(*(item for item in named if _is_held(item) and item in PINNED))
    wire = _terms(*CONTEXTS)
    say = speaker(lang)
    found: dict[str, Finding] = {}
    for path, key, _ in _members(document):
        if key in own and key not in wire and key not in found and isinstance(own[key], Mapping):
            name = str(own[key].get("@id", key))
            found[key] = say(path, "lost-on-the-wire", key, name)
    return tuple(found.values())


def without_losses(document: Mapping[str, Any], found: tuple[Finding, ...]) -> dict[str, Any]:
    """Return the document with the mechanical losses mended and the others left out."""
    out = [
        Finding(item.path, item.code, item.severity, "", "", (Step(Change.REMOVE, item.path),))
        for item in found
        if not item.edit and item.path
    ]
    return mended(mended(document, found), out)


class _Losses:
    """Looks through a document under the terms that its contexts define."""

    def __init__(self, terms: Terms, say: Say) -> None:
        self._terms = terms
        self._say = say
        speller = Speller(Knowledge())
        self._near: Mapping[str, Callable[[str], str]] = {
            "leftOperand": speller.operand,
            "operator": speller.operator,
            "action": speller.action,
            "conflict": speller.strategy,
            "@type": speller.policy_class,
        }
        self._property = speller.property

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
        elif key not in self._terms:
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
        if kind not in {"@id", "@vocab"}:
            return
        several = isinstance(value, list)
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, str):
                where = pointer(path, index) if several else path
                yield from self._name(where, key, item, kind)

    def _name(self, path: str, key: str, name: str, kind: str) -> Iterator[Finding]:
        prefix = name.partition(":")[0]
        if ":" in name:
            if prefix in _USUAL and prefix not in self._terms:
                full = _USUAL[prefix] + name.partition(":")[2]
                step = Step(Change.REPLACE, path, full)
                yield self._say(path, "undeclared-prefix", name, full, edit=(step,))
        elif kind == "@id" or name not in self._terms:
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


def _is_held(item: object) -> bool:
    return isinstance(item, str) and (item in PINNED or item in BUNDLED)


def _context(item: object, say: Say) -> Finding:
    if isinstance(item, str):
        return say("/@context", "unknown-context", item)
    return say("/@context", "inline-context")


def _compact(name: str) -> str:
    return "odrl:" + name.removeprefix(ODRL) if name.startswith(ODRL) else name


@cache
def _terms(*contexts: str) -> Terms:
    """Return what the contexts define at the top of a document, with what they import."""
    terms: dict[str, Any] = {}
    for name in contexts:
        data = json.loads(
            files("connector.jsonld").joinpath("contexts", PINNED[name]).read_text("utf-8")
        )
        own = data["@context"]
        imported = own.get("@import")
        terms |= {**(_terms(imported) if imported else {}), **own}
    return MappingProxyType({key: item for key, item in terms.items() if not _KEYWORD.match(key)})
