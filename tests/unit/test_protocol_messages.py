"""Messages are read strictly: each good body has bad neighbours."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import pytest
from google.protobuf import json_format

from connector.errors import Malformed
from connector.peer import routes
from connector.peer.v1 import (
    audit_pb2,
    catalog_pb2,
    federation_pb2,
    negotiation_pb2,
    transfer_pb2,
    use_pb2,
)
from connector.protocol import messages as m
from connector.protocol import transfer_messages as t
from connector.protocol import use_messages as u
from connector.protocol.codec import Body
from connector.protocol.negotiation import Act
from tests.support.each import over

LINE = m.CoverageLine("/permission/0/constraint/0", "purpose isA x", "checked", "facts")
OFFER = m.CatalogOffer("urn:o", b"{}", (LINE,))
JOB = "urn:uuid:00000000-0000-4000-8000-00000000000a"
GOOD: list[Body] = [
    m.CatalogRequestMessage(""),
    m.CatalogRequestMessage("abc"),
    m.DatasetRequestMessage("urn:d"),
    m.Catalog("did:web:a", "a.b.c", (m.Dataset("urn:d", "a.b.c", (OFFER,)),), "next"),
    m.Catalog("did:web:a", "", (), ""),
    m.Dataset("urn:d", "a.b.c", (OFFER,)),
    m.ContractRequestMessage("urn:1", "urn:c", "", "urn:o", "urn:d"),
    m.ContractRequestMessage("urn:1", "urn:c", "urn:p", "urn:o", "urn:d", b'{"a":1}'),
    m.ContractOfferMessage("urn:1", "urn:p", "", "urn:o", "urn:d", b"{}"),
    m.ContractOfferMessage("urn:1", "urn:p", "urn:c", "urn:o", "urn:d", b"{}", ("trop\u00a0: ε",)),
    m.ContractAgreementMessage("urn:1", "urn:p", "urn:c", b"{}", "h..s"),
    m.ContractAgreementVerificationMessage("urn:1", "urn:p", "urn:c", "h..s"),
    m.ContractNegotiationEventMessage("urn:1", "urn:p", "urn:c", "ACCEPTED"),
    m.ContractNegotiationEventMessage("urn:1", "urn:p", "urn:c", "FINALIZED", "h.p.s"),
    m.ContractNegotiationTerminationMessage("urn:1", "urn:p", "urn:c", "", ()),
    m.ContractNegotiationTerminationMessage("urn:1", "urn:p", "urn:c", "CAP_EXCEEDED", ("why",)),
    m.GetNegotiationMessage("urn:p"),
    m.ContractNegotiation("urn:p", "urn:c", "REQUESTED"),
    m.JobSubmission(JOB, b"{}", "h..s"),
    m.JobDecision(JOB, True, "", ()),  # noqa: FBT003
    m.JobDecision(JOB, False, "JOB_REFUSED", ("why",)),  # noqa: FBT003
    m.JobCancellation(JOB, "no longer needed"),
    m.ConsistencyRequestMessage(0, 2**40),
    m.ConsistencyProof((b"\x00" * 32, b"\x01" * 32)),
    m.JobCancellation(JOB, "completed", ("h.p.s", "h.q.s")),
    m.CosignRequestMessage("did:web:a\n", 3, (b"x" * 32,)),
    m.Cosignature("\N{EM DASH} did:web:a x\n", 7),
    m.Cosignature("", 7),
    t.TransferRequestMessage("urn:1", "urn:c", "urn:a", "urn:x"),
    t.TransferStartMessage("urn:1", "urn:p", "urn:c", "h.p.s"),
    t.TransferStartMessage("urn:1", "urn:p", "urn:c"),
    t.TransferSuspensionMessage("urn:1", "urn:p", "urn:c", "", ("a pause",)),
    t.TransferCompletionMessage("urn:1", "urn:p", "urn:c", "h.p.s"),
    t.TransferTerminationMessage("urn:1", "", "urn:c", "", ()),
    t.TransferProcess("urn:p", "urn:c", "SUSPENDED"),
    t.TransferAccessMessage("urn:p"),
    t.TransferAccessMessage("urn:p", True),  # noqa: FBT003
    t.TransferAccess("https://a.example/data/x", "h.p.s", 600),
    t.TransferAccess("https://a.example/data/x", "h.p.s", 600, "a.example:8444"),
    u.UseRequest("urn:1", "urn:a", b"{}", "h..s"),
    u.UseAnswer("urn:1", "refused", "USE_REFUSED", ("why",)),
    u.UseAnswer("urn:1", "preparing", extract_id="urn:x"),
    u.UseAnswer("urn:1", "ready", extract_id="urn:x", statement="h.p.s", content=b"{}"),
    u.UseAnswer("urn:1", "failed", "WORKER_FAILED", (), "urn:x"),
    m.ContractNegotiation("urn:p", "urn:c", "AGREED", "ContractAgreementMessage", b"{}"),
]
READY = u.UseAnswer("urn:1", "ready", extract_id="urn:x", statement="h.p.s")
BY_PROTO = {
    name: getattr(module, name)
    for module in (audit_pb2, catalog_pb2, federation_pb2, negotiation_pb2, transfer_pb2, use_pb2)
    for name in module.DESCRIPTOR.message_types_by_name
}
REQUEST = m.ContractRequestMessage("urn:1", "urn:c", "", "urn:o", "urn:d", b"{}").to_body()


@over("message", GOOD)
def test_round_trip(message: Body) -> None:
    assert type(message).from_body(message.to_body()) == message


@over("message", GOOD)
def test_a_body_is_protobufs_json(message: Body) -> None:
    wire = BY_PROTO[type(message).__name__]()
    json_format.ParseDict(message.to_body(), wire)
    back = json_format.MessageToDict(
        wire, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    assert back == message.to_body()
    assert type(message).from_body(back) == message


@over("message", GOOD)
def test_the_wire_maps_a_body_as_protobuf_does(message: Body) -> None:
    cls, body = BY_PROTO[type(message).__name__], message.to_body()
    wire = json_format.ParseDict(body, cls())
    assert routes.from_body(cls, body) == wire
    assert routes.to_body(wire) == body


@over("message", GOOD)
@over(
    "wrong",
    [None, 1.5, {"a": 1}, b"x", [1], [None], [[]], "\ud800", -1],
    ["null", "1.5", "{}", "bytes", "[1]", "[null]", "[[]]", "surrogate", "-1"],
)
def test_the_wire_carries_no_other_body(message: Body, wrong: Any) -> None:
    cls, body = BY_PROTO[type(message).__name__], message.to_body()
    for name in (*body, "extra"):
        with pytest.raises(Malformed, match="not the body of"):
            routes.from_body(cls, {**body, name: wrong})


@over("size", [True, 1.0, 2**64, -1, "-1", "", " 1", "\u0663", "1" * 5000])
def test_the_wire_carries_whole_numbers_of_64_bits_only(size: Any) -> None:
    cls = audit_pb2.ConsistencyRequestMessage
    body = {"from_size": "1", "to_size": str(2**64 - 1)}
    assert routes.to_body(routes.from_body(cls, body)) == body
    with pytest.raises(Malformed):
        routes.from_body(cls, {**body, "from_size": size})


@pytest.mark.parametrize("policy", ["e3", "é", "e30=\n"], ids=repr)
def test_the_wire_carries_whole_base64_only(policy: str) -> None:
    wire = routes.from_body(negotiation_pb2.ContractRequestMessage, REQUEST)
    assert wire.policy == b"{}"
    with pytest.raises(Malformed):
        routes.from_body(negotiation_pb2.ContractRequestMessage, {**REQUEST, "policy": policy})


@over("message", GOOD)
def test_every_field_is_needed_and_no_other_is_known(message: Body) -> None:
    body = message.to_body()
    for name in body:
        with pytest.raises(Malformed, match=f"lacks the field `{name}`"):
            type(message).from_body({k: v for k, v in body.items() if k != name})
    with pytest.raises(Malformed, match="has no field `extra`"):
        type(message).from_body({**body, "extra": ""})


@over("message", GOOD)
@over("wrong", [None, 1.5, {"a": 1}, object()], ["null", "1.5", "{}", "obj"])
def test_no_field_takes_another_type(message: Body, wrong: Any) -> None:
    for name in message.to_body():
        with pytest.raises(Malformed, match=name):
            type(message).from_body({**message.to_body(), name: wrong})


@pytest.mark.parametrize("body", [None, [], "x", 3], ids=str)
def test_a_body_is_an_object(body: Any) -> None:
    with pytest.raises(Malformed, match="not an object"):
        m.DatasetRequestMessage.from_body(body)


@over(
    ("field", "value", "says"),
    [
        ("message_id", "", "is empty"),
        ("consumer_pid", "", "is empty"),
        ("offer_id", "x" * 513, "longer than 512"),
        ("dataset", "a b", "is not allowed"),
        ("dataset", "a\u00a0b", "is not allowed"),
        ("dataset", "a\x00", "is not allowed"),
        ("dataset", "a\ud800", "is not allowed"),
        ("policy", "e3", "not base64"),
        ("policy", "e30", "not base64"),
        ("policy", "e3 0=", "not base64"),
        ("policy", "-_-_", "not base64"),
        ("policy", "é===", "not base64"),
        ("policy", "e31=", "not canonical"),
        ("policy", base64.b64encode(b"x" * 262_145).decode(), "longer than 262144"),
        ("policy", "A" * 1_000_000, "longer than 262144"),
    ],
)
def test_bad_fields_of_a_request(field: str, value: str, says: str) -> None:
    with pytest.raises(Malformed, match=says) as refusal:
        m.ContractRequestMessage.from_body({**REQUEST, field: value})
    assert f"`{field}`" in refusal.value.reason


@over(
    "job_id",
    [
        JOB.upper(),
        JOB.replace("urn:uuid:", ""),
        JOB + "/..",
        "urn:uuid:../../etc",
        "urn:job:1",
        "",
        JOB + "\n",
        JOB.replace("0000a", "0000\N{FULLWIDTH LATIN SMALL LETTER A}"),
    ],
)
@over("kind", [m.JobSubmission, m.JobCancellation, m.JobDecision])
def test_an_id_of_a_job_has_one_spelling(kind: type[Body], job_id: str) -> None:
    good = next(each for each in GOOD if isinstance(each, kind))
    with pytest.raises(Malformed, match="`job_id`"):
        kind.from_body({**good.to_body(), "job_id": job_id})


def test_longest_allowed_fields() -> None:
    policy = base64.b64encode(b"x" * 262_144).decode()
    message = m.ContractRequestMessage.from_body(
        {**REQUEST, "dataset": "x" * 512, "policy": policy}
    )
    assert len(message.policy) == 262_144


@over(
    ("message", "changes", "says"),
    [
        (GOOD[9], {"policy": ""}, "is empty"),
        (GOOD[9], {"reasons": ["x"] * 65}, "more than 64"),
        (GOOD[9], {"reasons": ["x" * 1001]}, "longer than 1000"),
        (GOOD[9], {"reasons": [""]}, "is empty"),
        (GOOD[9], {"reasons": ["two\nlines"]}, "is not allowed"),
        (GOOD[9], {"reasons": "x"}, "not a list"),
        (GOOD[12], {"event_type": "VERIFIED"}, "not one of ACCEPTED, FINALIZED"),
        (GOOD[12], {"receipt": "h.p.s"}, "is not allowed with"),
        (GOOD[17], {"state": "OPEN"}, "is not one of"),
        (GOOD[17], {"next": "e30="}, "must be stated together"),
        (GOOD[-1], {"next": ""}, "must be stated together"),
        (GOOD[-1], {"next_kind": ""}, "must be stated together"),
        (GOOD[-1], {"next_kind": "ContractRequestMessage"}, "is not one of"),
        (GOOD[-1], {"next": "A" * (2 * m.MOST_CARRIED)}, "longer than 131072"),
        (GOOD[19], {"accepted": "true"}, "neither true nor false"),
        (GOOD[22], {"from_size": "01"}, "whole number"),
        (GOOD[22], {"from_size": -1}, "whole number"),
        (GOOD[22], {"from_size": True}, "whole number"),
        (GOOD[22], {"to_size": "1e3"}, "whole number"),
        (GOOD[22], {"from_size": "9", "to_size": "8"}, "above"),
        (GOOD[23], {"hashes": [base64.b64encode(b"x" * 33).decode()]}, "longer than 32"),
        (GOOD[3], {"datasets": [{"id": "urn:d"}]}, "lacks the field `description`"),
        (GOOD[3], {"datasets": ["urn:d"]}, "`Dataset` is not an object"),
        (READY, {"state": "done"}, "is not one of"),
        (READY, {"code": "USE_REFUSED"}, "contradicts"),
        (READY, {"statement": ""}, "contradicts"),
        (READY, {"state": "refused"}, "contradicts"),
        (READY, {"state": "gone"}, "contradicts"),
    ],
)
def test_bad_fields_of_others(message: Body, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        type(message).from_body({**message.to_body(), **changes})


def test_a_bad_label_of_coverage_is_named() -> None:
    with pytest.raises(Malformed, match="field `label` of `CoverageLine` is not one of"):
        m.CoverageLine.from_body({**LINE.to_body(), "label": "ignored"})


def test_numbers_may_come_as_numbers() -> None:
    assert m.ConsistencyRequestMessage.from_body({"from_size": 1, "to_size": "2"}).to_size == 2


def test_each_kind_is_a_message_of_that_name() -> None:
    for kind, (request, answer) in m.KINDS.items():
        assert request.__name__ == kind
        assert answer.__name__ in BY_PROTO


def test_fields_are_the_protocol_buffers() -> None:
    for message in {type(x) for x in GOOD}:
        fields = [f.name for f in dataclasses.fields(message)]
        assert fields == [f.name for f in BY_PROTO[message.__name__].DESCRIPTOR.fields]


@over(
    ("message", "act"),
    [
        (GOOD[6], Act.REQUEST),
        (GOOD[8], Act.OFFER),
        (GOOD[10], Act.AGREEMENT),
        (GOOD[11], Act.VERIFICATION),
        (GOOD[12], Act.ACCEPTED),
        (GOOD[13], Act.FINALIZED),
        (GOOD[14], Act.TERMINATION),
    ],
)
def test_acts(message: m.Negotiating, act: Act) -> None:
    assert m.act_of(message) is act
