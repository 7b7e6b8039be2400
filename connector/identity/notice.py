"""Notices as signed text: a compact JWS of type `preau-notice+jws` over canonical JSON.

The statement names the contract by id and by the digest of the document that both signed. What a
notice does is `domain/notice.py`.
"""

from __future__ import annotations

from typing import Any, Final

from connector.domain import instant
from connector.domain.notice import Act, Notice
from connector.errors import Malformed
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.jsonld.canonical import canonical, parse_object

TYPE: Final = "preau-notice+jws"
MAX_CHARS: Final = 4 * 1024
MAX_REASON: Final = 300
_VERSION: Final = 1
_MEMBERS: Final = {"version", "agreement", "digest", "party", "number", "act", "reason", "at"}
_MOST: Final = 2**53


def make(signer: jws.Signer, notice: Notice, digest: str) -> str:
    """Return the signed statement of a notice; its own `statement` is not read.

    Args:
        signer: of its party.
        notice: what to state.
        digest: of the contract's document, SHA-256 in hex.

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
    return jws.sign_compact(signer, canonical(content), TYPE)


def verify(statement: str, document: DidDocument) -> tuple[Notice, str]:
    """Return the notice of a statement and the digest of the contract that it names.

    Args:
        statement: compact JWS.
        document: DID document of the party that must have signed.

    Raises:
        SignatureInvalid: the party did not sign it.
        Malformed: it is no notice of that party's.
    """
    if len(statement) > MAX_CHARS:
        raise Malformed("the notice is too large")
    payload = jws.verify_compact(statement, document, Relationship.ASSERTION, TYPE)
    content = parse_object(payload)
    if set(content) != _MEMBERS or content["version"] != _VERSION:
        raise Malformed("not a notice of a release that this node knows")
    texts = [content[name] for name in ("agreement", "digest", "party", "act", "reason")]
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise Malformed("a text of the notice is not one line")
    if content["party"] != document.did:
        raise Malformed("the notice is another party's")
    if content["act"] not in tuple(Act):
        raise Malformed("the notice does nothing that this node knows")
    if not 0 < len(content["reason"]) <= MAX_REASON:
        raise Malformed(f"the reason of a notice has 1 to {MAX_REASON} characters")
    notice = Notice(
        agreement_id=content["agreement"],
        party=document.did,
        number=_number(content["number"]),
        act=Act(content["act"]),
        reason=content["reason"],
        statement=statement,
        at=instant.read(content["at"]),
    )
    return notice, content["digest"]


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _MOST:
        raise Malformed("the notice has no number")
    return value
