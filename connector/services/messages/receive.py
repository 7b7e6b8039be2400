"""Where messages of peers arrive: one handler for each kind, whatever the binding.

Rules: the binding has authenticated the caller and judged its membership; a handler reads the body
strictly, answers with a body, or refuses by an exception of `connector/errors/`, in which case
nothing was changed. Refusals are written to the audit log by the binding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from connector.domain.participant import Participant
from connector.ports import Ports
from connector.protocol.dsp.negotiation import Negotiated
from connector.protocol.dsp.transfer import Transferred
from connector.protocol.messages import ContractNegotiation
from connector.protocol.transfer_messages import TransferProcess
from connector.services.continuity import custody
from connector.services.duties import receiving as receiving_deeds
from connector.services.evidence import cosigning, own_log
from connector.services.federation.site import cancellation
from connector.services.federation.site import jobs as site_jobs
from connector.services.negotiation import negotiate, notices, receiving
from connector.services.publication import catalog_pages
from connector.services.transfer import pulling
from connector.services.transfer import receiving as transfer_receiving
from connector.services.use import deciding, referring

Handler = Callable[[Ports, Participant, Mapping[str, Any]], Mapping[str, Any]]

HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "CatalogRequestMessage": catalog_pages.receive_catalog,
        "DatasetRequestMessage": catalog_pages.receive_dataset,
        **receiving.HANDLERS,
        "GetNegotiationMessage": negotiate.receive_get,
        "AgreementNotice": notices.receive,
        "AgreementDeed": receiving_deeds.receive,
        "JobSubmission": site_jobs.receive_job,
        "JobCancellation": cancellation.cancel_job,
        "UseRequest": deciding.receive_use,
        "ReferralMessage": referring.receive,
        "ConsistencyRequestMessage": own_log.consistency,
        "HeadDeposit": custody.keep_head,
        "HeadRequestMessage": custody.return_head,
        "EpochAnnouncement": custody.accept_epoch,
        "CosignRequestMessage": cosigning.cosign,
        **transfer_receiving.HANDLERS,
        "TransferAccessMessage": pulling.receive_access,
    }
)


def received(
    ports: Ports, caller: Participant, value: Negotiated | Transferred
) -> ContractNegotiation | TransferProcess:
    """Receive a message over HTTPS that moves a process, and return what it has become.

    Args:
        ports: of this node.
        caller: the sender, authenticated and judged.
        value: as it was read; a process that it opens takes its callback as address.

    Raises:
        PreauError: the message is refused; nothing changed.
    """
    if isinstance(value, Negotiated):
        return receiving.received(ports, caller, value)
    return transfer_receiving.received(ports, caller, value)
