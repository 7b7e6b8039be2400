"""Messages of credential issuance (DCP 1.0, section 6): read and written.

Rules: members that are not known are passed over, known ones are read strictly, and `null` says as
much as a member that is left out where it may be. What is written has every member that the JSON
schemas ask for. Who sent a message is known from its token, so each that names its sender is held
to it. What an issuer makes of a request is `issuing.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from connector.errors import ConfigurationInvalid, Malformed
from connector.identity import credential as vc
from connector.identity.dcp import message
from connector.identity.reading import Kind
from federated.reading import MAX_BYTES, Member

MOST_CREDENTIALS: Final = 64  # of one message
MOST_METHODS: Final = 16
MAX_REASON: Final = 4096
_REQUEST: Final = Kind("CredentialRequestMessage", Malformed, MAX_BYTES)
_MESSAGE: Final = Kind("CredentialMessage", Malformed, MAX_BYTES)
_OFFER: Final = Kind("CredentialOfferMessage", Malformed, MAX_BYTES)
_STATUS: Final = Kind("CredentialStatus", Malformed, MAX_BYTES)
_METADATA: Final = Kind("IssuerMetadata", Malformed, MAX_BYTES)
_OBJECT: Final = "CredentialObject"
_NAMES: Final = ("credentialType", "credentialSchema", "offerReason", "bindingMethods", "profile")


class RequestStatus(StrEnum):
    """What has become of a request (section 6.8, `status`)."""

    RECEIVED = "RECEIVED"
    ISSUED = "ISSUED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class CredentialObject:
    """A credential that an issuer offers (section 6.6.2). Empty where nothing is stated.

    Attributes:
        id: by which it is asked for; an absolute IRI in what is written.
        credential_type: of the credential.
        credential_schema: URL of the schema of its subject.
        offer_reason: `reissue`, `proof-key-revocation` or another.
        binding_methods: DID methods.
        profile: alias of a DCP profile.
        issuance_policy: presentation definition that the holder must meet, as it was stated.
    """

    id: str
    credential_type: str = ""
    credential_schema: str = ""
    offer_reason: str = ""
    binding_methods: tuple[str, ...] = ()
    profile: str = ""
    issuance_policy: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def body(self) -> dict[str, Any]:
        """Return it as JSON, without what is empty."""
        stated = {
            "credentialType": self.credential_type,
            "credentialSchema": self.credential_schema,
            "offerReason": self.offer_reason,
            "bindingMethods": list(self.binding_methods),
            "profile": self.profile,
            "issuancePolicy": dict(self.issuance_policy),
        }
        kept = {name: value for name, value in stated.items() if value}
        return {"id": self.id, "type": _OBJECT, **kept}


@dataclass(frozen=True, slots=True)
class CredentialRequestMessage:
    """A holder asks for credentials (section 6.4.1).

    Attributes:
        holder_pid: the request at the holder.
        credentials: ids of `CredentialObject`.
    """

    holder_pid: str
    credentials: tuple[str, ...]

    @classmethod
    def read(cls, data: bytes) -> CredentialRequestMessage:
        """Read a message.

        Raises:
            Malformed: it is none, or asks for one credential twice.
        """
        part = _members(_REQUEST, data, "holderPid", "credentials")
        asked = part["credentials"].items(least=1, most=MOST_CREDENTIALS)
        ids = tuple(each.fields("id", others=True)["id"].text() for each in asked)
        if len(set(ids)) != len(ids):
            part["credentials"].refuse("must name each credential once")
        return cls(part["holderPid"].text(), ids)

    def body(self) -> dict[str, Any]:
        """Return it as JSON."""
        asked = [{"id": each} for each in self.credentials]
        return message.written(_REQUEST, holderPid=self.holder_pid, credentials=asked)


@dataclass(frozen=True, slots=True)
class CredentialContainer:
    """A credential on its way to the holder (section 6.5.2).

    Attributes:
        credential_type: by the issuer's word; the credential itself is to be verified.
        payload: VC-JWT.
        format: alias of a profile, or a name of the issuer's.
    """

    credential_type: str
    payload: str = field(repr=False)
    format: str

    def body(self) -> dict[str, Any]:
        """Return it as JSON."""
        names = {"credentialType": self.credential_type, "format": self.format}
        return {**names, "payload": self.payload}


@dataclass(frozen=True, slots=True)
class CredentialMessage:
    """An issuer answers a request (section 6.5.1): all of it is issued, or it is rejected.

    Attributes:
        issuer_pid: the request at the issuer.
        holder_pid: the request at the holder.
        credentials: what was issued; none where it was rejected.
        rejection_reason: may be empty.
    """

    issuer_pid: str
    holder_pid: str
    credentials: tuple[CredentialContainer, ...] = ()
    rejection_reason: str = ""

    @property
    def status(self) -> RequestStatus:
        """Whether the request was granted."""
        return RequestStatus.ISSUED if self.credentials else RequestStatus.REJECTED

    @classmethod
    def read(cls, data: bytes) -> CredentialMessage:
        """Read a message.

        The schema lets `holderPid` be left out; a message without it answers no request that
        anybody made, and is refused.

        Raises:
            Malformed: it is none, it was rejected and has credentials, or the reverse.
        """
        part = _members(
            _MESSAGE,
            data,
            *("issuerPid", "holderPid", "status"),
            maybe=("credentials", "rejectionReason"),
        )
        status = part["status"].exactly(RequestStatus.ISSUED, RequestStatus.REJECTED)
        stated = part.get("credentials")
        held = stated.items(most=MOST_CREDENTIALS) if stated else []
        if bool(held) != (status == RequestStatus.ISSUED):
            part["status"].refuse(f"is `{status}`, but has {len(held)} credentials")
        reason = part.get("rejectionReason")
        return cls(
            part["issuerPid"].text(),
            part["holderPid"].text(),
            tuple(_container(each) for each in held),
            reason.text(most=MAX_REASON) if reason and reason.value != "" else "",
        )

    def body(self) -> dict[str, Any]:
        """Return it as JSON."""
        stated: dict[str, Any] = {"status": self.status.value}
        if self.credentials:
            stated["credentials"] = [each.body() for each in self.credentials]
        elif self.rejection_reason:
            stated["rejectionReason"] = self.rejection_reason
        return message.written(
            _MESSAGE, issuerPid=self.issuer_pid, holderPid=self.holder_pid, **stated
        )


@dataclass(frozen=True, slots=True)
class IssuerMetadata:
    """What an issuer offers to whoever asks (section 6.7.1).

    Attributes:
        issuer: DID.
        credentials: of them all members are stated when it is written.
    """

    issuer: str
    credentials: tuple[CredentialObject, ...]

    @classmethod
    def read(cls, data: bytes, issuer: str) -> IssuerMetadata:
        """Read a document; credentials of which less is stated than there should be are kept.

        Args:
            data: as served.
            issuer: DID of whose service served it.

        Raises:
            Malformed: it is none, or another's.
        """
        part = _members(_METADATA, data, "issuer", maybe=("credentialsSupported",))
        part["issuer"].exactly(issuer)
        stated = part.get("credentialsSupported")
        return cls(issuer, _objects(stated) if stated else ())

    def body(self) -> dict[str, Any]:
        """Return it as JSON.

        Raises:
            ConfigurationInvalid: of a credential too little is stated (section 6.7.1).
        """
        offered = [each.body() for each in self.credentials]
        for each in offered:
            for name in _NAMES:
                if name not in each:
                    raise ConfigurationInvalid(
                        f"credential `{each['id']}` states no `{name}`",
                        hint="state it where the credentials that are issued are configured",
                    )
        return message.written(_METADATA, issuer=self.issuer, credentialsSupported=offered)


@dataclass(frozen=True, slots=True)
class CredentialOfferMessage:
    """An issuer tells a holder what it may ask for (section 6.6.1).

    Attributes:
        issuer: DID.
        credentials: those of which only the id is stated are sparse.
    """

    issuer: str
    credentials: tuple[CredentialObject, ...]

    @classmethod
    def read(cls, data: bytes, issuer: str) -> CredentialOfferMessage:
        """Read a message.

        Args:
            data: as sent.
            issuer: DID of who sent it, by its token.

        Raises:
            Malformed: it is none, or speaks for another issuer.
        """
        part = _members(_OFFER, data, "issuer", "credentials")
        part["issuer"].exactly(issuer)
        return cls(issuer, _objects(part["credentials"], least=1))

    @property
    def sparse(self) -> bool:
        """Whether the issuer's metadata is needed to know what is offered."""
        return not all(each.credential_type for each in self.credentials)

    def completed(self, metadata: IssuerMetadata) -> CredentialOfferMessage:
        """Return the offer with what the metadata of its issuer states of sparse credentials.

        Raises:
            Malformed: a sparse credential is not there, or its type is not stated there either.
        """
        known = {each.id: each for each in metadata.credentials if each.credential_type}
        for number, each in enumerate(self.credentials):
            if not each.credential_type and each.id not in known:
                raise _OFFER.refusal(
                    f"/credentials/{number}/id",
                    f"`{each.id}` is not among those that `{metadata.issuer}` supports",
                )
        return CredentialOfferMessage(
            self.issuer,
            tuple(each if each.credential_type else known[each.id] for each in self.credentials),
        )

    def body(self) -> dict[str, Any]:
        """Return it as JSON."""
        offered = [each.body() for each in self.credentials]
        return message.written(_OFFER, issuer=self.issuer, credentials=offered)


@dataclass(frozen=True, slots=True)
class CredentialStatus:
    """What has become of a request (section 6.8.1).

    Attributes:
        issuer_pid: the request at the issuer.
        holder_pid: the request at the holder.
        status: its state.
    """

    issuer_pid: str
    holder_pid: str
    status: RequestStatus

    @classmethod
    def read(cls, data: bytes) -> CredentialStatus:
        """Read a document.

        Raises:
            Malformed: it is none.
        """
        part = _members(_STATUS, data, "issuerPid", "holderPid", "status")
        status = RequestStatus(part["status"].exactly(*RequestStatus))
        return cls(part["issuerPid"].text(), part["holderPid"].text(), status)

    def body(self) -> dict[str, Any]:
        """Return it as JSON."""
        pids = {"issuerPid": self.issuer_pid, "holderPid": self.holder_pid}
        return message.written(_STATUS, **pids, status=self.status.value)


def _members(kind: Kind, data: bytes, *names: str, maybe: Sequence[str] = ()) -> dict[str, Member]:
    """Return the members of a message; those that may be left out are not there when `null`."""
    part = message.opened(kind, data).fields(*names, maybe=maybe, others=True)
    return {name: part[name] for name in part if name in names or part[name].value is not None}


def _objects(member: Member, *, least: int = 0) -> tuple[CredentialObject, ...]:
    return tuple(_object(each) for each in member.items(least=least, most=MOST_CREDENTIALS))


def _object(member: Member) -> CredentialObject:
    part = member.fields(
        "id",
        maybe=("type", *_NAMES, "issuancePolicy"),
        others=True,
    )
    stated = {name: each for name, each in part.items() if each.value is not None}
    if "type" in stated or len(stated) > 1:  # an id alone is a reference (section 6.6.1)
        part.get("type", member.child("type")).exactly(_OBJECT)
    methods = stated.get("bindingMethods")
    policy = stated.get("issuancePolicy")
    return CredentialObject(
        id=part["id"].text(),
        credential_type=_text(stated, "credentialType"),
        credential_schema=_text(stated, "credentialSchema"),
        offer_reason=_text(stated, "offerReason"),
        binding_methods=_texts(methods) if methods else (),
        profile=_text(stated, "profile"),
        issuance_policy=_whole(policy) if policy else {},
    )


def _text(stated: Mapping[str, Member], name: str) -> str:
    return stated[name].text() if name in stated else ""


def _texts(member: Member) -> tuple[str, ...]:
    return tuple(each.text() for each in member.items(most=MOST_METHODS))


def _whole(member: Member) -> Mapping[str, Any]:
    member.fields(others=True)  # an object
    return member.value  # type: ignore[no-any-return]  # as the line above saw


def _container(member: Member) -> CredentialContainer:
    part = member.fields("credentialType", "payload", "format", others=True)
    return CredentialContainer(
        part["credentialType"].text(),
        part["payload"].text(most=vc.MAX_CHARS),
        part["format"].text(),
    )
