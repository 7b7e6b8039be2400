"""Deeds as signed text: a compact JWS of type `preau-deed+jws` over canonical JSON.

The statement names the contract by id and by the digest of the document that both signed. What a
deed does is `enforcement/history.py`.
"""

from __future__ import annotations

from typing import Any, Final

from connector.domain import instant
from connector.domain.contract.duty import Deed, DeedKind, Deletion, Gone
from connector.errors import Malformed
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical
from federated.reading import Member

TYPE: Final = "preau-deed+jws"
MAX_CHARS: Final = 256 * 1024
MAX_NOTE: Final = 300
MAX_DELETIONS: Final = 1000
_VERSION: Final = 2  # of deeds that name deletions; others are as they were
_BEFORE: Final = 1
_MEMBERS: Final = ("version", "agreement", "digest", "party", "number", "kind", "about", "at")
_MORE: Final = ("evidence", "note", "deletions", "statedAt")
_KIND: Final = Kind("deed", Malformed, MAX_CHARS, TYPE)


def make(signer: jws.Signer, deed: Deed, digest: str) -> str:
    """Return the signed statement of a deed; its own `statement` is not read.

    Args:
        signer: of its party.
        deed: what to state.
        digest: of the contract's document, SHA-256 in hex.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    content: dict[str, Any] = {
        "version": _VERSION if deed.deletions else _BEFORE,
        "agreement": deed.agreement_id,
        "digest": digest,
        "party": deed.party,
        "number": deed.number,
        "kind": deed.kind.value,
        "about": deed.about,
        "at": instant.text(deed.at),
        "evidence": deed.evidence,
        "note": deed.note,
        "deletions": [
            {"digest": each.digest, "gone": each.gone.value, "of": each.of}
            for each in deed.deletions
        ],
        "statedAt": instant.text(deed.stated_at),
    }
    return jws.sign_compact(signer, canonical(content), TYPE)


def verify(statement: str, document: DidDocument) -> tuple[Deed, str]:
    """Return the deed of a statement and the digest of the contract that it names.

    Args:
        statement: compact JWS.
        document: DID document of the party that must have signed.

    Raises:
        SignatureInvalid: the party did not sign it.
        Malformed: it is no deed of that party's.
    """
    part = _KIND.verified(statement, document).fields(*_MEMBERS, *_MORE)
    version = part["version"].integer(least=_BEFORE, most=_VERSION)
    read = _deletion if version == _VERSION else _deletion_of_before
    evidence, note = part["evidence"], part["note"]
    deed = Deed(
        agreement_id=part["agreement"].text(),
        party=part["party"].exactly(document.did),
        number=part["number"].integer(least=1),
        kind=DeedKind(part["kind"].exactly(*DeedKind)),
        about=part["about"].text(),
        at=part["at"].instant(),
        evidence=evidence.digest() if evidence.content() else "",
        note=note.text(most=MAX_NOTE) if note.content() else "",
        deletions=tuple(map(read, part["deletions"].items(most=MAX_DELETIONS))),
        statement=statement,
        stated_at=part["statedAt"].instant(),
    )
    return deed, part["digest"].digest()


def _deletion(member: Member) -> Deletion:
    part = member.fields("digest", "gone", "of")
    gone = Gone(part["gone"].exactly(*Gone))
    return Deletion(part["digest"].digest(), gone, part["of"].text())


def _deletion_of_before(member: Member) -> Deletion:
    part = member.fields("digest", "gone")
    return Deletion(part["digest"].digest(), Gone(part["gone"].exactly(*Gone)))
