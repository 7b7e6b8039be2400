"""The contexts that are known by name, and what an inline context may say.

Rules: a context that is named is one of these files, written by us from the specifications' facts;
an inline one declares prefixes, `@vocab`, `@base` and terms; it never gives a term of ODRL another
meaning, because a reader who knows the term would be deceived. Nothing is fetched.
Source: JSON-LD 1.1, sections 4.1 and 9.15; ODRL Vocabulary 2.2; DSP 2024-1 and 2025-1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from policies_odrl.documents.names import is_absolute
from policies_odrl.errors import IllFormed, LimitExceeded
from policies_odrl.model import ODRL

MAX_CONTEXTS: Final = 8  # beside one another; each is worked through, however often it repeats
MAX_TERMS: Final = 500  # of one inline context

_W3ID: Final = "https://w3id.org/"
_ODRL: Final = "http://www.w3.org/ns/odrl.jsonld"
# Context IRI -> file of ours that means the same.
PINNED: Final[Mapping[str, str]] = MappingProxyType(
    {
        _W3ID + "dspace/2025/1/context.jsonld": "dspace.jsonld",
        _W3ID + "dspace/2025/1/odrl-profile.jsonld": "dspace-odrl-profile.jsonld",
        _W3ID + "dspace/2024/1/context.json": "dspace-2024.jsonld",
        _ODRL: "odrl.jsonld",
        "https://www.w3.org/ns/odrl.jsonld": "odrl.jsonld",
        _W3ID + "edc/connector/management/v0.0.1": "edc-management-1.jsonld",
        _W3ID + "edc/connector/management/v2": "edc-management-2.jsonld",
        _W3ID + "catenax/2025/9/policy/context.jsonld": "catenax.jsonld",
        _W3ID + "catenax/2025/9/policy/odrl.jsonld": "dspace-odrl-profile.jsonld",
        _W3ID + "idsa/contexts/context.jsonld": "ids.jsonld",
    }
)
_DEFINITION: Final = frozenset({"@id", "@type", "@container", "@prefix"})
_ALIASED: Final = frozenset({"@id", "@type", "@value", "@language", "@list", "@set", "@graph"})


def check(context: Any) -> None:
    """Refuse the contexts of a document or of a node in it that are not read.

    Raises:
        IllFormed: there are too many, or one is not known, or says more than an inline one may.
        LimitExceeded: an inline one is too long.
    """
    listed = context if isinstance(context, list) else [context]
    if len(listed) > MAX_CONTEXTS:
        raise IllFormed("more than {limit} contexts", limit=MAX_CONTEXTS)
    if all(isinstance(item, str) and item in PINNED for item in listed):
        return
    prefixes: dict[str, str] = {}
    for item in listed:
        if isinstance(item, str):
            if item not in PINNED:
                raise IllFormed("context `{name}` is not one that is known here", name=item[:200])
            prefixes |= _prefixes(terms(item))
        elif isinstance(item, Mapping):
            prefixes |= _prefixes(item)
            _Inline(item, prefixes).check()
        else:
            raise IllFormed("a context is a name or an object")


@cache
def terms(url: str) -> Mapping[str, Any]:
    """Return what a known context defines, with what it imports (JSON-LD 1.1, 4.1.10)."""
    own: dict[str, Any] = json.loads(text(url))["@context"]
    return MappingProxyType(own)


@cache
def text(url: str) -> str:
    """Return a known context as JSON, with what it imports merged in.

    The definitions beside `@import` win. pyld 3.3 spoils its own cache where one imports another.
    """
    folder = files("policies_odrl").joinpath("documents", "contexts")
    data = folder.joinpath(PINNED[url]).read_text("utf-8")
    return json.dumps(json.loads(data, object_hook=_merged))


def _merged(value: dict[str, Any]) -> dict[str, Any]:
    imported = value.pop("@import", None)
    return value if imported is None else {**terms(imported), **value}


def _prefixes(context: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, definition in context.items():
        stated = definition.get("@id") if isinstance(definition, Mapping) else definition
        if isinstance(stated, str) and not name.startswith("@"):
            found[name] = stated
    return found


@cache
def odrl_terms() -> frozenset[str]:
    """Return the terms of ODRL by their local names."""
    found = _prefixes(terms(_ODRL))
    return frozenset(name for name, iri in found.items() if iri == "odrl:" + name)


class _Inline:
    """An inline context, and the prefixes that hold in it."""

    def __init__(self, context: Mapping[str, Any], prefixes: Mapping[str, str]) -> None:
        self._context = context
        self._prefixes = prefixes

    def check(self) -> None:
        if len(self._context) > MAX_TERMS:
            raise LimitExceeded("an inline context of more than {limit} terms", limit=MAX_TERMS)
        for name, definition in self._context.items():
            if name in {"@vocab", "@base"}:
                if not isinstance(definition, str) or not is_absolute(self._full(definition)):
                    raise IllFormed(
                        "`{name}` of an inline context must be an absolute name", name=name
                    )
            elif name.startswith("@") and name != "@version":
                raise IllFormed("an inline context may not state `{name}`", name=name)
            elif name != "@version":
                self._term(name, definition)

    def _term(self, name: str, definition: Any) -> None:
        """Insist on a plain term, and that ODRL's own terms mean what ODRL says."""
        parts = definition if isinstance(definition, Mapping) else {"@id": definition}
        strange = next((key for key in parts if key not in _DEFINITION), "")
        stated = parts.get("@id", name)
        shown = name[:200]
        if strange or not isinstance(stated, str):
            raise IllFormed(
                "`{name}` is not defined as a plain term: `{strange}`", name=shown, strange=strange
            )
        if stated.startswith("@") and stated not in _ALIASED:
            raise IllFormed(
                "`{name}` may not stand for `{stated}`", name=shown, stated=stated[:200]
            )
        meant = self._meant(name)
        if meant and self._full(stated) != meant:
            raise IllFormed(
                "an inline context redefines `{name}`, which is a term of ODRL", name=shown
            )
        kind = parts.get("@type")
        if kind is not None and (not isinstance(kind, str) or kind in {"@json", "@none"}):
            raise IllFormed("`{name}` has a type that is not read here", name=shown)
        if parts.get("@container", "@set") not in ("@set", "@list"):
            raise IllFormed("`{name}` has a container that is not read here", name=shown)
        usual = terms(_ODRL).get(name)
        kinds = {None, "@id", "@vocab", usual.get("@type") if isinstance(usual, Mapping) else None}
        free = name.rpartition(":")[2] in {"rightOperand", "status"}
        if meant.startswith(ODRL) and kind not in kinds and not free:
            raise IllFormed("an inline context redefines `{name}` as a value", name=shown)

    def _meant(self, name: str) -> str:
        """Return what a term has to stand for; empty where it may stand for anything."""
        if name == "odrl":
            return ODRL
        if name in odrl_terms():
            return ODRL + name
        prefix, colon, rest = name.partition(":")
        own = self._prefixes.get(prefix, "") if colon and not rest.startswith("//") else ""
        return own + rest if own else name if colon else ""

    def _full(self, name: str, depth: int = 0) -> str:
        """Return a name with its prefix, or `@vocab`, written out."""
        if name.startswith("@"):
            return name
        prefix, colon, rest = name.partition(":")
        if not colon:
            known = self._prefixes.get(name, "")
            if known and known != name and depth < MAX_CONTEXTS:
                return self._full(known, depth + 1)
            return str(self._context.get("@vocab", "")) + name
        if rest.startswith("//") or prefix not in self._prefixes or depth >= MAX_CONTEXTS:
            return name
        return self._full(self._prefixes[prefix], depth + 1) + rest
