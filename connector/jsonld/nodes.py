"""JSON-LD to a flattened node map: pinned contexts only, nothing fetched, nothing dropped.

Rules: a context is a string that is pinned in `contexts/`, and stands at the top of the document
only; there is no base IRI; a member that expansion would drop, a relative name, `null` and rarely
needed keywords are refused, because what is silently lost is not agreed; size and depth are
bounded before pyld sees anything. pyld shares mutable caches between threads, so one lock stands
round it. It is imported on first use, so that a node that reads no JSON-LD does not hold it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from connector.errors import Malformed, MessageTooLarge
from connector.jsonld.canonical import MAX_DEPTH, parse
from connector.jsonld.flatten import flattened
from connector.jsonld.iri import is_absolute, is_language

MAX_MEMBERS: Final = 40_000  # JSON members and array items
MAX_BYTES: Final = 2 * 1024 * 1024
MAX_CONTEXTS: Final = 8  # pyld works through all of them, however often they repeat

# Context IRI -> file of ours that means the same, written from the specifications' facts.
PINNED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "https://w3id.org/dspace/2025/1/context.jsonld": "dspace.jsonld",
        "https://w3id.org/dspace/2025/1/odrl-profile.jsonld": "dspace-odrl-profile.jsonld",
        "http://www.w3.org/ns/odrl.jsonld": "odrl.jsonld",
        "https://www.w3.org/ns/odrl.jsonld": "odrl.jsonld",
    }
)
# Contexts that pyld itself ships, as published.
BUNDLED: Final = frozenset({"https://www.w3.org/ns/credentials/v2"})
_KEYWORDS: Final = frozenset(
    {"@context", "@id", "@type", "@value", "@language", "@list", "@set", "@graph"}
)
# What pyld stumbles over in documents that are not JSON-LD, besides its own errors.
_STUMBLES: Final = (TypeError, KeyError, ValueError, ArithmeticError, RecursionError)
_LOCK: Final = threading.Lock()


def nodes(document: bytes | str | Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the node objects of a document, expanded and flattened, in order of appearance.

    Raises:
        Malformed: not JSON-LD under pinned contexts, or something of it would be lost.
        MessageTooLarge: more bytes or members than are read.
    """
    if isinstance(document, bytes | str):
        document = parse(document, limit=MAX_BYTES)
    if not isinstance(document, Mapping):
        raise Malformed("a JSON-LD object was expected")
    _bounded(document)
    _only_pinned(document.get("@context"))
    return _flattened(document)


def _bounded(document: Mapping[str, Any]) -> None:
    count = 0
    stack: list[tuple[Any, int]] = [(document, 1)]
    while stack:
        value, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise Malformed(f"JSON-LD nested deeper than {MAX_DEPTH}")
        children = _children(value, top=depth == 1)
        count += len(children)
        if count > MAX_MEMBERS:
            raise MessageTooLarge(f"JSON-LD of more than {MAX_MEMBERS} members")
        stack.extend((child, depth + 1) for child in children)


def _children(value: Any, *, top: bool) -> list[Any]:
    if value is None:
        raise Malformed("`null` means nothing in JSON-LD and would be lost")
    if isinstance(value, list):
        return value
    if not isinstance(value, Mapping):
        return []
    for name in value:
        if name.startswith("@") and (name not in _KEYWORDS or (name == "@context" and not top)):
            raise Malformed(f"`{name}` is not accepted here")
    return [child for name, child in value.items() if name != "@context"]


def _only_pinned(context: Any) -> None:
    if context is None:
        raise Malformed("`@context` is missing: the document does not say what its words mean")
    listed = context if isinstance(context, list) else [context]
    if len(listed) > MAX_CONTEXTS:
        raise Malformed(f"more than {MAX_CONTEXTS} contexts")
    for item in listed:
        if not isinstance(item, str):
            raise Malformed("`@context` must name its contexts; inline ones are not accepted")
        if item not in PINNED and item not in BUNDLED:
            raise Malformed(f"context `{item[:200]}` is not one that this node holds")


def _flattened(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    jsonld = import_module("pyld.jsonld")
    dropped: list[str] = []
    options = {"documentLoader": _load, "base": None}
    with _LOCK:
        try:
            expanded = jsonld.expand(
                dict(document), dict(options), on_property_dropped=_recorder(dropped)
            )
            if dropped:
                raise Malformed(f"`{dropped[0][:200]}` has no meaning under the given contexts")
        except (jsonld.JsonLdError, *_STUMBLES) as exc:
            raise Malformed("not well-formed JSON-LD") from exc
    flat = flattened(expanded)
    _only_absolute(flat)
    return flat


def _recorder(into: list[str]) -> Any:
    def record(name: Any, *_: Any, **__: Any) -> None:
        into.append(str(name))

    return record


def _only_absolute(flat: list[dict[str, Any]]) -> None:
    stack: list[Mapping[str, Any]] = list(flat)
    while stack:
        node = stack.pop()
        _absolute_names(node)
        for name, values in node.items():
            if not name.startswith("@") or name == "@list":
                stack.extend(values)


def _absolute_names(node: Mapping[str, Any]) -> None:
    types = node.get("@type", [])
    named = [node.get("@id", "_:"), *([types] if isinstance(types, str) else types)]
    for name in [*named, *(key for key in node if not key.startswith("@"))]:
        if not name.startswith("_:") and not is_absolute(name):
            raise Malformed(f"`{name[:200]}` is not an absolute name")
    if not is_language(node.get("@language", "en")):
        raise Malformed("a language tag that is not one")


@cache
def _context(url: str) -> str:
    """Return a context as JSON text, with what it imports merged in.

    JSON-LD 1.1, section 4.1.10: the imported definitions come first, those beside `@import` win.
    pyld 3.3 spoils its own cache where one context imports another.
    """
    if url in BUNDLED:
        shipped = import_module("pyld.documentloader.frozen").BUNDLED_CONTEXTS
        return str(shipped[url].read_text("utf-8"))
    data = files("connector.jsonld").joinpath("contexts", PINNED[url]).read_text("utf-8")
    return json.dumps(json.loads(data, object_hook=_merged))


def _merged(value: dict[str, Any]) -> dict[str, Any]:
    imported = value.pop("@import", None)
    return value if imported is None else {**json.loads(_context(imported))["@context"], **value}


def _load(url: str, _options: Any = None) -> dict[str, Any]:
    if url not in PINNED and url not in BUNDLED:
        raise ValueError(url)
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": json.loads(_context(url)),  # a fresh one each time: pyld writes into it
        "tag": "static",  # it is pinned: pyld keeps what it resolved, and asks once
    }
