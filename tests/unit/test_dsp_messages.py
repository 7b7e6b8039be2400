"""Messages of the Dataspace Protocol: there and back, of others, and hostile."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import (
    AddressForbidden,
    AgreementTampered,
    CapExceeded,
    FilterUnsupported,
    Malformed,
    MessageTooLarge,
    PeerFault,
    UpgradeRequired,
    status,
)
from connector.jsonld.canonical import canonical
from connector.protocol import messages as m
from connector.protocol import transfer_messages as t
from connector.protocol.codec import MAX_LINE, MAX_LINES
from connector.protocol.dsp import (
    catalog,
    catalog_request,
    data_address,
    faults,
    links,
    members,
    negotiation,
    transfer,
    versions,
)
from connector.protocol.dsp.extensions import TERMS
from connector.protocol.dsp.negotiation import Negotiated
from connector.protocol.dsp.transfer import Transferred
from federated.reading import MAX_BYTES
from tests.support.dsp import (
    AGREED,
    AS_THEY_STAND,
    CALLBACK,
    DATASET,
    DOCUMENT,
    OFFER,
    ONE,
    PAGE,
    SAMPLES,
    SERVICE,
    WAYS,
    C,
    P,
    Sample,
    octets,
)
from tests.support.dsp import TERMS as OFFERED
from tests.support.each import over

REQUEST, OFFERING, AGREEMENT, START = (
    next(each for each in SAMPLES if each.schema == name)
    for name in (
        "contract-request-message",
        "contract-offer-message",
        "contract-agreement-message",
        "transfer-start-message",
    )
)
CATALOG = next(each for each in SAMPLES if each.schema == "catalog")
OVER = next(each for each in SAMPLES if each.schema.startswith("contract-negotiation-term"))


def changed(sample: Sample, **said: Any) -> dict[str, Any]:
    """Return a body with other members; those that are None are left out."""
    body = {**deepcopy(sample.body), **said}
    return {name: value for name, value in body.items() if value is not None}


def foreign(body: Any) -> Any:
    """Return a body as a connector sends it that is no Préau node."""
    if isinstance(body, list):
        return [foreign(each) for each in body]
    if not isinstance(body, dict):
        return body
    return {name: foreign(each) for name, each in body.items() if not name.startswith(TERMS)}


@over("sample", SAMPLES)
def test_there_and_back(sample: Sample) -> None:
    assert sample.read(octets(sample.body)) == sample.value


@over("sample", SAMPLES)
def test_unknown_members_and_empty_lists_are_passed_over(sample: Sample) -> None:
    body = {**sample.body, "later": {"@type": "x"}, "reason": sample.body.get("reason", [])}
    if sample.schema in ("dataset", "catalog"):
        body |= {"catalog": body.get("catalog", []), "dataset": body.get("dataset", [])}
    found = sample.read(octets(body))
    if sample.schema == "dataset":
        assert set(found.further) == {"later", "reason", "catalog", "dataset"}
        found = replace(found, further={})
    assert found == sample.value


words = st.text(st.characters(min_codepoint=33, exclude_categories=("C", "Z")), min_size=1)
lines = st.lists(st.text(st.sampled_from("aé –ε"), min_size=1).map(members.line_of), max_size=3)


@settings(max_examples=25)
@given(pids=st.tuples(words, words), code=words, said=lines, first=st.booleans())
def test_any_words_come_back(
    pids: tuple[str, str], code: str, said: list[str], *, first: bool
) -> None:
    provider, consumer = pids
    reasons = tuple(each for each in said if each)
    over = (ONE, provider, consumer, code[:64], reasons)
    request = m.ContractRequestMessage(
        ONE, consumer, "" if first else provider, OFFER, code[:64], OFFERED
    )
    for value in (
        Negotiated(m.ContractNegotiationTerminationMessage(*over)),
        Negotiated(request, CALLBACK if first else ""),
    ):
        body = negotiation.write(value, AS_THEY_STAND)
        assert negotiation.read(octets(body), AS_THEY_STAND) == value
    for message in (t.TransferSuspensionMessage(*over), t.TransferTerminationMessage(*over)):
        assert transfer.read(octets(transfer.write(Transferred(message)))).message == message


def test_of_another_connector_what_only_our_nodes_say_is_empty() -> None:
    said = negotiation.read(octets(foreign(AGREEMENT.body)), AS_THEY_STAND)
    assert isinstance(said.message, m.ContractAgreementMessage)
    assert (said.message.agreement, said.message.provider_signature) == (b"", "")
    assert (said.policy, said.plan_digest) == (canonical(AGREED), "")
    shown = catalog.read(octets(foreign(CATALOG.body)), AS_THEY_STAND)
    assert [offer.coverage for offer in shown.datasets[0].dataset.offers] == [(), ()]
    assert shown.participant_description == shown.datasets[0].dataset.description == ""
    started = transfer.read(octets(foreign(START.body)))
    assert isinstance(started.message, t.TransferStartMessage)
    assert started.message.statement == ""
    assert started.address == START.value.address


def within(*names: str, **members: Any) -> dict[str, Any]:
    """Return catalogs, each within the one before; the last one has the given members."""
    body = members
    for name in reversed(names):
        body = {"@id": name, "@type": "Catalog", **body}
        body = {"catalog": [body]} if name != names[0] else body
    return {**CATALOG.body, **body}


def read_within(body: dict[str, Any]) -> catalog.Catalog:
    return catalog.read(octets(body), AS_THEY_STAND)


def test_datasets_within_catalogs_within_are_the_peers_own() -> None:
    (dataset,) = CATALOG.body["dataset"]
    further = {**dataset, "@id": "urn:dataset:further"}
    for own in ({}, {"participantId": CATALOG.body["participantId"]}):
        deep = within(*map(str, range(catalog.MOST_WITHIN)), dataset=[dataset, further], **own)
        names = [each.id for each in catalog.page_of(read_within(deep)).datasets]
        assert names == [dataset["@id"], "urn:dataset:further"]  # each once
    others = within("urn:a", "urn:b", dataset=[further], participantId="did:web:other.example")
    assert read_within(others).catalogs[0].datasets[0].dataset.id == "urn:dataset:further"
    assert [each.id for each in catalog.page_of(read_within(others)).datasets] == [dataset["@id"]]


HOSTILE_WITHIN: Final = {
    "within itself": within("urn:a", "urn:b", "urn:a"),
    "within more than 7 others": within(*map(str, range(catalog.MOST_WITHIN + 1))),
    "nested deeper": within(*map(str, range(60))),
    "0 to 10000 elements": within("urn:a", catalog=[{"@id": "urn:b", "@type": "Catalog"}] * 10_001),
    "must be a list": within("urn:a", catalog={"@id": "urn:b", "@type": "Catalog"}),
    "`Catalog`": within("urn:a", catalog=[{"@id": "urn:b", "@type": "Dataset"}]),
}


@over("fault", HOSTILE_WITHIN)
def test_catalogs_within_are_bounded(fault: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_within(HOSTILE_WITHIN[fault])
    assert fault in caught.value.reason


def test_a_page_of_ours_is_a_catalog_and_back() -> None:
    shown = catalog.of_page(PAGE, "urn:catalog:1", SERVICE, WAYS)
    assert [each.format for each in shown.datasets[0].distributions] == list(WAYS)
    assert catalog.page_of(shown, "next") == replace(PAGE, next_page_token="next")


def test_an_offer_that_cannot_be_read_hides_no_other() -> None:
    body = deepcopy(CATALOG.body)
    body["dataset"][0]["hasPolicy"][0]["unknown"] = True
    (dataset,) = catalog.read(octets(body), AS_THEY_STAND).datasets
    assert [each.id for each in dataset.dataset.offers] == ["urn:offer:2"]
    (unread,) = dataset.unreadable
    assert (unread.id, unread.code) == (OFFER, "POLICY_INVALID")


def _addressed(value: str) -> dict[str, Any]:
    one = {"@type": "EndpointProperty", "name": "authorization", "value": value}
    return {"@type": "DataAddress", "endpointType": "urn:x", "endpointProperties": [one]}


def _beside(text: str) -> dict[str, Any]:
    return {"dataset": [{**CATALOG.body["dataset"][0], TERMS + "offers": text}]}


TOO_DEEP: Final = json.loads("[" * 70 + "]" * 70)
# Sample, what is said instead, and what the refusal names.
HOSTILE: Final = (
    (REQUEST, {"@context": members.CONTEXT}, "/@context: must be a list"),
    (REQUEST, {"@context": [{"permission": "urn:x"}, members.CONTEXT]}, "/@context/0: must be"),
    (REQUEST, {"@context": ["https://evil.example/context"]}, "/@context: must name"),
    (REQUEST, {"@context": [members.CONTEXT] * 9}, "/@context: must have 1 to 8"),
    (REQUEST, {"@context": None}, "/@context: is missing"),
    (REQUEST, {"@type": "dspace:ContractRequestMessage"}, "/@type: must be `ContractRequest"),
    (REQUEST, {"@type": "TransferStartMessage"}, "/@type: must be"),
    (REQUEST, {"providerPid": P}, "/: must have either `callbackAddress` or `providerPid`"),
    (REQUEST, {"callbackAddress": None}, "must have either"),
    (REQUEST, {"consumerPid": "a b"}, "/consumerPid: does not have the required form"),
    (REQUEST, {"consumerPid": "x" * 513}, "/consumerPid: must have 1 to 512"),
    (REQUEST, {"consumerPid": "a\u202eb"}, "/consumerPid: has characters that cannot be shown"),
    (REQUEST, {"offer": "urn:offer:1"}, "/offer/@id: is missing|/offer: must be an object"),
    (REQUEST, {"offer": {"@id": OFFER, "@type": "Offer", "target": "urn:d"}}, "/offer: must have"),
    (REQUEST, {"later": TOO_DEEP}, "nested deeper"),
    (REQUEST, {"@context": 7}, "/@context: must be a list"),
    (AGREEMENT, {"agreement": {**AGREED, "@type": "Offer"}}, "/agreement/@type: must be"),
    (AGREEMENT, {"agreement": {**AGREED, "@context": {}}}, "/agreement/@context: is accepted at"),
    (AGREEMENT, {TERMS + "planDigest": "abc"}, "planDigest: must be a SHA-256"),
    (AGREEMENT, {TERMS + "agreement": "e3"}, "agreement: is not base64"),
    (AGREEMENT, {TERMS + "providerSignature": 1}, "providerSignature: must be a text"),
    (OVER, {"reason": "because"}, "/reason: must be a list"),
    (OVER, {"code": 400}, "/code: must be a text"),
    (START, {"dataAddress": {"@type": "DataAddress"}}, "/dataAddress/endpointType: is missing"),
    (START, {"dataAddress": _addressed("x" * 70_000)}, "Properties/0/value: must have 0 to 65536"),
    (CATALOG, _beside("[]"), "/dataset/0/.*offers: a JSON object was expected"),
    (CATALOG, _beside('{"urn:offer:1": []}'), "offers: must hold an object for each offer"),
    (CATALOG, _beside('{"urn:offer:1": {"report": 1}}'), "hasPolicy/0: what stands beside it"),
    (CATALOG, {"participantId": None}, "/participantId: is missing"),
    (CATALOG, {"hasPolicy": [{}]}, "/hasPolicy: belongs to a dataset"),
    (CATALOG, {"dataset": [{"@id": "urn:d"}]}, "/dataset/0: must have at least one `hasPolicy`"),
    (CATALOG, {"dataset": ["urn:d"]}, "/dataset/0: must be an object"),
)


@over("sample, said, named", HOSTILE)
def test_a_refusal_names_type_and_member(sample: Sample, said: dict[str, Any], named: str) -> None:
    with pytest.raises(Malformed, match=named) as refused:
        sample.read(octets(changed(sample, **said)))
    assert status(refused.value.code)[1] == 400


@over("address", ["ftp://a.example", "https://u:p@a.example", "https://a.example/#x", "//a", "a b"])
def test_answers_go_to_web_addresses_only(address: str) -> None:
    with pytest.raises(Malformed, match="/callbackAddress: does not have the required form"):
        REQUEST.read(octets(changed(REQUEST, callbackAddress=address)))
    assert REQUEST.read(octets(changed(REQUEST, callbackAddress="http://127.0.0.1:8080/x?y=1")))


def test_what_is_no_message_at_all() -> None:
    twice = octets(REQUEST.body).replace(b'"consumerPid"', b'"consumerPid": "urn:x", "consumerPid"')
    for data in (b"", b"[]", b"nul", b'"x"', twice, b"\xff", b"{" * 100_000):
        with pytest.raises(Malformed):
            REQUEST.read(data)
    with pytest.raises(MessageTooLarge):
        REQUEST.read(b" " * (MAX_BYTES + 1))
    with pytest.raises(MessageTooLarge):
        versions.read(b" " * (versions.MAX_BYTES + 1))


@over(
    "context, version",
    [
        ("https://w3id.org/dspace/2024/1/context.json", "2024/1"),
        (["https://w3id.org/dspace/2026/2/context.jsonld"], "2026/2"),
        ({"dspace": "https://w3id.org/dspace/v0.8/"}, "v0.8"),
        ([{"dspace": "https://w3id.org/dspace/v0.8/"}], "v0.8"),
    ],
)
def test_another_version_is_refused_by_name(context: Any, version: str) -> None:
    with pytest.raises(UpgradeRequired, match=f"version `{version}`.* speaks 2025-1"):
        REQUEST.read(octets({**REQUEST.body, "@context": context}))


def test_reasons_are_trimmed_and_end_a_process_whatever_they_say() -> None:
    said = ["a\nb\tc", "x" * 5000, {"@value": "là", "@language": "fr"}, 7, "", "\u202e"]
    body = changed(OVER, code="no deal", reason=said + ["more"] * 100)
    found = negotiation.read(octets(body), AS_THEY_STAND).message
    assert isinstance(found, m.ContractNegotiationTerminationMessage)
    assert found.code == ""
    assert found.reasons[:5] == ("no deal", "a b c", "x" * MAX_LINE, "là", "7")
    assert len(found.reasons) <= MAX_LINES
    assert m.ContractNegotiationTerminationMessage.from_body(found.to_body()) == found


WITH_OFFERS: Final = catalog.Distribution("x", SERVICE, PAGE.datasets[0].offers)
WRITERS: Final = {type(each.value): each.write for each in SAMPLES}


@over(
    "value",
    [
        Negotiated(m.ContractRequestMessage(ONE, C, "", OFFER, DATASET, OFFERED)),
        Negotiated(m.ContractRequestMessage(ONE, C, P, OFFER, DATASET, OFFERED), CALLBACK),
        Negotiated(m.ContractRequestMessage(ONE, C, P, OFFER, DATASET)),
        Negotiated(m.ContractOfferMessage(ONE, "", C, OFFER, DATASET, OFFERED)),
        Negotiated(m.ContractAgreementMessage(ONE, P, C, DOCUMENT, "h..s")),
        Negotiated(m.ContractAgreementVerificationMessage(ONE, P, "", "h..s")),
        Negotiated(m.ContractAgreementVerificationMessage(ONE, P, C, "h..s"), CALLBACK),
        Transferred(t.TransferTerminationMessage(ONE, "", C, "", ())),
        Transferred(t.TransferRequestMessage(ONE, C, "urn:a", ""), CALLBACK),
        Transferred(t.TransferRequestMessage(ONE, C, "urn:a", ""), "", data_address.PULL),
        Transferred(t.TransferStartMessage(ONE, P, C), CALLBACK),
        Transferred(t.TransferCompletionMessage(ONE, P, C, "s"), "", "", START.value.address),
        m.ContractNegotiation(P, "", "REQUESTED"),
        m.ContractNegotiation(P, C, "OFFERED", "ContractOfferMessage", b"{}"),
        t.TransferProcess("", C, "REQUESTED"),
        catalog.Catalog("urn:catalog:1"),
        catalog.Catalog("urn:catalog:1", "did:web:a", distributions=(WITH_OFFERS,)),
        catalog.Dataset(m.Dataset(DATASET, "", ()), (catalog.Distribution("x", SERVICE),)),
        catalog.Dataset(PAGE.datasets[0], ()),
        (),
    ],
)
def test_what_the_protocol_cannot_say_is_not_written(value: Any) -> None:
    with pytest.raises(Malformed):
        WRITERS[type(value)](value)


def test_an_agreement_is_the_one_that_is_signed() -> None:
    other = {**AGREED, "assignee": "did:web:evil.example"}
    with pytest.raises(AgreementTampered, match="stated and the one signed"):
        AGREEMENT.read(octets(changed(AGREEMENT, agreement=other)))
    with pytest.raises(AgreementTampered, match="plan of the signed agreement"):
        AGREEMENT.read(octets(changed(AGREEMENT, **{TERMS + "planDigest": "0" * 64})))


def test_a_message_without_an_id_is_named_by_its_content_and_its_turn() -> None:
    body = changed(START, **{TERMS + "messageId": None})
    first = transfer.read(octets(body)).message.message_id
    again = dict(reversed(body.items()))
    assert transfer.read(octets(again)).message.message_id == first
    assert transfer.read(octets({**body, "@id": "urn:uuid:1"})).message.message_id != first
    assert transfer.read(octets(body), after=first).message.message_id != first
    assert transfer.read(octets({**body, "providerPid": C})).message.message_id != first
    message = transfer.read(octets(body)).message
    assert type(message).from_body(message.to_body()) == message


def test_what_may_leave_out_its_type() -> None:
    sample = next(each for each in SAMPLES if each.schema == "dataset")
    body = changed(sample, **{"@type": None})
    del body["hasPolicy"][0]["@type"], body["distribution"][0]["@type"]
    (offer,) = sample.read(octets(body)).dataset.offers
    assert json.loads(offer.policy) == body["hasPolicy"][0]


def test_a_member_of_the_wrong_endpoint_is_refused() -> None:
    with pytest.raises(Malformed, match="must be `ContractOfferMessage`"):
        negotiation.read(octets(REQUEST.body), AS_THEY_STAND, ["ContractOfferMessage"])
    with pytest.raises(Malformed, match="must be `TransferRequestMessage`"):
        transfer.read(octets(START.body), ["TransferRequestMessage"])


# --- what a catalog is asked for ------------------------------------------------------------------


def _asked(*conditions: Any, query: str = "") -> catalog_request.CatalogRequest:
    body = {"@context": [members.CONTEXT], "@type": "CatalogRequestMessage", "filter": conditions}
    return catalog_request.read(octets(body), query)


def test_filters_that_are_understood() -> None:
    assert _asked().message == m.CatalogRequestMessage()
    assert _asked(query="continuationToken=a%2Bb").message.page_token == "a+b"
    assert _asked({TERMS + "words": "x"}, {TERMS + "legalBasis": "y"}).message == (
        m.CatalogRequestMessage(words="x", legal_basis="y")
    )
    for prefix in ("", *catalog_request.EDC):
        names = ("offset", "limit", "filterExpression", "sortOrder")
        values = (20, 50, [], "ASC")
        asked = {prefix + name: value for name, value in zip(names, values, strict=True)}
        found = _asked({"@type": prefix + "QuerySpec", **asked})
        assert (found.offset, found.message) == (20, m.CatalogRequestMessage(limit=50))


@over(
    "condition",
    [
        "school",
        {"words": "x"},
        {"@type": "QuerySpec", "filterExpression": [{"operandLeft": "id"}]},
        {"@type": "QuerySpec", "sortField": "id"},
        {"@type": "urn:other"},
        {TERMS + "planDigest": "x"},
    ],
)
def test_filters_that_are_not(condition: Any) -> None:
    with pytest.raises(FilterUnsupported, match="/filter/0") as refused:
        _asked(condition)
    assert "words" in refused.value.hint
    assert status(refused.value.code)[1] == 400


@over("condition", [{TERMS + "words": 1}, {TERMS + "limit": "9"}, {TERMS + "offset": -1}])
def test_conditions_of_another_form(condition: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="/filter/0"):
        _asked(condition)
    with pytest.raises(FilterUnsupported, match="twice"):
        _asked({TERMS + "words": "a"}, {TERMS + "words": "b"})


# --- pages ----------------------------------------------------------------------------------------

AT: Final = "https://school.example/dsp/catalog/request"


def test_links_there_and_back() -> None:
    found = links.Links(links.page(AT, "a=b&c,d;e"), links.page(AT, "é\N{EM DASH}"))
    assert links.read(links.write(found), AT) == found
    assert links.token_in(found.next.partition("?")[2]) == "a=b&c,d;e"
    assert links.read([], AT) == links.Links()
    assert links.write(links.Links()) == []


@over(
    "header, found",
    [
        ('<?p=2>; rel="next"', links.Links(AT + "?p=2")),
        ('</x>;rel=next , </y>;rel="prev"', links.Links(*(AT[:22] + it for it in ("/x", "/y")))),
        ('</x>; title="a, b; \\"c\\""; REL="Next Previous"', links.Links(*[AT[:22] + "/x"] * 2)),
        ('<https://cdn.example/>; rel="stylesheet"', links.Links()),
        ('</x>; rel="next"; anchor="/other"', links.Links()),
        ('</x>; rel="last"; rel="next"', links.Links()),
        (",, </x>; rel=next,", links.Links(AT[:22] + "/x")),
    ],
)
def test_links_of_others(header: str, found: links.Links) -> None:
    assert links.read([header], AT) == found


@over("target", ["https://evil.example/", "http://school.example/dsp", "//evil.example/x", "\\\\e"])
def test_a_page_of_another_server_is_not_asked_for(target: str) -> None:
    with pytest.raises(AddressForbidden):
        links.read([f'<{target}>; rel="next"'], AT)


@over(
    "header",
    [
        "next",
        "<x",
        '<x>; rel="next',
        '</x>; rel="next" y',
        "<" * 20_000,
        f"</{'x' * 2100}>;rel=next",
        "<https://[>",
    ],
)
def test_what_is_no_link(header: str) -> None:
    with pytest.raises(Malformed):
        links.read([header if header != "<https://[>" else header + "; rel=next"], AT)
    with pytest.raises(Malformed, match="two pages"):
        links.read(["</x>; rel=next", "</y>; rel=next"], AT)
    for query in ("continuationToken=a&continuationToken=b", "&".join("x=1" for _ in range(99))):
        with pytest.raises(Malformed):
            links.token_in(query)


# --- versions, data addresses, errors -------------------------------------------------------------


def _version(**said: Any) -> dict[str, Any]:
    return {"version": "2025-1", "path": "/dsp", "binding": "HTTPS", **said}


def test_versions_are_chosen() -> None:
    listed = [
        _version(version="2024-1", path="x y"),
        _version(path="/a/"),
        _version(binding="gRPC"),
    ]
    found = versions.spoken(versions.read(octets({"protocolVersions": listed, "more": 1})))
    assert [each.base("https://school.example/") for each in found] == ["https://school.example/a"]
    old = [_version(version="2024-1"), _version(version="0.8")]
    with pytest.raises(UpgradeRequired, match=r"`2024-1`, `0\.8`.*`2025-1`"):
        versions.spoken(versions.read(octets({"protocolVersions": old})))
    with pytest.raises(UpgradeRequired, match="no version over HTTPS"):
        versions.spoken(())


@over("path", ["dsp", "//evil.example", "/a/../b", "/a?b", "/a#b", "https://evil.example/", "/a b"])
def test_a_path_stays_below_the_root(path: str) -> None:
    with pytest.raises(
        Malformed, match="/protocolVersions/0/path: does not have the required form"
    ):
        versions.read(octets({"protocolVersions": [_version(path=path)]}))


def test_data_addresses_of_pulls() -> None:
    full = t.TransferAccess("https://a.example/x", "a.b.c", 600, "a.example:8444")
    assert data_address.access(data_address.of_access(full)) == full
    assert "a.b.c" not in repr(data_address.of_access(full))
    bare = data_address.DataAddress("urn:x")
    started = Transferred(t.TransferStartMessage(ONE, P, C), address=bare)
    assert transfer.read(octets(transfer.write(started))) == started
    said = (("authorization", "opaque"), ("authType", "Bearer"), ("more", ""))
    there = data_address.DataAddress(data_address.HTTP, "https://edc.example/public", said)
    assert data_address.access(there) == t.TransferAccess(there.endpoint, "opaque", 0)
    for wrong in (
        replace(there, endpoint_type="urn:ftp"),
        replace(there, endpoint=""),
        replace(there, properties=said[:1]),
        replace(there, properties=said[1:]),
        replace(there, properties=(*said, said[0])),
    ):
        with pytest.raises(Malformed) as refused:
            data_address.access(wrong)
        assert "opaque" not in str(refused.value)


def test_errors_of_peers_are_ours_where_the_code_is() -> None:
    own = faults.of(faults.TRANSFER, CapExceeded("the cap is reached", hint="ask for less"), P, C)
    assert isinstance(own.as_exception(), CapExceeded)
    assert own.as_exception().reason == "the cap is reached; ask for less"
    for code, said in (("99", "`99`: no"), ("", "no")):
        found = faults.ProtocolError(faults.CATALOG, code=code, reasons=("no",)).as_exception()
        assert (type(found), found.reason) == (PeerFault, said)
    assert faults.ProtocolError(faults.CATALOG).as_exception().reason.endswith("`CatalogError`")
    plain = faults.ProtocolError(faults.CATALOG, reasons=("no",))
    assert faults.read(octets(faults.write(plain)), faults.CATALOG) == plain
