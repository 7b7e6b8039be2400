"""Message kinds, gRPC methods and protobuf messages: one table, and the mapping between them.

Bodies are the protobuf JSON mapping with the proto's own field names; `bytes` fields hold base64
text there (protobuf.dev/programming-guides/json). Rule: nothing that a message carries is dropped:
unknown fields and unreadable bytes are refused.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, TypeVar, cast

from google.protobuf import message_factory, unknown_fields
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from connector.domain import generation as generations
from connector.domain.federation import identifier
from connector.domain.federation.frames import (
    Finish,
    Hello,
    LeadFrame,
    Round,
    RoundRefusal,
    RoundReply,
    SiteFrame,
)
from connector.errors import Malformed
from connector.peer.v1 import (
    audit_pb2,
    catalog_pb2,
    federation_pb2,
    negotiation_pb2,
    transfer_pb2,
    use_pb2,
)

PACKAGE: Final = "connector.peer.v1"
PARTICIPATE: Final = f"/{PACKAGE}.FederationService/Participate"
FETCH: Final = f"/{PACKAGE}.TransferService/Fetch"

TOKEN_KEY: Final = "preau-token"  # noqa: S105 - the name of a metadata field
PROBLEM_KEY: Final = "preau-problem-bin"
CHECKPOINT_KEY: Final = "preau-checkpoint-bin"
SEATED_KEY: Final = "preau-seated"
GENERATION_KEY: Final = "preau-generation"
CARRIES_KEY: Final = "preau-carries"  # older nodes do not look at it, and carry nothing


_DIGITS: Final = r"[0-9]{1,20}"
_CHUNK_TAG: Final = 10  # field 1, length-delimited
_HEAD_BYTES: Final = 5
M = TypeVar("M", bound=Message)
Metadata = tuple[tuple[str, str | bytes], ...]
STATED: Final[Metadata] = ((GENERATION_KEY, str(generations.GENERATION)),)
ASKING: Final[Metadata] = ((CARRIES_KEY, "1"),)


@dataclass(frozen=True, slots=True)
class Route:
    """One unary method.

    Attributes:
        service: full name of the gRPC service.
        name: method's name within it.
        request: protobuf class of the message; its name is the message's kind.
        answer: protobuf class of the answer.
    """

    service: str
    name: str
    request: type[Message]
    answer: type[Message]

    @property
    def method(self) -> str:
        """Full path, as tokens are bound to it."""
        return f"/{self.service}/{self.name}"

    @property
    def kind(self) -> str:
        """Kind of the message in `services.messages.receive.HANDLERS`."""
        return str(self.request.DESCRIPTOR.name)


def _route(service: str, name: str, request: type[Message], answer: type[Message]) -> Route:
    return Route(f"{PACKAGE}.{service}", name, request, answer)


_STATE: Final = negotiation_pb2.ContractNegotiation
_TRANSFER: Final = transfer_pb2.TransferProcess
ROUTES: Final[tuple[Route, ...]] = (
    _route("CatalogService", "RequestCatalog",
           catalog_pb2.CatalogRequestMessage, catalog_pb2.Catalog),
    _route("CatalogService", "RequestDataset",
           catalog_pb2.DatasetRequestMessage, catalog_pb2.Dataset),
    _route("NegotiationService", "Request", negotiation_pb2.ContractRequestMessage, _STATE),
    _route("NegotiationService", "Offer", negotiation_pb2.ContractOfferMessage, _STATE),
    _route("NegotiationService", "Agree", negotiation_pb2.ContractAgreementMessage, _STATE),
    _route("NegotiationService", "Verify",
           negotiation_pb2.ContractAgreementVerificationMessage, _STATE),
    _route("NegotiationService", "Event",
           negotiation_pb2.ContractNegotiationEventMessage, _STATE),
    _route("NegotiationService", "Terminate",
           negotiation_pb2.ContractNegotiationTerminationMessage, _STATE),
    _route("NegotiationService", "Get", negotiation_pb2.GetNegotiationMessage, _STATE),
    _route("NegotiationService", "Notify",
           negotiation_pb2.AgreementNotice, negotiation_pb2.AgreementNoticeReceipt),
    _route("NegotiationService", "State",
           negotiation_pb2.AgreementDeed, negotiation_pb2.AgreementDeedReceipt),
    _route("FederationService", "SubmitJob",
           federation_pb2.JobSubmission, federation_pb2.JobDecision),
    _route("FederationService", "CancelJob",
           federation_pb2.JobCancellation, federation_pb2.JobDecision),
    _route("UseService", "Ask", use_pb2.UseRequest, use_pb2.UseAnswer),
    _route("UseService", "Present", use_pb2.ReferralMessage, use_pb2.ReferralAnswer),
    _route("AuditService", "RequestConsistency",
           audit_pb2.ConsistencyRequestMessage, audit_pb2.ConsistencyProof),
    _route("AuditService", "DepositHead", audit_pb2.HeadDeposit, audit_pb2.HeadReceipt),
    _route("AuditService", "ReturnHead", audit_pb2.HeadRequestMessage, audit_pb2.HeldHead),
    _route("AuditService", "AnnounceEpoch",
           audit_pb2.EpochAnnouncement, audit_pb2.EpochReceipt),
    _route("AuditService", "CosignHead", audit_pb2.CosignRequestMessage, audit_pb2.Cosignature),
    _route("TransferService", "Request", transfer_pb2.TransferRequestMessage, _TRANSFER),
    _route("TransferService", "Start", transfer_pb2.TransferStartMessage, _TRANSFER),
    _route("TransferService", "Suspend", transfer_pb2.TransferSuspensionMessage, _TRANSFER),
    _route("TransferService", "Complete", transfer_pb2.TransferCompletionMessage, _TRANSFER),
    _route("TransferService", "Terminate", transfer_pb2.TransferTerminationMessage, _TRANSFER),
    _route("TransferService", "Access",
           transfer_pb2.TransferAccessMessage, transfer_pb2.TransferAccess),
)  # fmt: skip
BY_KIND: Final[dict[str, Route]] = {route.kind: route for route in ROUTES}


def generation_in(metadata: Iterable[tuple[str, str | bytes]]) -> int:
    """Return the generation that metadata state."""
    found = [value for key, value in metadata if key == GENERATION_KEY]
    return generations.read(str(found[0])) if len(found) == 1 else generations.UNSTATED


def raw(message: bytes) -> bytes:
    """Leave bytes as they are: gRPC's serializer where exact bytes matter."""
    return message


def read(cls: type[M], raw: bytes) -> M:
    """Parse protobuf bytes.

    Raises:
        Malformed: not a message of that class, or it has fields that this node does not know.
    """
    try:
        message = cls.FromString(raw)
    except DecodeError as exc:
        raise Malformed(f"not a `{cls.DESCRIPTOR.name}`") from exc
    _no_unknown(message)
    return message


def to_body(message: Message) -> dict[str, Any]:
    """Return the body of a message."""
    forms = _forms(cast("Any", type(message))).items()
    return {name: form.body(getattr(message, name)) for name, form in forms}


def from_body(cls: type[M], body: Mapping[str, Any]) -> M:
    """Build the message of a body.

    Raises:
        Malformed: a field is unknown or of another type.
    """
    forms = _forms(cast("Any", cls))
    try:
        return cls(**{name: forms[name].field(value) for name, value in body.items()})
    except (AttributeError, LookupError, TypeError, ValueError) as exc:
        raise Malformed(f"not the body of a `{cls.DESCRIPTOR.name}`") from exc


@dataclass(frozen=True, slots=True)
class _Form:
    """How a field goes to its body and back; protobuf's own mapping takes several times as long."""

    body: Callable[[Any], Any]
    field: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _of_kind(kind: type) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(kind.__name__)
        return value

    return checked


def _whole(value: Any) -> int:
    if type(value) is not int and not (type(value) is str and re.fullmatch(_DIGITS, value)):
        raise TypeError("int")
    return int(value)


_FORMS: Final[dict[int, _Form]] = {
    FieldDescriptor.TYPE_STRING: _Form(_same, _of_kind(str)),
    FieldDescriptor.TYPE_BOOL: _Form(_same, _of_kind(bool)),
    FieldDescriptor.TYPE_UINT64: _Form(str, _whole),
    FieldDescriptor.TYPE_BYTES: _Form(
        lambda value: base64.b64encode(value).decode("ascii"),
        lambda text: base64.b64decode(text, validate=True),
    ),
}


@cache
def _forms(cls: Any) -> dict[str, _Form]:
    """Return the form of each field of a message, in order."""
    return {field.name: _form(field) for field in cls.DESCRIPTOR.fields}


def _form(field: Any) -> _Form:
    if field.message_type is None:
        one = _FORMS[field.type]
    else:
        one = _Form(
            to_body, partial(from_body, message_factory.GetMessageClass(field.message_type))
        )
    if not field.is_repeated:
        return one
    return _Form(
        lambda values: [one.body(each) for each in values],
        lambda values: [one.field(each) for each in _of_kind(list)(values)],
    )


def read_fetch(raw: bytes) -> tuple[str, int]:
    """Return the provider's pid and the offset, in bytes, that a fetch asks for.

    Raises:
        Malformed: not a `FetchRequest`, or without a pid.
    """
    asked = read(transfer_pb2.FetchRequest, raw)
    if not asked.provider_pid:
        raise Malformed("field `provider_pid` is empty")
    return asked.provider_pid, asked.offset


def write_fetch(provider_pid: str, offset: int) -> bytes:
    """Return the bytes of a fetch; the call's token is bound to them."""
    asked = transfer_pb2.FetchRequest(provider_pid=provider_pid, offset=offset)
    return asked.SerializeToString(deterministic=True)


def read_chunk(raw: bytes) -> bytes:
    """Return the bytes of a chunk.

    Raises:
        Malformed: not a `Chunk`.
    """
    size = len(raw) - _HEAD_BYTES
    if size >= 0 and raw.startswith(
        _chunk_head(size)
    ):  # as `write_chunk` makes the long ones: one copy, of what is wanted
        return raw[_HEAD_BYTES:]
    return read(transfer_pb2.Chunk, raw).data


def write_chunk(data: bytes | memoryview) -> bytes:
    """Return a chunk of a file as it travels, with one copy of its bytes."""
    return b"".join((_chunk_head(len(data)), data))


def _chunk_head(size: int) -> bytes:
    """Return what stands before the bytes of a `Chunk`: its tag, and a length of four bytes.

    A varint may be longer than it needs (protobuf.dev/programming-guides/encoding), so that the
    head has one length whatever follows.
    """
    low, mid, high, top = size & 127, size >> 7 & 127, size >> 14 & 127, size >> 21
    return bytes((_CHUNK_TAG, low | 128, mid | 128, high | 128, top))


def read_hello(raw: bytes) -> Hello:
    """Read the first frame of a stream.

    Raises:
        Malformed: not a site's frame, not the hello, or its job's id is none.
    """
    frame = read(federation_pb2.SiteFrame, raw)
    if frame.WhichOneof("frame") != "hello":
        raise Malformed("the first frame of a stream must be `hello`")
    if identifier.uuid_in(frame.hello.job_id) is None:
        raise Malformed(f"the job's id is not of the form `{identifier.FORM}`")
    return Hello(frame.hello.job_id, frame.hello.manifest_digest)


def write_hello(hello: Hello) -> bytes:
    """Return the bytes of the first frame; the call's token is bound to them."""
    value = federation_pb2.Hello(job_id=hello.job_id, manifest_digest=hello.manifest_digest)
    return federation_pb2.SiteFrame(hello=value).SerializeToString(deterministic=True)


def read_site_frame(raw: bytes) -> SiteFrame:
    """Read a later frame of a site.

    Raises:
        Malformed: not a site's frame, or a second hello.
    """
    frame = read(federation_pb2.SiteFrame, raw)
    kind = frame.WhichOneof("frame")
    if kind == "reply":
        reply = frame.reply
        return RoundReply(reply.round, reply.message, reply.receipt)
    if kind == "refusal":
        refusal = frame.refusal
        return RoundRefusal(refusal.round, refusal.code, refusal.reason)
    raise Malformed("a frame must be `reply` or `refusal`")


def write_site_frame(frame: SiteFrame) -> bytes:
    """Return the bytes of a site's frame."""
    if isinstance(frame, RoundReply):
        reply = federation_pb2.RoundReply(
            round=frame.number, message=frame.message, receipt=frame.receipt
        )
        return federation_pb2.SiteFrame(reply=reply).SerializeToString()
    refusal = federation_pb2.Refusal(round=frame.number, code=frame.code, reason=frame.reason)
    return federation_pb2.SiteFrame(refusal=refusal).SerializeToString()


def read_lead_frame(raw: bytes) -> LeadFrame:
    """Read a frame of the lead.

    Raises:
        Malformed: not a lead's frame.
    """
    frame = read(federation_pb2.LeadFrame, raw)
    kind = frame.WhichOneof("frame")
    if kind == "round":
        asked = frame.round
        return Round(asked.round, tuple(asked.answered), asked.message, tuple(asked.receipts))
    if kind == "finish":
        finish = frame.finish
        return Finish(finish.outcome, finish.code, finish.reason, tuple(finish.receipts))
    raise Malformed("a frame must be `round` or `finish`")


def write_lead_frame(frame: LeadFrame) -> bytes:
    """Return the bytes of a lead's frame."""
    if isinstance(frame, Round):
        value = federation_pb2.Round(
            round=frame.number,
            answered=frame.answered,
            message=frame.message,
            receipts=frame.receipts,
        )
        return federation_pb2.LeadFrame(round=value).SerializeToString()
    finish = federation_pb2.Finish(
        outcome=frame.outcome, code=frame.code, reason=frame.reason, receipts=frame.receipts
    )
    return federation_pb2.LeadFrame(finish=finish).SerializeToString()


def _no_unknown(message: Message) -> None:
    if len(unknown_fields.UnknownFieldSet(message)):
        raise Malformed(f"`{message.DESCRIPTOR.name}` has fields that this node does not know")
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in [value] if isinstance(value, Message) else value:
            _no_unknown(each)
