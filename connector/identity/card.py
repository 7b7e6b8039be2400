"""The card of a trained model: what it is, what it cost each person, and who computed it with what.

Rules: the card stands beside the model file and names it by its digest; the lead signs its exact
bytes; it says only what manifest, receipts and the lead's own records say. The file holds the card
to be read, and the same bytes signed: `read` gives the card only when both agree.
"""

from __future__ import annotations

from typing import Any, Final

from connector.errors import Malformed, SignatureInvalid
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.jsonld.canonical import canonical, parse_object, sha256_hex

TYPE: Final = "preau-card+jws"
VERSION: Final = 1


def seal(signer: jws.Signer, card: dict[str, Any]) -> bytes:
    """Return the file of a card.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    return canonical({"card": card, "signed": jws.sign_compact(signer, canonical(card), TYPE)})


def read(file: bytes, document: DidDocument, model: bytes) -> dict[str, Any]:
    """Return the card of a model, once its lead's signature and the model's digest are verified.

    Args:
        file: as `seal` wrote it.
        document: DID document of the lead.
        model: bytes of the model file.

    Raises:
        SignatureInvalid: it does not verify, or is of another lead or model.
        Malformed: it is no card.
    """
    value = parse_object(file)
    sealed = isinstance(value.get("card"), dict) and isinstance(value.get("signed"), str)
    if set(value) != {"card", "signed"} or not sealed:
        raise Malformed("not the card of a model")
    lead = value["card"].get("lead")
    if lead != document.did:
        raise SignatureInvalid(
            f"the card names `{str(lead)[:200]}` as its lead, not `{document.did}`"
        )
    payload = jws.verify_compact(value["signed"], document, Relationship.ASSERTION, TYPE)
    card = parse_object(payload)
    if card != value["card"]:
        raise SignatureInvalid("the card is not the one that was signed")
    stated = card.get("model")
    if not isinstance(stated, dict) or stated.get("sha256") != sha256_hex(model):
        raise SignatureInvalid("the card is of another model")
    return card
