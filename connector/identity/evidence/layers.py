"""The templates and the charter that a contract names, by the documents in the bundle.

Rules: the contract names each by its digest, so that nobody can show another one; a template is its
authority's where the authority that vouched for the provider signed it, and a charter is the
provider's own. A template that nobody shows stays unproven. Whether the terms keep to a layer was
checked by both before they signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from connector.domain.layer import LayerKind, LayerName
from connector.errors import CredentialInvalid
from connector.identity import jws
from connector.identity import layer as documents
from connector.identity.agreement import AgreementDocument
from connector.identity.bundle import Evidence
from connector.identity.evidence.authorities import Authority, issued
from connector.identity.evidence.membership import without_key
from connector.identity.evidence.verdict import Part, Standing, follow


def layers(
    evidence: Evidence, agreement: AgreementDocument, trusted: Sequence[Authority]
) -> tuple[Part, ...]:
    """Judge the layers of a contract; no part of a bundle of an earlier version, which has none.

    Args:
        evidence: the bundle.
        agreement: the contract.
        trusted: the auditor's authorities.
    """
    if evidence.layers is None:
        return ()
    missing: list[str] = []
    exporter = evidence.exporter.did
    found = follow(
        "layers",
        [
            (exporter, partial(_shown, each, evidence, trusted, missing))
            for each in agreement.layers
        ],
    )
    if found.standing is Standing.FAILED:
        return (found,)
    if missing:
        return (replace(found, standing=Standing.UNPROVEN, finding="; ".join(missing)),)
    if not agreement.layers:
        return (replace(found, finding="the contract names none"),)
    return (without_key(found, trusted),)


def _shown(
    named: LayerName, evidence: Evidence, trusted: Sequence[Authority], missing: list[str]
) -> str:
    """Say whose a layer is; what is missing for that goes to `missing`.

    Raises:
        CredentialInvalid: the document is not the one that the contract names.
    """
    shown = (evidence.layers or {}).get(named.digest)
    of_authority = named.layer == LayerKind.AUTHORITY
    if shown is None:
        if of_authority:
            missing.append(f"the bundle lacks {named}")
        return ""
    found = documents.read(shown.document)
    by = issued(evidence.provider, evidence, trusted) if of_authority else None
    owner = "" if of_authority else evidence.provider.did
    issuer = by[0].did if by else owner
    if found.name != named or issuer not in ("", found.issuer):
        raise CredentialInvalid(f"the document shown for {named} is another one")
    if not of_authority:
        return f"{named} is the one whose digest `{issuer}` signed"
    if by is None or not _is_signed(shown.token, by[0], named):
        missing.append(
            f"{named} is shown, but not signed by any authority's key that is available here"
        )
        return ""
    return f"{named} is signed by `{issuer}`"


def _is_signed(token: str, authority: jws.KeyHolder, named: LayerName) -> bool:
    """Whether an authority signed a template; else a key of before or after may have."""
    try:
        documents.verify(token, authority, named.digest)
    except CredentialInvalid:
        return False
    return True
