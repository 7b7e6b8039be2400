"""Evidence bundles that somebody brings, judged as `preau audit verify` does.

Rule: nothing of a bundle is kept; the authorities that this node has pinned are believed only
where somebody asks for that.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.errors import NotFound
from connector.identity import evidence
from connector.identity.evidence import Verdict
from connector.ports import Ports


def verify(
    ports: Ports, bundle: bytes, authorities: Sequence[bytes], *, pinned: bool = False
) -> Verdict:
    """Judge a bundle.

    Args:
        ports: of the node.
        bundle: the file.
        authorities: public keys of authorities, each a JWK or a DID document.
        pinned: whether the authorities that this node has pinned are believed as well.

    Raises:
        EvidenceInvalid: an authority's file is neither.
        NotFound: this node has pinned no authority.
    """
    trusted = list(authorities)
    if pinned:
        with ports.store.read() as tx:
            known = [each.document for each in tx.issuers.find() if each.document]
        if not known:
            raise NotFound(
                "this node has met no authority yet", hint="`preau membership --refresh`"
            )
        trusted += known
    return evidence.verify(bundle, trusted)
