"""Pages of a catalog: the header `Link` with the relations `next` and `previous`.

Rules: where a link leads is the peer's word, and our token would go with it. So a page is asked for
only where the one before came from. Relation types compare without case; `prev` is an alias. A link
about another resource (`anchor`) says nothing of this one.

Source: DSP 2025-1, Catalog HTTPS Binding, Pagination; RFC 8288, sections 3 and B.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, quote, urljoin, urlsplit

from connector.errors import AddressForbidden, Malformed
from connector.protocol.dsp.members import MAX_URL

TOKEN: Final = "continuationToken"  # noqa: S105 - the name of a parameter
_RELATIONS: Final = {"next": "next", "previous": "previous", "prev": "previous"}
_MOST: Final = 16 * 1024  # characters of all headers together
_TARGET: Final = re.compile(r"[\s,]*<([^<>\s]*)>")
_PARAMETER: Final = re.compile(
    r"""\s*;\s*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?)?"""
)
_END: Final = re.compile(r"\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of the pages beside one; empty where there is none."""

    next: str = ""
    previous: str = ""


def page(address: str, token: str) -> str:
    """Return the address of a page of ours.

    Args:
        address: to which the catalog was asked for, without query.
        token: of the page, opaque.
    """
    return f"{address}?{TOKEN}={quote(token, safe='')}"


def token_in(query: str) -> str:
    """Return the token in the query of a request; empty for the first page.

    Raises:
        Malformed: it has two, or is no query.
    """
    try:
        found = parse_qs(query, keep_blank_values=True, max_num_fields=16, errors="strict")
    except ValueError as exc:
        raise Malformed("the query of the address cannot be read") from exc
    tokens = found.get(TOKEN, [""])
    if len(tokens) > 1:
        raise Malformed(f"the query has `{TOKEN}` twice")
    return tokens[0]


def write(links: Links) -> list[str]:
    """Return a value of the header for each link."""
    stated = {"next": links.next, "previous": links.previous}
    return [f'<{target}>; rel="{name}"' for name, target in stated.items() if target]


def read(values: Iterable[str], address: str) -> Links:
    """Return the links of an answer.

    Args:
        values: of each header `Link`.
        address: that was asked.

    Raises:
        Malformed: not links, or two that lead on to different pages.
        AddressForbidden: one leads to another server.
    """
    text = ",".join(values)
    if len(text) > _MOST:
        raise Malformed("the header `Link` is too long")
    found: dict[str, str] = {}
    for target, relations in _parsed(text):
        for name in {_RELATIONS[each] for each in relations if each in _RELATIONS}:
            leads = _followed(target, address)
            if found.setdefault(name, leads) != leads:
                raise Malformed(f"the header `Link` names two pages as `{name}`")
    return Links(**found)


def _parsed(text: str) -> Iterable[tuple[str, list[str]]]:
    """Yield target and relation types of each link."""
    at, end = 0, len(text.rstrip(" \t,"))
    while at < end:
        link = _TARGET.match(text, at)
        if link is None:
            raise Malformed("the header `Link` is not well-formed")
        at, parameters = link.end(), dict[str, str]()
        while found := _PARAMETER.match(text, at):
            at, name = found.end(), (found[1] or "").lower()
            quoted = re.sub(r"\\(.)", r"\1", found[2]) if found[2] is not None else found[3] or ""
            parameters.setdefault(name, quoted)  # section 3.3: the first one counts
        closed = _END.match(text, at)
        if closed is None:
            raise Malformed("the header `Link` is not well-formed")
        at = closed.end()
        if "anchor" not in parameters:
            yield link[1], parameters.get("rel", "").lower().split()


def _followed(target: str, address: str) -> str:
    try:
        leads = urljoin(address, target)
        same = _origin(leads) == _origin(address)
    except ValueError as exc:
        raise Malformed("the header `Link` has no address") from exc
    if not same or "\\" in leads:
        raise AddressForbidden("a page of the catalog leads to another server")
    if len(leads) > MAX_URL:
        raise Malformed("the header `Link` has too long an address")
    return leads


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()
