"""Fetches the templates that an authority's status list names, once each: bytes never change.

Rules: a template is believed when its issuer signed it and the list names its digest; what cannot
be had stays missing, and then nothing is offered or signed under that list (`force.py`).
"""

from __future__ import annotations

from typing import Final

from connector.domain.layer import KeptLayer, LayerKind
from connector.errors import CredentialInvalid
from connector.identity import did as dids
from connector.identity import layer as documents
from connector.identity.document import DidDocument
from connector.identity.status import VerifiedList
from connector.ports import Ports

PATH: Final = "/templates/"
_BYTES: Final = 4 * documents.MAX_BYTES


def complete(ports: Ports, listed: VerifiedList, issuer: DidDocument) -> None:
    """Fetch the templates of a list that are not here yet.

    Raises:
        PreauError: one cannot be fetched, or is not what the list names; it stays missing.
    """
    with ports.store.read() as tx:
        missing = [each for each in listed.templates if tx.layers.get(each) is None]
    for digest in missing:
        data = ports.web.get(dids.origin(issuer.did) + PATH + digest, limit=_BYTES)
        try:
            token = data.decode("ascii").strip()
        except UnicodeDecodeError as exc:
            raise CredentialInvalid("the template is not a signed JWT") from exc
        found = documents.verify(token, issuer, digest)
        kept = KeptLayer(
            digest=digest,
            issuer=issuer.did,
            kind=LayerKind.AUTHORITY,
            id=found.name.id,
            version=found.name.version,
            document=found.data,
            token=token,
            published_at=found.published,
        )
        with ports.store.write() as tx:
            if tx.layers.get(digest) is None:
                tx.layers.put(kept)
                tx.audit.append(
                    "template.fetched",
                    kept.id,
                    version=kept.version,
                    digest=digest,
                    issuer=issuer.did,
                )
