"""The messages of contract negotiation: the six that move a process, and the process itself.

Source: DSP 2025-1, Contract Negotiation Protocol and HTTPS Binding, with the messages' schemas.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from connector.domain.contract.negotiation import NegotiationState
from connector.errors import AgreementTampered, Malformed
from connector.jsonld.canonical import canonical, parse_object, sha256_hex
from connector.protocol import messages as m
from connector.protocol.dsp import extensions, members, policies
from connector.protocol.dsp.policies import Policies
from connector.protocol.messages import Negotiating
from federated.reading import Member

TYPES: Final[Mapping[str, type[Negotiating]]] = {
    each.__name__: each
    for each in (
        m.ContractRequestMessage,
        m.ContractOfferMessage,
        m.ContractAgreementMessage,
        m.ContractAgreementVerificationMessage,
        m.ContractNegotiationEventMessage,
        m.ContractNegotiationTerminationMessage,
    )
}
# The message that may open a process -> the pid that it has not yet.
_OPENING: Final[Mapping[type[Negotiating], str]] = {
    m.ContractRequestMessage: "providerPid",
    m.ContractOfferMessage: "consumerPid",
}
_CALLBACK: Final = "callbackAddress"


@dataclass(frozen=True, slots=True)
class Negotiated:
    """A message, and what only this binding has of it.

    Attributes:
        message: signatures, receipts and agreement are empty where the peer is no Préau node.
        callback: where the sender takes answers; of a message that opens a process, empty else.
        policy: the agreement (ODRL, canonical JSON-LD) of a ContractAgreementMessage, empty else.
        plan_digest: SHA-256 (hex) of the plan that it compiles to; empty where it is not said.
        data: the body that it was read from, exact bytes; empty where it came otherwise.
        token: by which the sender was authenticated, where that proves what it said.
    """

    message: Negotiating
    callback: str = ""
    policy: bytes = b""
    plan_digest: str = ""
    data: bytes = field(default=b"", compare=False, repr=False)
    token: str = field(default="", compare=False, repr=False)


def write(value: Negotiated, how: Policies) -> dict[str, Any]:
    """Return the body of a message.

    Args:
        value: its terms stated; "as offered" has no form in the protocol.
        how: policies are written.

    Raises:
        Malformed: the protocol has no such message: both pid and callback, or neither, or no terms.
        PreauError: the terms cannot be said in the protocol.
    """
    message = value.message
    body = members.begun(message)
    if value.callback:
        body[_CALLBACK] = value.callback
    if isinstance(message, m.ContractRequestMessage | m.ContractOfferMessage):
        body["offer"] = how.offer(message.policy, message.offer_id, message.dataset)
        members.one_of(body, _CALLBACK, _OPENING[type(message)])
    elif value.callback:
        raise Malformed(f"`{body['@type']}` has no `{_CALLBACK}`")
    if isinstance(message, m.ContractAgreementMessage):
        body["agreement"] = how.agreement(value.policy)
        body |= {extensions.PLAN: value.plan_digest} if value.plan_digest else {}
    if isinstance(message, m.ContractNegotiationEventMessage):
        body["eventType"] = message.event_type
    needed = {"providerPid", "consumerPid"} - {_OPENING.get(type(message), "")}
    members.needed(body, *sorted(needed))
    return body


def read(
    data: bytes, how: Policies, among: Collection[str] = tuple(TYPES), *, after: str = ""
) -> Negotiated:
    """Return a message.

    Args:
        data: body of a request.
        how: policies are read.
        among: types that may stand where it came from.
        after: see `members.message_id`.

    Raises:
        MessageTooLarge: more bytes than are read.
        Malformed: not such a message; the reason names type and member.
        UpgradeRequired: of another version of the protocol.
        AgreementTampered: what is stated and what is signed are two agreements.
        PreauError: as `how` says of the terms.
    """
    kind, root = members.opened(data, *among)
    cls = TYPES[kind]
    said = members.common(cls, root, after, _OPENING.get(cls, ""))
    if cls in _OPENING:
        return replace(_terms(cls, said, root, how), data=data)
    if cls is m.ContractAgreementMessage:
        return replace(_agreement(m.ContractAgreementMessage(**said), root, how), data=data)
    if cls is m.ContractNegotiationEventMessage:
        event = root.fields("eventType", others=True)["eventType"]
        said["event_type"] = event.exactly("ACCEPTED", "FINALIZED")
    return Negotiated(cls(**said), data=data)


def write_state(process: m.ContractNegotiation) -> dict[str, Any]:
    """Return the body that says in which state a process is.

    Raises:
        Malformed: a pid is missing, or a message is carried, which goes by a call of its own here.
    """
    if process.next_kind:
        raise Malformed("a ContractNegotiation carries no message over HTTPS")
    body = {**members.begun(process), "state": process.state}
    members.needed(body, "providerPid", "consumerPid")
    return body


def read_state(data: bytes) -> m.ContractNegotiation:
    """Return in which state a process is.

    Raises:
        MessageTooLarge: more bytes than are read.
        Malformed: no ContractNegotiation; the reason names the member.
        UpgradeRequired: of another version of the protocol.
    """
    _, root = members.opened(data, m.ContractNegotiation.__name__)
    said = members.common(m.ContractNegotiation, root)
    state = root.fields("state", others=True)["state"].exactly(*NegotiationState)
    return m.ContractNegotiation(state=state, **said)


def _terms(cls: type[Negotiating], said: dict[str, Any], root: Member, how: Policies) -> Negotiated:
    other, offer = _OPENING[cls], root.fields("offer", others=True)["offer"]
    opens = _CALLBACK in root.value
    if opens == (other in root.value):
        root.refuse(f"must have either `{_CALLBACK}` or `{other}`")
    said["offer_id"] = policies.check(offer, "Offer")
    said["dataset"] = members.identifier(offer, "target")
    said["policy"] = how.read_offer(offer, root)
    return Negotiated(cls(**said), members.address(root, _CALLBACK) if opens else "")


def _agreement(message: m.ContractAgreementMessage, root: Member, how: Policies) -> Negotiated:
    stated = how.read_agreement(root.fields("agreement", others=True)["agreement"], root)
    digest = root.child(extensions.PLAN).digest() if extensions.PLAN in root.value else ""
    if message.agreement:
        _check_signed(parse_object(message.agreement), stated, digest)
    return Negotiated(message, policy=stated, plan_digest=digest)


def _check_signed(document: Mapping[str, Any], stated: bytes, digest: str) -> None:
    """Refuse an agreement that is another than the one that its extension signs.

    Raises:
        AgreementTampered: terms or plan differ.
    """
    if canonical(document.get("agreement")) != stated:
        raise AgreementTampered("the agreement stated and the one signed are not the same")
    if digest and sha256_hex(canonical(document.get("plan"))) != digest:
        raise AgreementTampered("the plan of the signed agreement has another digest than stated")
