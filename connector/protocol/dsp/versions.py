"""Which versions of the protocol a connector speaks, and where: `/.well-known/dspace-version`.

Rules: only the binding `HTTPS` may be named there; what names another is passed over. A connector
that speaks other versions only is refused by name.

Source: DSP 2025-1, Exposure of Versions, and `protocol-version-schema.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from connector.errors import Malformed, MessageTooLarge, UpgradeRequired
from connector.protocol.dsp.members import VERSION, several
from federated.reading import Member
from federated.reading import read as read_json

PATH: Final = "/.well-known/dspace-version"
BINDING: Final = "HTTPS"
MAX_BYTES: Final = 64 * 1024
_MOST: Final = 64  # versions, or profiles of one
_SEGMENTS: Final = r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*/?"
_CLIMBS: Final = frozenset({".", ".."})


@dataclass(frozen=True, slots=True)
class Auth:
    """How callers show who they are, such as `DCP` in version `1.0`."""

    protocol: str
    version: str
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """A version that a connector speaks.

    Attributes:
        version: such as `2025-1`.
        path: of its endpoints below the root, such as `/dsp/2025-1`.
        identifier_type: of participants, such as `did:web`; may be empty.
        service_id: of the connector; may be empty.
        auth: None where it does not say.
    """

    version: str
    path: str
    identifier_type: str = ""
    service_id: str = ""
    auth: Auth | None = None

    def base(self, root: str) -> str:
        """Return the address that each other path of the protocol is appended to."""
        return root.rstrip("/") + self.path.rstrip("/")


def write(versions: Sequence[Version]) -> dict[str, Any]:
    """Return the version document.

    Raises:
        Malformed: there is none.
    """
    if not versions:
        raise Malformed("a version document names at least one version")
    return {"protocolVersions": [_written(each) for each in versions]}


def read(data: bytes) -> tuple[Version, ...]:
    """Return the versions of a document, those of other bindings left out.

    Raises:
        MessageTooLarge: more bytes than are read.
        Malformed: no version document.
    """
    if len(data) > MAX_BYTES:
        raise MessageTooLarge(f"{len(data)} bytes exceed the limit of {MAX_BYTES}")
    root = read_json(data, _refusal)
    listed = root.fields("protocolVersions", others=True)["protocolVersions"]
    return tuple(
        _read(each)
        for each in listed.items(least=1, most=_MOST)
        if each.fields("binding", others=True)["binding"].content() == BINDING
    )


def spoken(versions: Sequence[Version]) -> tuple[Version, ...]:
    """Return those of version 2025-1, in the order of the document.

    Raises:
        UpgradeRequired: there is none; the reason names what there is.
    """
    found = tuple(each for each in versions if each.version == VERSION)
    if not found:
        listed = ", ".join(f"`{each.version}`" for each in versions) or "no version over HTTPS"
        raise UpgradeRequired(
            f"the other connector speaks {listed} of the Dataspace Protocol; "
            f"this node speaks `{VERSION}`",
            hint=f"ask its operator to serve `{VERSION}`",
        )
    return found


def _written(version: Version) -> dict[str, Any]:
    body: dict[str, Any] = {
        "version": version.version,
        "path": version.path,
        "binding": BINDING,
        "identifierType": version.identifier_type,
        "serviceId": version.service_id,
    }
    if version.auth:
        auth: dict[str, Any] = {"protocol": version.auth.protocol, "version": version.auth.version}
        body["auth"] = auth | (
            {"profile": list(version.auth.profiles)} if version.auth.profiles else {}
        )
    return {name: value for name, value in body.items() if value}


def _read(member: Member) -> Version:
    part = member.fields(
        "version", "path", maybe=("identifierType", "serviceId", "auth"), others=True
    )
    path = part["path"].text()
    if part["version"].text(most=64) == VERSION:
        path = part["path"].text(pattern=_SEGMENTS)
        if _CLIMBS.intersection(path.split("/")):
            part["path"].refuse("does not have the required form")
    return Version(
        version=part["version"].text(most=64),
        path=path,
        identifier_type=part["identifierType"].text() if "identifierType" in part else "",
        service_id=part["serviceId"].text() if "serviceId" in part else "",
        auth=_auth(part["auth"]) if "auth" in part else None,
    )


def _auth(member: Member) -> Auth:
    part = member.fields("protocol", "version", others=True)
    profiles = tuple(each.text() for each in several(member, "profile", _MOST))
    return Auth(part["protocol"].text(), part["version"].text(), profiles)


def _refusal(pointer: str, fault: str) -> Malformed:
    return Malformed(f"version document {pointer or '/'}: {fault}")
