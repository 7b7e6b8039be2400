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
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical, sha256_hex
from federated.reading import MAX_BYTES

TYPE: Final = "preau-card+jws"
VERSION: Final = 1
_KIND: Final = Kind("card of a model", Malformed, MAX_BYTES, TYPE)


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
    part = _KIND.opened(file).fields("card", "signed")
    lead = part["card"].child("lead")
    if lead.value != document.did:
        raise SignatureInvalid(
            f"the card names `{str(lead.value)[:200]}` as its lead, not `{document.did}`"
        )
    signed = _KIND.verified(part["signed"].content(), document)
    if signed.value != part["card"].value:
        raise SignatureInvalid("the card is not the one that was signed")
    if signed.child("model").child("sha256").value != sha256_hex(model):
        raise SignatureInvalid("the card is of another model")
    return dict(signed.value)
