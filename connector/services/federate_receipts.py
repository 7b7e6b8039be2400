"""Proof, for one site, that the other sites of a job have contracts with the same lead.

Rules: a receipt counts when its provider is an admitted member in good standing now (a stranger is
met first) and the receipt verifies with a key that the provider's DID document uses for statements;
what it says is compared with the manifest by `federate_check.py`. A provider that cannot be reached
decides nothing: the lead asks again.
"""

from __future__ import annotations

from connector.domain.decision import Refusal
from connector.domain.participant import Participant
from connector.errors import PreauError, UnknownPeer, WorldFault
from connector.identity import document as documents
from connector.identity.receipt import read_receipt
from connector.ports import Ports
from connector.services import onboard
from connector.services.federate_check import check_receipt
from federated.job import JobManifest, SiteContract


def check_others(ports: Ports, manifest: JobManifest) -> Refusal | None:
    """Return why the other sites' contracts do not count, or None.

    Raises:
        WorldFault: a provider that was never met cannot be reached.
    """
    own = ports.settings.did
    for contract in manifest.contracts:
        refusal = None if contract.site == own else _check(ports, manifest, contract)
        if refusal is not None:
            return refusal
    return None


def _check(ports: Ports, manifest: JobManifest, contract: SiteContract) -> Refusal | None:
    try:
        provider = _member(ports, contract.site)
        document = documents.read(provider.document, provider.did)
        receipt = read_receipt(contract.receipt, document)
    except WorldFault:
        raise
    except PreauError as exc:
        return Refusal(exc.code, (f"site `{contract.site}`: {exc.reason}",))
    return check_receipt(contract, receipt, manifest.lead, manifest.deadline)


def _member(ports: Ports, did: str) -> Participant:
    """Return a provider in good standing; one that was never met is met now.

    Raises:
        PreauError: it is not believed, or cannot be reached.
    """
    try:
        return onboard.judge(ports, did)
    except UnknownPeer:
        return onboard.meet(ports, did)
