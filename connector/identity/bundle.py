"""The evidence bundle: one file with all that proves a contract, and its reading; no judgement.

Rules: exact bytes travel as text (all of them are UTF-8 JSON, JWS or signed notes); the exporter
seals the whole, so that nothing can be taken out or exchanged afterwards; reading is strict and
bounded. What the parts prove is judged in `evidence.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connector.errors import EvidenceInvalid, Malformed
from connector.identity import jws
from connector.jsonld.canonical import b64url, canonical, parse_object, unb64url

TYPE: Final = "preau:Evidence"
VERSION: Final = 2
SEAL_TYPE: Final = "preau-evidence+jws"
# An entry with its proof takes about 2 KB, so that this is room for some 7,000 rounds.
MAX_BYTES: Final = 16 * 1024 * 1024
MAX_SEAL_CHARS: Final = 4096
MAX_ENTRIES: Final = 10_000
MAX_LISTS: Final = 8  # of one address
MAX_PROOF: Final = 64
_TEXTS: Final = (
    "agreement",
    "providerSignature",
    "consumerSignature",
    "receipt",
    "checkpoint",
    "peerCheckpoint",
)
_SINCE_2: Final = frozenset(("cosigned", "cosignedProof"))  # an older bundle has no cosigned head
_PARTIES: Final = ("provider", "consumer", "exporter")
_MEMBERS: Final = frozenset(
    (*_TEXTS, *_PARTIES, "type", "version", "authorities", "statusLists", "entries")
)


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
        raise EvidenceInvalid(f"the bundle of {len(sealed)} bytes is over the limit")
    return canonical({**content, "seal": jws.sign_detached(signer, sealed, SEAL_TYPE)})


def read(data: bytes) -> SealedEvidence:
    """Read a bundle; nothing in it is verified.

    Raises:
        EvidenceInvalid: not a bundle of this form.
    """
    try:
        return _open(parse_object(data, limit=MAX_BYTES + MAX_SEAL_CHARS))
    except Malformed as exc:
        raise EvidenceInvalid(f"not an evidence bundle: {exc.reason}") from exc


def _open(content: dict[str, Any]) -> SealedEvidence:
    seal = _text(content.pop("seal", None))
    version = content.get("version")
    if content.get("type") != TYPE or isinstance(version, bool) or version not in (1, VERSION):
        raise Malformed("another kind, or a version that this release does not know")
    if set(content) != _MEMBERS | (_SINCE_2 if version == VERSION else frozenset()):
        raise Malformed("its parts are not those of a bundle")
    return SealedEvidence(_read(content), canonical(content), seal)


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


def _read(content: Mapping[str, Any]) -> Evidence:
    texts = {name: _text(content[name]) for name in _TEXTS}
    parties = {name: _party(content[name]) for name in _PARTIES}
    entries = content["entries"]
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise Malformed("`entries` is not a list, or too long")
    return Evidence(
        agreement=texts["agreement"].encode(),
        provider_signature=texts["providerSignature"],
        consumer_signature=texts["consumerSignature"],
        receipt=texts["receipt"],
        provider=parties["provider"],
        consumer=parties["consumer"],
        exporter=parties["exporter"],
        authorities={did: text.encode() for did, text in _texts(content["authorities"]).items()},
        status_lists=_lists(content["statusLists"], content["version"]),
        checkpoint=texts["checkpoint"],
        entries=tuple(_entry(item) for item in entries),
        peer_checkpoint=texts["peerCheckpoint"],
        cosigned=_text(content.get("cosigned", "")),
        cosigned_proof=_proof(content.get("cosignedProof", [])),
    )


def _party(item: Any) -> PartyEvidence:
    if not isinstance(item, dict) or set(item) != {"did", "document", "membership"}:
        raise Malformed("a party is not complete")
    did, document, membership = map(_text, (item["did"], item["document"], item["membership"]))
    return PartyEvidence(did, document.encode(), membership)


def _entry(item: Any) -> EntryEvidence:
    if not isinstance(item, dict) or set(item) != {"index", "event", "proof"}:
        raise Malformed("a log entry is not complete")
    index = item["index"]
    if isinstance(index, bool) or not isinstance(index, int):
        raise Malformed("a log entry is not complete")
    return EntryEvidence(index, _text(item["event"]).encode(), _proof(item["proof"]))


def _proof(item: Any) -> tuple[bytes, ...]:
    if not isinstance(item, list) or len(item) > MAX_PROOF:
        raise Malformed("a proof is not a list, or too long")
    return tuple(unb64url(_text(step)) for step in item)


def _lists(item: Any, version: int) -> dict[str, tuple[str, ...]]:
    """Read the status lists; version 1 has one for each address."""
    if version == 1:
        return {url: (text,) for url, text in _texts(item).items()}
    if not isinstance(item, dict):
        raise Malformed("an object was expected")
    if not all(isinstance(found, list) and len(found) <= MAX_LISTS for found in item.values()):
        raise Malformed("the status lists of an address are not a list, or too many")
    return {url: tuple(_text(each) for each in found) for url, found in item.items()}


def _texts(item: Any) -> dict[str, str]:
    if not isinstance(item, dict):
        raise Malformed("an object was expected")
    return {name: _text(value) for name, value in item.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed("text was expected")
    return value
