"""Where data are, or are to go: the `DataAddress` of a transfer.

Rules: it may hold a bearer token, which never shows in a log. Nothing in it is looked up: names of
secrets or addresses to ask for tokens are data of the peer's like any other.

Source: DSP 2025-1, Data Address, and `data-address-schema.json`. The properties `authorization` and
`authType` are the field's convention.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from connector.errors import Malformed
from connector.protocol import transfer_messages as t
from connector.protocol.dsp import members
from connector.protocol.dsp.extensions import TERMS
from federated.reading import Member
from federated.reading import read as read_json

HTTP: Final = "https://w3id.org/idsa/v4.1/HTTP"  # the type of the specification's examples
PULL: Final = "HttpData-PULL"  # `format` of what the consumer fetches
_TOKEN, _KIND, _BEARER = "authorization", "authType", "bearer"
_SECONDS, _FLIGHT = TERMS + "seconds", TERMS + "flight"
_MOST: Final = 64  # properties
_MAX_VALUE: Final = 64 * 1024  # characters


@dataclass(frozen=True, slots=True)
class DataAddress:
    """An endpoint.

    Attributes:
        endpoint_type: IRI of what is spoken there.
        endpoint: its address; may be empty.
        properties: name and value of each, in order.
    """

    endpoint_type: str
    endpoint: str = ""
    properties: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def write(address: DataAddress) -> dict[str, Any]:
    """Return the JSON of an address."""
    body: dict[str, Any] = {"@type": "DataAddress", "endpointType": address.endpoint_type}
    if address.endpoint:
        body["endpoint"] = address.endpoint
    if address.properties:
        body["endpointProperties"] = [
            {"@type": "EndpointProperty", "name": name, "value": value}
            for name, value in address.properties
        ]
    return body


def read(member: Member) -> DataAddress:
    """Return an address.

    Raises:
        Malformed: a member is missing or of another form.
    """
    part = member.fields("@type", "endpointType", maybe=("endpoint",), others=True)
    part["@type"].exactly("DataAddress")
    return DataAddress(
        endpoint_type=part["endpointType"].text(most=members.MAX_URL),
        endpoint=part["endpoint"].text(most=members.MAX_URL) if "endpoint" in part else "",
        properties=tuple(map(_property, members.several(member, "endpointProperties", _MOST))),
    )


def read_stored(data: bytes) -> DataAddress:
    """Return an address that was kept as canonical JSON; raises as `read`."""
    return read(read_json(data, _refusal))


def of_access(access: t.TransferAccess) -> DataAddress:
    """Return the address at which a consumer pulls over HTTPS."""
    stated = (
        (_TOKEN, access.token),
        (_KIND, _BEARER),
        (_SECONDS, str(access.seconds)),
        (_FLIGHT, access.flight),
    )
    return DataAddress(HTTP, access.url, tuple(each for each in stated if each[1]))


def access(address: DataAddress) -> t.TransferAccess:
    """Return how to pull from an address; 0 seconds where it does not say for how long.

    Raises:
        Malformed: nothing that this node can pull from.
    """
    if address.endpoint_type != HTTP or not address.endpoint:
        raise Malformed(f"the data address is not of type `{HTTP}`")
    found = dict(address.properties)
    if len(found) != len(address.properties):
        raise Malformed("the data address has a property twice")
    if found.get(_KIND, "").lower() != _BEARER or not found.get(_TOKEN):
        raise Malformed(f"the data address has no `{_TOKEN}` with `{_KIND}` `{_BEARER}`")
    seconds = found.get(_SECONDS, "0")
    return t.TransferAccess(
        url=address.endpoint,
        token=found[_TOKEN],
        seconds=int(seconds) if seconds.isascii() and seconds.isdecimal() else 0,
        flight=found.get(_FLIGHT, ""),
    )


def _refusal(pointer: str, fault: str) -> Malformed:
    return Malformed(f"data address {pointer or '/'}: {fault}")


def _property(member: Member) -> tuple[str, str]:
    part = member.fields("@type", "name", "value", others=True)
    part["@type"].exactly("EndpointProperty")
    value = part["value"].content()
    if len(value) > _MAX_VALUE:
        part["value"].refuse(f"must have 0 to {_MAX_VALUE} characters")
    return part["name"].text(most=members.MAX_URL), value
