"""What Préau nodes say beside the Dataspace Protocol: members under full names, outside policies.

Rules: each value is text (bytes as base64, anything else as canonical JSON), so that it expands
under the protocol's context as it stands. Other connectors pass these members over (DSP 2025-1,
Schemas & Contexts: unknown members are tolerated). From a peer that sends none, the field of the
message is empty: nothing was signed, and whoever needs a signature finds that it does not verify.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from connector.errors import Malformed
from connector.jsonld.canonical import canonical, parse
from connector.protocol import messages as m
from connector.protocol import transfer_messages as t
from connector.protocol.codec import Body, Flag, Form, Octets, Several, Text, forms_of
from federated.reading import Member

TERMS: Final = "https://w3id.org/preau/dsp/v1#"
PLAN: Final = TERMS + "planDigest"  # SHA-256, hex, of the plan that an agreement compiles to
OFFERS: Final = TERMS + "offers"  # of a dataset: canonical JSON, by the id of the offer
MESSAGE: Final = TERMS + "messageId"

# Class of a message -> its fields that the protocol has no member for.
BESIDE: Final[Mapping[type[Body], tuple[str, ...]]] = {
    m.Catalog: ("participant_description",),
    m.Dataset: ("description",),
    m.CatalogOffer: ("coverage", "decision", "report", "layers"),
    m.ContractRequestMessage: ("message_id",),
    m.ContractOfferMessage: ("message_id", "reasons"),
    m.ContractAgreementMessage: ("message_id", "agreement", "provider_signature", "report"),
    m.ContractAgreementVerificationMessage: ("message_id", "consumer_signature"),
    m.ContractNegotiationEventMessage: ("message_id", "receipt"),
    m.ContractNegotiationTerminationMessage: ("message_id", "statement"),
    m.ContractNegotiation: ("awaits",),
    t.TransferRequestMessage: ("message_id", "extract_id"),
    t.TransferStartMessage: ("message_id", "statement"),
    t.TransferSuspensionMessage: ("message_id",),
    t.TransferCompletionMessage: ("message_id", "statement"),
    t.TransferTerminationMessage: ("message_id",),
}
_NONE: Final[Mapping[type, Any]] = {Octets: b"", Several: (), Flag: False}  # of others: no text
_SIGN: Final = re.compile("_([a-z])")


def term(field: str) -> str:
    """Return the full name of the member that carries a field."""
    return TERMS + _SIGN.sub(lambda found: found[1].upper(), field)


def written(message: Body) -> dict[str, str]:
    """Return the extension members of a message; none for what is empty."""
    return {term(name): _text(value) for name, value in stated(message).items()}


def stated(message: Body) -> dict[str, Any]:
    """Return the JSON of the fields that the protocol has no member for; none for what is empty."""
    forms = forms_of(type(message))
    found = {name: getattr(message, name) for name in BESIDE[type(message)]}
    return {name: forms[name].write(value) for name, value in found.items() if value}


def read(cls: type[Body], member: Member) -> dict[str, Any]:
    """Return the fields of a message that its extension members carry, empty where there are none.

    Raises:
        Exception: the member's refusal: one is of another form.
    """
    forms = forms_of(cls)
    return {name: _read(forms[name], member, term(name)) for name in BESIDE[cls]}


def taken(cls: type[Body], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same from the JSON that `stated` gives.

    Raises:
        Malformed: one is of another form.
    """
    forms = forms_of(cls)
    return {
        name: forms[name].read(found[name]) if name in found else _none(forms[name])
        for name in BESIDE[cls]
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value).decode()


def _read(form: Form, member: Member, name: str) -> Any:
    if name not in member.value:
        return _none(form)
    one = member.child(name)
    text = one.content()
    try:
        return form.read(text if isinstance(form, Text | Octets) else parse(text))
    except Malformed as exc:
        one.refuse(exc.reason)


def _none(form: Form) -> Any:
    return _NONE.get(type(form), "")
