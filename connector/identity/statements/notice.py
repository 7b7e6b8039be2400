"""Notices as signed text: a compact JWS of type `preau-notice+jws` over canonical JSON.

The statement names the contract by id and by the digest of the document that both signed; one about
an offer, under a type of its own, names that. What a
notice does is `domain/contract/notice.py`.
"""

from __future__ import annotations

from typing import Final

from connector.domain import instant
from connector.domain.contract.notice import Act, Notice
from connector.errors import Malformed
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical

TYPE: Final = "preau-notice+jws"
OFFER_TYPE: Final = "preau-offer-notice+jws"  # the same about an offer: its id and digest
MAX_CHARS: Final = 4 * 1024
MAX_REASON: Final = 300
_VERSION: Final = 1
_MEMBERS: Final = ("version", "agreement", "digest", "party", "number", "act", "reason", "at")
_KINDS: Final = {each: Kind("notice", Malformed, MAX_CHARS, each) for each in (TYPE, OFFER_TYPE)}


def make(signer: jws.Signer, notice: Notice, digest: str, kind: str = TYPE) -> str:
    """Return the signed statement of a notice; its own `statement` is not read.

    Args:
        signer: of its party.
        notice: what to state.
        digest: of the contract's document, SHA-256 in hex.
        kind: `TYPE` or `OFFER_TYPE`.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    content = {
        "version": _VERSION,
        "agreement": notice.agreement_id,
        "digest": digest,
        "party": notice.party,
        "number": notice.number,
        "act": notice.act.value,
        "reason": notice.reason,
        "at": instant.text(notice.at),
    }
    return jws.sign_compact(signer, canonical(content), kind)


def verify(statement: str, document: DidDocument, kind: str = TYPE) -> tuple[Notice, str]:
    """Return the notice of a statement and the digest of the contract that it names.

    Args:
        statement: compact JWS.
        document: DID document of the party that must have signed.
        kind: `TYPE` or `OFFER_TYPE`.

    Raises:
        SignatureInvalid: the party did not sign it.
        Malformed: it is no notice of that party's.
    """
    part = _KINDS[kind].verified(statement, document).fields(*_MEMBERS)
    part["version"].integer(least=_VERSION, most=_VERSION)
    notice = Notice(
        agreement_id=part["agreement"].text(),
        party=part["party"].exactly(document.did),
        number=part["number"].integer(least=1),
        act=Act(part["act"].exactly(*Act)),
        reason=part["reason"].text(most=MAX_REASON),
        statement=statement,
        at=part["at"].instant(),
    )
    return notice, part["digest"].digest()
