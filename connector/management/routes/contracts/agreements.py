"""Routes: contracts, and taking them back."""

from functools import partial
from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter, Query

from connector.domain.contract.negotiation import Agreement, Said
from connector.domain.contract.notice import Act
from connector.management.here import Here
from connector.management.paging import Paged
from connector.management.reach import Reach
from connector.management.render.contracts import agreements as render
from connector.management.views.contracts.agreements import (
    AgreementDetailView,
    AgreementView,
    NoticeRequest,
)
from connector.management.views.view import DamagedView, Withdrawal
from connector.services.negotiation import agree, notices, unsigned
from connector.services.negotiation.lost_keys import lost_keys
from connector.services.privacy import promises

router: Final = APIRouter(tags=["agreements"])
Id = Annotated[str, Query(alias="id", description="id of the agreement")]
_ACTS: Final = MappingProxyType({"end": Act.ENDED, "suspend": Act.SUSPENDED, "resume": Act.RESUMED})


@router.get("/agreements")
def agreements(here: Here, paged: Paged) -> list[AgreementView | DamagedView]:
    """List the contracts that both parties signed, oldest first."""
    page = agree.agreements(here.ports, after=paged.after, limit=paged.limit)
    return paged.rows(page, render.agreement)


@router.get("/agreement")
def agreement(here: Here, identifier: Id) -> AgreementDetailView:
    """Show a contract with all that proves it."""
    return _shown(here, agree.agreement(here.ports, identifier))


@router.post("/agreement")
def take_back(here: Here, identifier: Id, what: NoticeRequest) -> AgreementDetailView:
    """End, suspend or resume a contract, and tell the other party why."""
    return _shown(here, notices.give(here.ports, identifier, _ACTS[what.act], what.reason))


@router.post("/agreements/recount")
def recount(here: Here, why: Withdrawal) -> list[str]:
    """Count what contracts promise anew, from what was signed; return what was counted wrongly."""
    found = promises.recount(here.ports, why.reason)
    return [*(each or "missing datasets" for each in found.registers), *found.contracts]


def _shown(here: Reach, value: Agreement) -> AgreementDetailView:
    said = partial(notices.of_agreement, here.ports, value.id)
    lost = partial(lost_keys, here.ports, value)
    with here.ports.store.read() as tx:
        peer = tx.participants.get(notices.other(value))
    return render.agreement_detail(
        value,
        here.ports.code_hash,
        said,
        lost,
        partial(_heard, here, value),
        over_https=peer is not None and not peer.grpc_endpoint,
    )


def _heard(here: Reach, value: Agreement) -> tuple[Said, ...]:
    with here.ports.store.read() as tx:
        return unsigned.said(tx, value)
