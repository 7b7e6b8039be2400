"""Documents to node maps: JSON-LD by pyld, Turtle by pyoxigraph, each imported on its first use.

Size, depth and contexts are bounded before a library sees anything; nothing is fetched. What
JSON-LD would lose is refused in a `strict` document, which is signed or will be; otherwise it is
kept under a name that nobody understands. pyld shares caches between threads: a lock is round it.
Source: RFC 8259, sections 4, 6 and 8.1; JSON-LD 1.1 API, section 5.1; RDF 1.1 Turtle.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Mapping
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from policies_odrl.documents import contexts
from policies_odrl.documents.graphs import Nodes, Reading, flattened, node_map
from policies_odrl.errors import IllFormed, LimitExceeded

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_MEMBERS: Final = 40_000  # JSON members and array items
MAX_DEPTH: Final = 64  # objects and arrays inside one another
MAX_EMBEDDED: Final = 32  # contexts below the top of a document
MAX_QUOTES: Final = 256  # marks of a triple about a triple; the parser nests them natively

Source = Path | str | bytes | Mapping[str, Any] | list[Any]

_JSON: Final = re.compile(r"\s*(?:\{|\[\s*(?:[\[{\"]|\]\s*\Z))")
# What pyld stumbles over in documents that are not JSON-LD, besides its own errors.
_STUMBLES: Final = (TypeError, KeyError, ValueError, ArithmeticError, RecursionError)
_LOCK: Final = threading.Lock()


def nodes_of(source: Source, *, strict: bool = False) -> Nodes:
    """Return the node objects of a file, of its content (text or bytes), or of JSON-LD.

    If `strict`, what JSON-LD would lose is refused, and text is never read as a name.

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
    return turtle(text, strict=strict)[0]


def text_of(source: Path | str | bytes) -> str:
    """Return a document as text, without byte order mark.

    Raises:
        OSError: the file cannot be read.
        IllFormed: not UTF-8, or half of a character, or no document at all.
        LimitExceeded: more bytes than are read.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            source = file.read(MAX_BYTES + 1)
    try:
        raw: object = source.encode() if isinstance(source, str) else source
        if not isinstance(raw, bytes):
            kind = type(source).__name__
            raise IllFormed("a document is a path, text, bytes or JSON, not `{kind}`", kind=kind)
        if len(raw) > MAX_BYTES:
            raise LimitExceeded("more than {limit} bytes", limit=MAX_BYTES)
        text = raw.decode()
    except UnicodeError as exc:
        raise IllFormed("not UTF-8 text") from exc
    return text.removeprefix("\ufeff")  # a byte order mark, which some editors write first


def is_json(text: str) -> bool:
    """Return whether a document is JSON rather than Turtle, by how it begins."""
    return _JSON.match(text) is not None


def parsed(text: str) -> Any:
    """Return the value of a JSON text, in which each value has one spelling (RFC 8259, RFC 7493).

    No member twice, no NaN, no number that no double holds, no half of a character.

    Raises:
        IllFormed: not JSON, or a value has several readings.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
        )
        if "\\u" in text:  # half of a character may hide in an escape
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as exc:
        raise IllFormed("JSON nested too deep") from exc
    except json.JSONDecodeError as exc:
        why, line = exc.msg, exc.lineno
        raise IllFormed("not well-formed JSON: {why} in line {line}", why=why, line=line) from exc
    except ValueError as exc:  # an integer of thousands of digits, half of a character
        raise IllFormed("not well-formed JSON") from exc
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise IllFormed("`{name}` stands twice in one object", name=name[:200])
        found[name] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise IllFormed("a number that no double holds")
    return value


def _no_number(name: str) -> float:
    raise IllFormed("`{name}` is no number of JSON", name=name)


def linked(document: Mapping[str, Any] | list[Any], *, strict: bool = False) -> Nodes:
    """Return the node objects of JSON-LD.

    Raises:
        IllFormed: not JSON-LD under contexts that are known here.
        LimitExceeded: more members or contexts than are read.
    """
    if strict and isinstance(document, list):
        raise IllFormed("a JSON-LD object was expected, not a list")
    keys = _members(document, strict=strict)
    plain = any(not name.startswith("@") and ":" not in name for name in keys)
    if "@context" not in document if strict else plain and "@context" not in keys:
        raise IllFormed("`@context` is missing: the document does not say what its words mean")
    stated = document.get("@context") if isinstance(document, Mapping) else None
    listed = stated if isinstance(stated, list) else [stated]
    own = {key: it[key] for it in listed if isinstance(it, Mapping) for key in it}
    kept = {"@vocab": contexts.UNDEFINED, **contexts.USUAL, **contexts.coercions(keys, own)}
    base = "" if "@base" in own else None  # pyld leaves `@base` aside where the base is None
    return flattened(_expanded(document, {} if strict else kept, base), strict=strict)


def _members(document: Any, *, strict: bool) -> set[str]:
    """Return the names of all members of JSON, before anything is made of it."""
    keys: set[str] = set()
    stack: list[tuple[Any, int]] = [(document, 1)]
    count = embedded = 0
    while stack:
        value, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise IllFormed("JSON-LD nested deeper than {limit}", limit=MAX_DEPTH)
        if value is None:
            raise IllFormed("`null` means nothing in JSON-LD and would be lost")
        children = value if isinstance(value, list) else []
        if isinstance(value, Mapping):
            embedded += "@context" in value and depth > 1
            _check_keys(value, top=depth == 1, strict=strict)
            keys.update(value)
            children = [child for name, child in value.items() if name != "@context"]
        if embedded > MAX_EMBEDDED:
            raise LimitExceeded("more than {limit} contexts below the top", limit=MAX_EMBEDDED)
        count += len(children)
        if count > MAX_MEMBERS:
            raise LimitExceeded("JSON-LD of more than {limit} members", limit=MAX_MEMBERS)
        stack.extend((child, depth + 1) for child in children)
    return keys


def _check_keys(value: Mapping[str, Any], *, top: bool, strict: bool) -> None:
    for name in value:
        if name.startswith("@") and name not in {"@context", *contexts.KEYWORDS}:
            raise IllFormed("`{name}` is not accepted here", name=name[:200])
    if "@context" not in value:
        return
    if value["@context"] is None:
        raise IllFormed("`@context` is missing: the document does not say what its words mean")
    if strict and not top:
        raise IllFormed("`@context` is accepted at the top only")
    contexts.check(value["@context"])


def _expanded(document: Any, kept: Mapping[str, Any], base: str | None) -> list[Any]:
    """Return the document expanded, with what its own contexts would lose under those `kept`."""
    jsonld = import_module("pyld.jsonld")
    dropped: list[str] = []
    options: dict[str, Any] = {"documentLoader": _load, "base": base}
    if kept:  # not even an empty one otherwise: pyld would take no context from its cache
        options["expandContext"] = {"@context": kept}
    with _LOCK:
        try:
            found: list[Any] = jsonld.expand(
                dict(document) if isinstance(document, Mapping) else document,
                options,
                on_property_dropped=lambda name, *_, **__: dropped.append(str(name)),
            )
        except (jsonld.JsonLdError, *_STUMBLES) as exc:
            raise IllFormed("not well-formed JSON-LD") from exc
    if dropped:
        raise IllFormed("`{name}` has no meaning under the given contexts", name=dropped[0][:200])
    return found


def _load(url: str, _options: Any = None) -> dict[str, Any]:
    if url not in contexts.PINNED:
        raise ValueError(url)
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": {"@context": deepcopy(contexts.terms(url))},  # pyld writes into it
        "tag": "static",  # it is pinned: pyld keeps what it resolved, and asks once
    }


def turtle(text: str, *, strict: bool = False) -> tuple[Nodes, list[Reading]]:
    """Return the node objects of a Turtle document, and text that was read as a name.

    Raises:
        IllFormed: not Turtle, a relative IRI, or something that the node map cannot hold.
        LimitExceeded: more triples than are read.
    """
    if text.count("<<") > MAX_QUOTES:
        raise IllFormed("triples about triples are not accepted here")
    oxigraph = import_module("pyoxigraph")
    try:
        triples = oxigraph.parse(text.encode(), format=oxigraph.RdfFormat.TURTLE)
        return node_map(triples, strict=strict)
    except (SyntaxError, ValueError) as exc:
        line = exc.lineno if isinstance(exc, SyntaxError) else None
        if line:
            raise IllFormed("not well-formed Turtle in line {line}", line=line) from exc
        raise IllFormed("not well-formed Turtle") from exc
