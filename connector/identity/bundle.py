"""The evidence bundle: one file with all that proves a contract, and its reading; no judgement.

Rules: exact bytes travel as text (all of them are UTF-8 JSON, JWS or signed notes); the exporter
seals the whole, so that nothing can be taken out or exchanged afterwards; reading is strict and
bounded. What the parts prove is judged in `evidence/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any, Final

from connector.errors import EvidenceInvalid
from connector.identity import jws
from connector.identity.reading import Kind
from connector.jsonld.canonical import b64url, canonical, unb64url
from federated.reading import Member

TYPE: Final = "preau:Evidence"
VERSION: Final = 4
SEAL_TYPE: Final = "preau-evidence+jws"
# An entry with its proof takes about 2 KB, so that this is room for some 7,000 rounds.
MAX_BYTES: Final = 16 * 1024 * 1024
MAX_SEAL_CHARS: Final = 4096
MAX_ENTRIES: Final = 10_000
MAX_LISTS: Final = 8  # of one address
MAX_PROOF: Final = 64
MAX_LAYERS: Final = 32
MAX_SAID: Final = 8
# A bundle of version 1 has no cosigned head, one of version 2 no templates, of version 3 no
# messages of a party that signs nothing.
_SINCE_2: Final = ("cosigned", "cosignedProof", "peerDocument")
_SINCE_3: Final = ("layers",)
_SINCE_4: Final = ("said",)
_MEMBERS: Final = (
    *("type", "version", "agreement", "providerSignature", "consumerSignature", "receipt"),
    *("provider", "consumer", "exporter", "authorities", "statusLists", "checkpoint"),
    *("peerCheckpoint", "entries"),
)
_KIND: Final = Kind("evidence", EvidenceInvalid, MAX_BYTES + MAX_SEAL_CHARS)


@dataclass(frozen=True, slots=True)
class PartyEvidence:
    """Who a party was.

    Attributes:
        did: DID.
        document: its DID document, exact bytes.
        membership: its membership credential, VC-JWT.
    """

    did: str
    document: bytes = field(repr=False)
    membership: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LayerEvidence:
    """A template or charter that the agreement names.

    Attributes:
        document: exact bytes.
        token: of the authority over them, compact JWS; empty for a charter.
    """

    document: bytes = field(repr=False)
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EntryEvidence:
    """An entry of the exporter's audit log, with its inclusion proof.

    Attributes:
        index: position.
        event: canonical JSON, exact bytes.
        proof: RFC 6962 audit path to the checkpoint's root.
    """

    index: int
    event: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SaidEvidence:
    """A message of a party that signs nothing, as it came.

    Attributes:
        kind: its name.
        body: exact text.
        token: by which its sender was authenticated.
        at: when it came, by the exporter's clock.
    """

    kind: str
    body: str = field(repr=False)
    token: str = field(repr=False)
    at: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A bundle as values.

    Attributes:
        agreement: exact bytes that both signed.
        provider_signature: compact JWS, detached.
        consumer_signature: compact JWS, detached.
        receipt: the provider's, compact JWS.
        provider: as of signing.
        consumer: as of signing.
        exporter: one of the two, as of the export.
        authorities: DID documents of the memberships' issuers, exact bytes, by DID.
        status_lists: list credentials (VC-JWT) by address: of the time of signing, and as cached.
        checkpoint: the exporter's signed note.
        entries: what its log says of the agreement.
        peer_checkpoint: newest note that the exporter holds of the other; may be empty.
        cosigned: the exporter's newest note that the other cosigned; may be empty.
        cosigned_proof: RFC 6962 consistency proof from that head to the checkpoint's.
        peer_document: the other's DID document as of the export, for keys that follow those of
            signing; may be empty.
        layers: templates and charter that the agreement names, by digest, as far as the exporter
            has them; None in a bundle of an earlier version.
        said: messages of the party that signs nothing; none where both sign.
    """

    agreement: bytes = field(repr=False)
    provider_signature: str = field(repr=False)
    consumer_signature: str = field(repr=False)
    receipt: str = field(repr=False)
    provider: PartyEvidence
    consumer: PartyEvidence
    exporter: PartyEvidence
    authorities: Mapping[str, bytes] = field(repr=False)
    status_lists: Mapping[str, tuple[str, ...]] = field(repr=False)
    checkpoint: str = field(repr=False)
    entries: tuple[EntryEvidence, ...] = field(repr=False)
    peer_checkpoint: str = field(default="", repr=False)
    cosigned: str = field(default="", repr=False)
    cosigned_proof: tuple[bytes, ...] = field(default=(), repr=False)
    peer_document: bytes = field(default=b"", repr=False)
    layers: Mapping[str, LayerEvidence] | None = field(default=None, repr=False)
    said: tuple[SaidEvidence, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class SealedEvidence:
    """A bundle that was read.

    Attributes:
        evidence: its values.
        sealed: bytes that the exporter's seal covers.
        seal: compact JWS, detached.
    """

    evidence: Evidence
    sealed: bytes = field(repr=False)
    seal: str = field(repr=False)


def build(signer: jws.Signer, evidence: Evidence) -> bytes:
    """Return the sealed bundle.

    Args:
        signer: the exporter's.
        evidence: what goes in.

    Raises:
        KeyUnusable: the key cannot be used.
        EvidenceInvalid: it would be too large.
    """
    content = _render(evidence)
    sealed = canonical(content)
    if len(sealed) > MAX_BYTES or len(evidence.entries) > MAX_ENTRIES:
        raise EvidenceInvalid(f"the bundle of {len(sealed)} bytes exceeds the limit")
    return canonical({**content, "seal": jws.sign_detached(signer, sealed, SEAL_TYPE)})


def read(data: bytes) -> SealedEvidence:
    """Read a bundle; nothing in it is verified.

    Raises:
        EvidenceInvalid: not a bundle of this form.
    """
    with _KIND.reading():
        root = _KIND.opened(data)
        seal = root.child("seal").content()
        sealed = {name: value for name, value in root.value.items() if name != "seal"}
        evidence = _read(Member(sealed, root.refusal))
        return SealedEvidence(evidence, canonical(sealed), seal)


def _render(evidence: Evidence) -> dict[str, Any]:
    return {
        "type": TYPE,
        "version": VERSION,
        "agreement": evidence.agreement.decode(),
        "providerSignature": evidence.provider_signature,
        "consumerSignature": evidence.consumer_signature,
        "receipt": evidence.receipt,
        "provider": _render_party(evidence.provider),
        "consumer": _render_party(evidence.consumer),
        "exporter": _render_party(evidence.exporter),
        "authorities": {did: data.decode() for did, data in evidence.authorities.items()},
        "statusLists": {url: list(found) for url, found in evidence.status_lists.items()},
        "checkpoint": evidence.checkpoint,
        "peerCheckpoint": evidence.peer_checkpoint,
        "cosigned": evidence.cosigned,
        "cosignedProof": [b64url(step) for step in evidence.cosigned_proof],
        "peerDocument": evidence.peer_document.decode(),
        "layers": {
            digest: {"document": each.document.decode(), "token": each.token}
            for digest, each in (evidence.layers or {}).items()
        },
        "said": [asdict(each) for each in evidence.said],
        "entries": [
            {
                "index": entry.index,
                "event": entry.event.decode(),
                "proof": [b64url(step) for step in entry.proof],
            }
            for entry in evidence.entries
        ],
    }


def _render_party(party: PartyEvidence) -> dict[str, str]:
    return {
        "did": party.did,
        "document": party.document.decode(),
        "membership": party.membership,
    }


def _read(root: Member) -> Evidence:
    version = root.child("version").integer(least=1, most=VERSION)
    later = ((), _SINCE_2, _SINCE_3, _SINCE_4)[:version]
    part = root.fields(*_MEMBERS, *chain.from_iterable(later))
    part["type"].exactly(TYPE)
    lists = part["statusLists"].entries(most=MAX_ENTRIES)
    authorities = part["authorities"].entries(most=MAX_ENTRIES)
    return Evidence(
        agreement=part["agreement"].content().encode(),
        provider_signature=part["providerSignature"].content(),
        consumer_signature=part["consumerSignature"].content(),
        receipt=part["receipt"].content(),
        provider=_party(part["provider"]),
        consumer=_party(part["consumer"]),
        exporter=_party(part["exporter"]),
        authorities={did: found.content().encode() for did, found in authorities.items()},
        status_lists={url: _lists(found, version) for url, found in lists.items()},
        checkpoint=part["checkpoint"].content(),
        entries=tuple(map(_entry, part["entries"].items(most=MAX_ENTRIES))),
        peer_checkpoint=part["peerCheckpoint"].content(),
        cosigned=part["cosigned"].content() if "cosigned" in part else "",
        cosigned_proof=_proof(part["cosignedProof"]) if "cosignedProof" in part else (),
        peer_document=part["peerDocument"].content().encode() if "peerDocument" in part else b"",
        layers=_layers(part["layers"]) if "layers" in part else None,
        said=tuple(map(_said, part["said"].items(most=MAX_SAID))) if "said" in part else (),
    )


def _party(member: Member) -> PartyEvidence:
    part = member.fields("did", "document", "membership")
    document = part["document"].content().encode()
    return PartyEvidence(part["did"].content(), document, part["membership"].content())


def _entry(member: Member) -> EntryEvidence:
    part = member.fields("index", "event", "proof")
    event = part["event"].content().encode()
    return EntryEvidence(part["index"].integer(), event, _proof(part["proof"]))


def _proof(member: Member) -> tuple[bytes, ...]:
    return tuple(unb64url(step.content()) for step in member.items(most=MAX_PROOF))


def _said(member: Member) -> SaidEvidence:
    part = member.fields("kind", "body", "token", "at")
    return SaidEvidence(**{name: each.content() for name, each in part.items()})


def _layers(member: Member) -> dict[str, LayerEvidence]:
    return {name: _layer(each) for name, each in member.entries(most=MAX_LAYERS).items()}


def _layer(member: Member) -> LayerEvidence:
    part = member.fields("document", "token")
    return LayerEvidence(part["document"].content().encode(), part["token"].content())


def _lists(member: Member, version: int) -> tuple[str, ...]:
    """Read the status lists of an address; version 1 has one."""
    if version == 1:
        return (member.content(),)
    return tuple(each.content() for each in member.items(most=MAX_LISTS))
