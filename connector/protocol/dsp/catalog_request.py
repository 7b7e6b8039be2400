"""What a catalog is asked for: a search, a dataset.

Rules: a filter of ours is a list of objects whose members are `words`, `territory`, `purpose`,
`legalBasis`, `limit` and `offset` under `https://w3id.org/preau/dsp/v1#`, and all must hold. The
range that Eclipse connectors ask for (`offset` and `limit` of a `QuerySpec`) is understood too; an
expression or an order in it is not. Any other filter is refused: who filters would take what
remains for all that fits. The page is named in the address, see `links.py`.

Source: DSP 2025-1, Catalog Request Message, Dataset Request Message and their binding: a filter is
"implementation-specific", and one that is not supported is answered with 400.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from connector.errors import FilterUnsupported, Malformed
from connector.protocol import messages as m
from connector.protocol.codec import forms_of
from connector.protocol.dsp import links, members
from connector.protocol.dsp.extensions import term
from federated.reading import MAX_INTEGER, Member

EDC: Final = ("https://w3id.org/edc/v0.0.1/ns/", "edc:")
_MOST: Final = 16  # objects of a filter
_TEXTS: Final = ("words", "territory", "purpose", "legal_basis")
_NUMBERS: Final = ("limit", "offset")
_NAMES: Final[Mapping[str, str]] = {term(name): name for name in (*_TEXTS, *_NUMBERS)}
_QUERY: Final = "QuerySpec"
_IDLE: Final[Mapping[str, Collection[Any]]] = {
    "filterExpression": ([],),
    "sortField": ("", None),
    "sortOrder": ("ASC", "DESC"),
}


@dataclass(frozen=True, slots=True)
class CatalogRequest:
    """A request for a page of a catalog.

    Attributes:
        message: what is searched for, and how many datasets at most; 0 where it does not say.
        offset: datasets that are passed over before the page.
    """

    message: m.CatalogRequestMessage
    offset: int = 0


def write(request: CatalogRequest) -> dict[str, Any]:
    """Return the body of a request. The token of its page belongs into the address."""
    message = request.message
    stated = {name: getattr(message, name) for name in (*_TEXTS, "limit")}
    said = {
        term(name): value for name, value in {**stated, "offset": request.offset}.items() if value
    }
    body = {"@context": [members.CONTEXT], "@type": type(message).__name__}
    return {**body, "filter": [said]} if said else body


def read(data: bytes, query: str = "") -> CatalogRequest:
    """Return a request.

    Args:
        data: body.
        query: of the address that it came to.

    Raises:
        MessageTooLarge: more bytes than are read.
        Malformed: no CatalogRequestMessage, or the query cannot be read.
        FilterUnsupported: a filter that this node does not know.
        UpgradeRequired: of another version of the protocol.
    """
    _, root = members.opened(data, m.CatalogRequestMessage.__name__)
    found: dict[str, Any] = {}
    for each in members.several(root, "filter", _MOST):
        for name, value in _conditions(each).items():
            if found.setdefault(name, value) != value:
                _unsupported(each, f"`{name}` is asked for twice")
    offset = found.pop("offset", 0)
    return CatalogRequest(m.CatalogRequestMessage(links.token_in(query), **found), offset)


def write_dataset(request: m.DatasetRequestMessage) -> dict[str, Any]:
    """Return the body of a request for a dataset; the binding names it in the address instead."""
    return {**members.begun(request), "dataset": request.dataset}


def read_dataset(data: bytes) -> m.DatasetRequestMessage:
    """Return a request for a dataset.

    Raises:
        MessageTooLarge: more bytes than are read.
        Malformed: no DatasetRequestMessage.
        UpgradeRequired: of another version of the protocol.
    """
    _, root = members.opened(data, m.DatasetRequestMessage.__name__)
    return m.DatasetRequestMessage(members.identifier(root, "dataset"))


def _conditions(member: Member) -> dict[str, Any]:
    if not isinstance(member.value, dict):
        _unsupported(member, "is not an object")
    if _plain(member.value.get("@type")) == _QUERY:
        return _range(member)
    found: dict[str, Any] = {}
    for name in member.value:
        each, known = member.child(name), _NAMES.get(name)
        if known is None:
            _unsupported(each, "is not a condition that this node knows")
        found[known] = _number(each) if known in _NUMBERS else _line(each, known)
    return found


def _range(member: Member) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in member.value:
        each, plain = member.child(name), _plain(name)
        if plain in _NUMBERS:
            found[plain] = _number(each)
        elif name != "@type" and each.value not in _IDLE.get(plain, ()):
            _unsupported(each, "is not a condition that this node knows")
    return found


def _plain(name: Any) -> str:
    text = name if isinstance(name, str) else ""
    for prefix in EDC:
        text = text.removeprefix(prefix)
    return text


def _number(member: Member) -> int:
    return member.integer(most=MAX_INTEGER)


def _line(member: Member, name: str) -> Any:
    try:
        return forms_of(m.CatalogRequestMessage)[name].read(member.value)
    except Malformed as exc:
        member.refuse(exc.reason)


def _unsupported(member: Member, fault: str) -> NoReturn:
    raise FilterUnsupported(
        f"`{m.CatalogRequestMessage.__name__}` {member.pointer}: {fault}",
        hint=f"ask without a filter, or with {', '.join(f'`{name}`' for name in _NAMES)}",
    )
