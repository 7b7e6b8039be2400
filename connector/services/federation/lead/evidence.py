"""What a lead gathers as evidence of a job that is done: its card, and the receipts beside it.

Rule: a site's DID documents are those of its contract and of now, since its keys may have been
rotated between two rounds; the card names their digests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from connector.domain.contract.negotiation import Agreement
from connector.domain.federation.job import Job, JobSite, RoundRecord
from connector.identity import agreement as agreements
from connector.identity.receipts import job_receipts, round_receipt
from connector.identity.receipts.round_receipt import RoundReceipt
from connector.ports import Ports
from connector.services.federation.lead import book
from connector.services.federation.lead.spent import epsilons
from connector.services.lookup import require
from federated.job import JobManifest

CARD_NAME: Final = "model.card.json"
RECEIPTS_NAME: Final = "model.receipts.json"


@dataclass(frozen=True, slots=True)
class Site:
    """What is known of a site.

    Attributes:
        decision: what it decided, and why it took no part.
        description: SHA-256 (hex) of the description of its data that was agreed on.
        documents: its DID documents, exact bytes.
        signed: receipts of its rounds; each was charged there, also where its update was refused.
        epsilon: ε of those rounds, per person; None where it is not known.
    """

    decision: JobSite
    description: str
    documents: tuple[bytes, ...]
    signed: tuple[RoundReceipt, ...]
    epsilon: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was gathered.

    Attributes:
        job: the lead's.
        manifest: the job's.
        rounds: as the lead kept them, in order.
        sites: by DID, in the manifest's order.
    """

    job: Job
    manifest: JobManifest
    rounds: tuple[RoundRecord, ...]
    sites: dict[str, Site]

    def receipts(self) -> bytes:
        """Return the file of receipts."""
        rounds = [each.receipts for each in self.rounds]
        known = {site: each.documents for site, each in self.sites.items()}
        return job_receipts.build(self.job.manifest, self.job.signature, rounds, known)


def gather(ports: Ports, job_id: str, manifest: JobManifest) -> Evidence:
    """Return the evidence of a job that this node leads.

    Raises:
        NotFound: the job, or a contract of it, is not here any more.
        AgreementTampered: a contract cannot be read.
    """
    job, decisions = book.load(ports, job_id)
    rounds = book.rounds(ports, job_id)
    signed = _signed(rounds)
    costs = epsilons(ports, manifest, map(len, signed.values()))
    sites = {}
    with ports.store.read() as tx:
        for each in decisions:
            contract = require(tx.agreements.get(each.agreement_id), "agreement", each.agreement_id)
            known = tx.participants.get(each.site)
            now = known.document if known is not None else b""
            sites[each.site] = Site(
                decision=each,
                description=_description(contract),
                documents=tuple(dict.fromkeys(filter(None, (contract.provider_document, now)))),
                signed=tuple(signed[each.site]),
                epsilon=costs.get(len(signed[each.site])),
            )
    return Evidence(job, manifest, tuple(rounds), {site: sites[site] for site in manifest.sites})


def _signed(rounds: Sequence[RoundRecord]) -> defaultdict[str, list[RoundReceipt]]:
    found: defaultdict[str, list[RoundReceipt]] = defaultdict(list)
    for token in (token for each in rounds for token in each.receipts):
        receipt = round_receipt.unverified(token)
        found[receipt.site].append(receipt)
    return found


def _description(contract: Agreement) -> str:
    return agreements.read(contract.document).dataset.description_digest
