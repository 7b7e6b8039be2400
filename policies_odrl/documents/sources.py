"""Documents to node maps: JSON-LD by pyld, Turtle by pyoxigraph, each imported on its first use.

Rules: size, depth and contexts are bounded before a library sees anything; nothing is fetched and
there is no base IRI. What JSON-LD would lose is refused where a document is `strict` (it is signed,
or will be); otherwise it is kept under a name that nobody understands (`UNDEFINED`), so that what
it belongs to is never decided. pyld shares caches between threads: one lock stands round it.
Source: JSON-LD 1.1 API, section 5.1; RDF 1.1 Turtle.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from policies_odrl.documents import contexts
from policies_odrl.documents.flatten import flattened
from policies_odrl.documents.iri import is_absolute, is_language
from policies_odrl.documents.names import UNDEFINED, USUAL, coercions
from policies_odrl.documents.plain import parsed, without_mark
from policies_odrl.documents.texts import named
from policies_odrl.documents.triples import node_map
from policies_odrl.errors import IllFormed, LimitExceeded

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_MEMBERS: Final = 40_000  # JSON members and array items
MAX_DEPTH: Final = 64  # objects and arrays inside one another
MAX_EMBEDDED: Final = 32  # contexts below the top of a document

Source = Path | str | bytes | Mapping[str, Any] | list[Any]
Nodes = list[dict[str, Any]]

_JSON: Final = re.compile(r"\s*(?:\{|\[\s*(?:[\[{\"]|\]\s*\Z))")
_KEYWORDS: Final = frozenset(
    {"@context", "@id", "@type", "@value", "@language", "@list", "@set", "@graph"}
)
# What pyld stumbles over in documents that are not JSON-LD, besides its own errors.
_STUMBLES: Final = (TypeError, KeyError, ValueError, ArithmeticError, RecursionError)
_LOCK: Final = threading.Lock()


def nodes_of(source: Source, *, strict: bool = False) -> Nodes:
    """Return the node objects of a document, flattened, in order of appearance.

    >>> nodes_of(b'<urn:a> <urn:p> "x" .')
    [{'@id': 'urn:a', 'urn:p': [{'@value': 'x'}]}]

    Args:
        source: a file, its content, or JSON that was parsed; text and bytes are never file names.
        strict: whether what JSON-LD would lose is refused, and text is never read as a name.

    Raises:
        OSError: the file cannot be read.
        IllFormed: neither JSON-LD under contexts that are known here nor Turtle.
        LimitExceeded: more than is read.
    """
    if isinstance(source, Mapping | list):
        return linked(source, strict=strict)
    text = text_of(source)
    if is_json(text):
        return linked(parsed(text), strict=strict)
    return turtle(text) if strict else named(turtle(text))[0]


def text_of(source: Path | str | bytes) -> str:
    """Return a document as text, without byte order mark.

    Raises:
        OSError: the file cannot be read.
        IllFormed: not UTF-8, or half of a character.
        LimitExceeded: more bytes than are read.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            source = file.read(MAX_BYTES + 1)
    if len(source) > MAX_BYTES:  # characters of a text, which are no more than its bytes
        raise LimitExceeded("more than {limit} bytes", limit=MAX_BYTES)
    return without_mark(source)


def is_json(text: str) -> bool:
    """Return whether a document is JSON rather than Turtle, by how it begins."""
    return _JSON.match(text) is not None


# -- JSON-LD --------------------------------------------------------------------------------


def linked(document: Any, *, strict: bool = False) -> Nodes:
    """Return the node objects of JSON-LD.

    Raises:
        IllFormed: not JSON-LD under contexts that are known here.
        LimitExceeded: more members or contexts than are read.
    """
    if not isinstance(document, Mapping | list):
        raise IllFormed("a JSON-LD object was expected")
    if strict and isinstance(document, list):
        raise IllFormed("a JSON-LD object was expected, not a list")
    keys = _Bounds(strict=strict).keys(document)
    if not strict:
        _stated(keys)
    dropped: list[str] = []
    flat = flattened(_expanded(document, {} if strict else _kept(keys), dropped))
    if dropped:
        raise IllFormed("`{name}` has no meaning under the given contexts", name=dropped[0][:200])
    _named(flat, strict=strict)
    return flat


class _Bounds:
    """Looks through JSON before anything is made of it."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._count = 0
        self._embedded = 0
        self._keys: set[str] = set()

    def keys(self, document: Any) -> set[str]:
        """Return the names of all members.

        Raises:
            IllFormed: something that is not read here.
            LimitExceeded: too many members, or contexts.
        """
        stack: list[tuple[Any, int]] = [(document, 1)]
        if self._strict:
            self._contexts(document.get("@context"), top=True)
        while stack:
            value, depth = stack.pop()
            if depth > MAX_DEPTH:
                raise IllFormed("JSON-LD nested deeper than {limit}", limit=MAX_DEPTH)
            children = self._children(value, top=depth == 1)
            self._count += len(children)
            if self._count > MAX_MEMBERS:
                raise LimitExceeded("JSON-LD of more than {limit} members", limit=MAX_MEMBERS)
            stack.extend((child, depth + 1) for child in children)
        return self._keys

    def _children(self, value: Any, *, top: bool) -> list[Any]:
        if value is None:
            raise IllFormed("`null` means nothing in JSON-LD and would be lost")
        if isinstance(value, list):
            return value
        if not isinstance(value, Mapping):
            return []
        for name in value:
            if name == "@context":
                self._contexts(value[name], top=top)
            elif name.startswith("@") and name not in _KEYWORDS:
                raise IllFormed("`{name}` is not accepted here", name=name[:200])
        self._keys.update(value)
        return [child for name, child in value.items() if name != "@context"]

    def _contexts(self, context: Any, *, top: bool) -> None:
        if context is None:
            raise IllFormed("`@context` is missing: the document does not say what its words mean")
        if not top:
            self._embedded += 1
            if self._strict:
                raise IllFormed("`@context` is accepted at the top only")
            if self._embedded > MAX_EMBEDDED:
                raise LimitExceeded("more than {limit} contexts below the top", limit=MAX_EMBEDDED)
        contexts.checked(context)


def _stated(keys: set[str]) -> None:
    """Insist that somebody says what the words of a document mean."""
    plain = any(not name.startswith("@") and ":" not in name for name in keys)
    if plain and "@context" not in keys:
        raise IllFormed("`@context` is missing: the document does not say what its words mean")


def _kept(keys: set[str]) -> dict[str, Any]:
    """Return the context that keeps what would be lost, and reads text as names where ODRL does."""
    return {"@vocab": UNDEFINED, **USUAL, **coercions(keys)}


def _expanded(document: Any, kept: Mapping[str, Any], dropped: list[str]) -> list[Any]:
    jsonld = import_module("pyld.jsonld")
    options: dict[str, Any] = {"documentLoader": _load, "base": None}
    if kept:
        options["expandContext"] = {"@context": dict(kept)}
    with _LOCK:
        try:
            found: list[Any] = jsonld.expand(
                dict(document) if isinstance(document, Mapping) else document,
                options,
                on_property_dropped=_recorder(dropped),
            )
        except (jsonld.JsonLdError, *_STUMBLES) as exc:
            raise IllFormed("not well-formed JSON-LD") from exc
    return found


def _recorder(into: list[str]) -> Any:
    def record(name: Any, *_: Any, **__: Any) -> None:
        into.append(str(name))

    return record


def _load(url: str, _options: Any = None) -> dict[str, Any]:
    if url not in contexts.PINNED:
        raise ValueError(url)
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": json.loads(contexts.text(url)),  # a fresh one each time: pyld writes into it
        "tag": "static",  # it is pinned: pyld keeps what it resolved, and asks once
    }


def _named(flat: Nodes, *, strict: bool) -> None:
    """Insist on absolute names; where losses are kept, identifiers may be the author's own."""
    stack: list[Mapping[str, Any]] = list(flat)
    while stack:
        node = stack.pop()
        for name in _names(node, own=strict):
            if not name.startswith("_:") and not is_absolute(name):
                raise IllFormed("`{name}` is not an absolute name", name=name[:200])
        if not is_language(node.get("@language", "en")):
            raise IllFormed("a language tag that is not one")
        for name, values in node.items():
            if not name.startswith("@") or name == "@list":
                stack.extend(values)


def _names(node: Mapping[str, Any], *, own: bool) -> Iterator[str]:
    types = node.get("@type", [])
    if own:
        yield node.get("@id", "_:")
        yield from [types] if isinstance(types, str) else types
        yield from (key for key in node if not key.startswith("@"))
    elif not node.get("@id", "_:").isprintable() or not node.get("@id", "_:"):
        yield node["@id"]


# -- Turtle ---------------------------------------------------------------------------------


def turtle(text: str) -> Nodes:
    """Return the node objects of a Turtle document, in order of appearance.

    Raises:
        IllFormed: not Turtle, a relative IRI, or something that the node map cannot hold.
        LimitExceeded: more bytes or triples than are read.
    """
    raw = text.encode()
    if len(raw) > MAX_BYTES:
        raise LimitExceeded("more than {limit} bytes", limit=MAX_BYTES)
    return node_map(_statements(raw), raw.count(b"<<"))


def _statements(raw: bytes) -> Iterator[Any]:
    oxigraph = import_module("pyoxigraph")
    try:
        yield from oxigraph.parse(raw, format=oxigraph.RdfFormat.TURTLE)
    except (SyntaxError, ValueError) as exc:
        if isinstance(exc, SyntaxError) and exc.lineno:
            raise IllFormed("not well-formed Turtle in line {line}", line=exc.lineno) from exc
        raise IllFormed("not well-formed Turtle") from exc
