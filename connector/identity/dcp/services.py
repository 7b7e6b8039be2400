"""Services that a DID document lists for DCP and DSP: found in those of others, and written.

Rules: an endpoint is an `https` URL; entries of other types and shapes are legal (DID Core, section
5.4) and passed over; of several usable entries of one type the first counts. Source: DCP 1.0,
sections 5.2 and 6.2; DSP 2025-1, section on DID services, whose schema wants endpoints that end in
`/catalog`: they are written so and read however they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from connector.errors import ConfigurationInvalid, DidUnresolvable
from connector.identity.dcp.address import web_address
from connector.identity.dcp.message import CONTEXT as DCP
from connector.identity.document import MAX_BYTES, MAX_SERVICES, DidDocument
from connector.identity.reading import Kind
from federated.reading import Member

HTTPS: Final = frozenset({"https"})
DSP: Final = "https://w3id.org/dspace/2025/1/context.jsonld"
_CATALOG: Final = "/catalog"


class Service(StrEnum):
    """Types of services."""

    CREDENTIAL = "CredentialService"
    ISSUER = "IssuerService"
    CATALOG = "CatalogService"
    DATA = "DataService"


# Contexts that define the types; a document that lists a service names its context.
_CONTEXTS: Final[Mapping[Service, str]] = MappingProxyType(
    {
        Service.CREDENTIAL: DCP,
        Service.ISSUER: DCP,
        Service.CATALOG: DSP,
        Service.DATA: DSP,
    }
)


def endpoint(document: DidDocument, service: Service, *, schemes: Collection[str] = HTTPS) -> str:
    """Return the base URL of a service, without a slash at its end.

    Args:
        document: whose service.
        service: type.
        schemes: those that are usable.

    Raises:
        DidUnresolvable: it lists none, or none that is usable.
    """
    kind = Kind(f"DID document of `{document.did}`", DidUnresolvable, MAX_BYTES)
    faults = []
    for each in _stated(kind.opened(document.data), service):
        try:
            return _base(each, schemes)
        except DidUnresolvable as exc:
            faults.append(exc)
    none = DidUnresolvable(f"the DID document of `{document.did}` lists no `{service}`")
    raise faults[0] if faults else none


def written(bases: Mapping[Service, str]) -> dict[str, str]:
    """Return endpoints by type, as `document.build` takes them.

    Args:
        bases: base URLs.

    Raises:
        ConfigurationInvalid: one is no `https` URL, or has a query or fragment.
    """
    found = {}
    for service, base in bases.items():
        ending = _CATALOG if _CONTEXTS[service] == DSP else ""
        root = _base(Member(base, _misconfigured, (None, service.value)), HTTPS)
        found[service.value] = root.removesuffix(ending) + ending
    return found


def contexts(listed: Iterable[Service]) -> tuple[str, ...]:
    """Return the contexts that define some types, as `document.build` takes them."""
    return tuple(sorted({_CONTEXTS[service] for service in listed}))


def _stated(root: Member, service: Service) -> Iterable[Member]:
    listed = root.child("service")
    for entry in listed.items(most=MAX_SERVICES) if listed.value is not None else ():
        types, at = entry.child("type").value, entry.child("serviceEndpoint")
        if service == types or (isinstance(types, list) and service in types):
            yield from at.items(most=MAX_SERVICES) if isinstance(at.value, list) else (at,)


def _base(member: Member, schemes: Collection[str]) -> str:
    address = web_address(member, schemes)
    if "?" in address or "#" in address:
        member.refuse("must have no query or fragment")
    return address.rstrip("/")


def _misconfigured(pointer: str, fault: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(f"address of `{pointer[1:]}`: {fault}")
