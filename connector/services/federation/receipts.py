"""Receipts of other sites: that they have contracts with the same lead, and what a round was.

Rules: a contract's receipt counts when its provider is an admitted member in good standing now (a
stranger is met first) and the receipt verifies with a key that the provider's DID document uses for
statements; what it says is compared with the manifest by `fitting.py`. A provider that
cannot be reached decides nothing: the lead asks again. A round's receipt counts when the site's
document as it is known here verifies it: whether that site is still a member says nothing of what
it was sent. One that does not verify may be the first sign of rotated keys: a site, which its
signer does not call, then fetches that document anew, once. What round receipts must have in common
is `views.py`; a contradiction is logged with both texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.domain.decision import Refusal
from connector.domain.federation.frames import RoundReply
from connector.domain.federation.job import Job
from connector.errors import (
    PreauError,
    RoundRefused,
    SignatureInvalid,
    TooManyRequests,
    WorldFault,
)
from connector.identity import document as documents
from connector.identity.receipts import round_receipt
from connector.identity.receipts.receipt import read_receipt
from connector.identity.receipts.round_receipt import RoundReceipt
from connector.ports import Ports
from connector.services.federation.fitting import check_receipt
from connector.services.membership import onboard
from federated.job import JobManifest
from federated.manifest import SiteContract
from federated.privacy import event


def check_others(ports: Ports, manifest: JobManifest) -> Refusal | None:
    """Return why the other sites' contracts do not count, or None.

    Raises:
        WorldFault: a provider that was never met cannot be reached.
        TooManyRequests: it has no time for us just now.
    """
    own = ports.settings.did
    for contract in manifest.contracts:
        refusal = None if contract.site == own else _check(ports, manifest, contract)
        if refusal is not None:
            return refusal
    return None


def check_reply(
    ports: Ports, job: Job, manifest: JobManifest, site: str, digest: str, reply: RoundReply
) -> None:
    """Check, at the lead, that a site's receipt is one of the model that it was sent.

    Args:
        ports: of the lead.
        job: the lead's.
        manifest: the job's.
        site: who answered.
        digest: of the arrays that the lead's worker sent.
        reply: with the receipt.

    Raises:
        RoundRefused: it is not.
    """
    found = verified(ports, manifest, reply.receipt)
    sent = (job.id, job.manifest_digest, reply.number, site, digest)
    if (found.job, found.manifest, found.round, found.site, found.digest) != sent:
        raise RoundRefused(f"its receipt of round {reply.number} does not match what it was sent")


def shown(token: str) -> dict[str, Any]:
    """Return what a stored receipt of a round states, for a view."""
    receipt = round_receipt.unverified(token)
    return {
        "site": receipt.site,
        "round": receipt.round,
        "digest": receipt.digest,
        "recipe": receipt.recipe,
        "versions": dict(receipt.versions),
        "adjacency": receipt.adjacency,
        "exact": receipt.exact,
        "released": event.to_mapping(receipt.events)["events"] if receipt.events else [],
    }


def documents_of(ports: Ports, manifest: JobManifest) -> dict[str, bytes]:
    """Return the DID documents of a job's sites as they are known here, of unknown ones nothing."""
    with ports.store.read() as tx:
        known = {site: tx.participants.get(site) for site in manifest.sites}
    found = {site: each.document for site, each in known.items() if each is not None}
    if ports.settings.did in manifest.sites:
        found[ports.settings.did] = ports.own_document()
    return found


def verified(
    ports: Ports,
    manifest: JobManifest,
    token: str,
    *,
    known: Mapping[str, bytes] | None = None,
    anew: bool = False,
) -> RoundReceipt:
    """Read a round's receipt of one of the job's sites, which charged what the manifest states.

    Args:
        ports: of this node.
        manifest: the job's.
        token: the receipt.
        known: what `documents_of` gave, where several receipts are read; read when not given.
        anew: whether the signer's document is fetched when the one known here does not verify it.

    Raises:
        RoundRefused: it does not verify, or the site charged something else.
    """
    documents = documents_of(ports, manifest) if known is None else known
    found = _read(ports, documents, token, anew=anew)
    if found.events not in (None, manifest.released(found.round)):  # none: of an earlier release
        raise RoundRefused(f"`{found.site}` charged another mechanism than the manifest states")
    return found


def _read(ports: Ports, known: Mapping[str, bytes], token: str, *, anew: bool) -> RoundReceipt:
    try:
        site = round_receipt.signer(token)
        document = known.get(site)
        if document is None:
            raise RoundRefused("a receipt is of a site that is not in the job")
        try:
            return round_receipt.read(token, documents.read(document, site))
        except SignatureInvalid:
            if not anew or site == ports.settings.did:
                raise
        return round_receipt.read(
            token, documents.read(onboard.reacquaint(ports, site).document, site)
        )
    except PreauError as exc:
        raise RoundRefused(f"a receipt of the round does not count: {exc.reason}") from exc


def _check(ports: Ports, manifest: JobManifest, contract: SiteContract) -> Refusal | None:
    try:
        provider = onboard.known(ports, contract.site)
        document = documents.read(provider.document, provider.did)
        receipt = read_receipt(contract.receipt, document)
    except (WorldFault, TooManyRequests):
        raise
    except PreauError as exc:
        return Refusal(exc.code, (f"site `{contract.site}`: {exc.reason}",))
    return check_receipt(contract, receipt, manifest.lead, manifest.deadline)
