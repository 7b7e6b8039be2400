"""Routes: the node's own datasets and their offers."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Query

from connector.domain.catalog.dataset import Dataset, Offer
from connector.domain.page import Damaged
from connector.jsonld.policy import read_policy
from connector.management.here import Here
from connector.management.paging import Paged
from connector.management.reach import Reach
from connector.management.render.publishing import datasets as render
from connector.management.render.publishing import offers as render_offers
from connector.management.views.publishing.datasets import DatasetView
from connector.management.views.publishing.offers import OfferView
from connector.management.views.publishing.risk import FindingsView, findings
from connector.management.views.view import DamagedView, Withdrawal
from connector.ports import Transaction
from connector.services.negotiation import terms
from connector.services.privacy import merging
from connector.services.publication import (
    checking,
    previewing,
    publish,
    snapshots,
    verdicts,
    withdrawing,
)
from connector.services.readable import Readable

router: Final = APIRouter(tags=["datasets"])
Id = Annotated[str, Query(alias="id", description="id of the dataset")]
Distinct = Annotated[
    str, Query(description="why persons that other registers hold too are not the same")
]


@router.get("/datasets")
def datasets(here: Here, paged: Paged) -> list[DatasetView | DamagedView]:
    """List the published datasets, oldest first.

    With their offers as they stand; in plain words, and how each is upheld, at `/dataset`.
    """
    page = publish.datasets(here.ports, after=paged.after, limit=paged.limit)
    with here.ports.store.read() as tx:
        return paged.rows(page, partial(_in_brief, tx))


@router.post("/datasets")
def publish_dataset(
    here: Here,
    description: Annotated[dict[str, Any], Body()],
    distinct: Distinct = "",
    *,
    raise_cap: Annotated[bool, Query(description="whether the register's cap may rise")] = False,
) -> DatasetView:
    """Publish a dataset, or a new version of it, with its offers."""
    made = publish.publish_anew(here.ports, description, distinct=distinct, raise_cap=raise_cap)
    return _shown(here, made.dataset).model_copy(update={"effects": list(made.effects)})


@router.post("/dataset/withdraw")
def withdraw(here: Here, identifier: Id, why: Withdrawal) -> DatasetView:
    """Offer a dataset to nobody any more; contracts on it run on."""
    return _shown(here, withdrawing.withdraw_dataset(here.ports, identifier, why.reason))


@router.get("/dataset")
def dataset(here: Here, identifier: Id) -> DatasetView:
    """Show a dataset, its offers, and how each constraint is upheld."""
    return _shown(here, publish.dataset(here.ports, identifier))


@router.post("/dataset/check")
def check(here: Here, identifier: Id, distinct: Distinct = "") -> DatasetView:
    """Check the dataset's file again, and keep the verdict."""
    checking.check(here.ports, identifier, distinct=distinct)
    found = publish.dataset(here.ports, identifier)
    source = found.file.source
    state = snapshots.state_of(here.ports.sources, source) if source.stated else ""
    return _shown(here, found).model_copy(update={"source": state})


@router.post("/dataset/refresh")
def refresh(here: Here, identifier: Id, distinct: Distinct = "") -> DatasetView:
    """Read the dataset's rows anew; its description and its offers stay."""
    made = snapshots.refresh(here.ports, identifier, distinct=distinct)
    return _shown(here, made.dataset).model_copy(update={"effects": list(made.effects)})


@router.post("/dataset/preview")
def preview(
    here: Here, identifier: Id, policy: Annotated[dict[str, Any], Body()]
) -> list[FindingsView]:
    """Measure what the uses of a policy would come to on the dataset; nothing is kept."""
    found = publish.dataset(here.ports, identifier)
    asked = read_policy(policy, here.ports.mechanisms.profiles)
    (uses,) = previewing.preview(here.ports, found, [asked])
    return [findings(each.action, each.findings) for each in uses]


@router.post("/datasets/preview")
def preview_described(
    here: Here, description: Annotated[dict[str, Any], Body()]
) -> list[list[FindingsView]]:
    """Measure what the offers of a description would come to; nothing is published or kept."""
    offers = previewing.preview_described(here.ports, description)
    return [[findings(each.action, each.findings) for each in uses] for uses in offers]


@router.post("/dataset/merge")
def merge(
    here: Here, identifier: Id, register: Annotated[str, Query(description="the one that stays")]
) -> DatasetView:
    """Count the dataset's register in another one, whose persons are the same."""
    source = publish.dataset(here.ports, identifier).register_id
    merging.merge(here.ports, source, register)
    return _shown(here, publish.dataset(here.ports, identifier))


def _in_brief(tx: Transaction, value: Dataset) -> DatasetView:
    standing = tx.offers.page(limit=0, dataset_id=value.id, withdrawn=False).rows
    return _described(tx, value, standing, render_offers.offer_in_brief)


def _shown(here: Reach, value: Dataset) -> DatasetView:
    offers = publish.offers(here.ports, value.id)
    with here.ports.store.read() as tx:
        return _described(tx, value, offers, partial(_offer, here))


def _described(
    tx: Transaction,
    value: Dataset,
    offers: Iterable[Offer | Damaged],
    view: Callable[[Offer], OfferView],
) -> DatasetView:
    shown = Readable()
    found = shown.part(lambda: verdicts.verdict(value, verdicts.on_record(tx, value)), None)
    persons = shown.part(partial(tx.persons.get, value.register_id), None)
    made = [render_offers.damaged_offer(o) if isinstance(o, Damaged) else view(o) for o in offers]
    return render.dataset(value, made, found, persons, shown.fault)


def _offer(here: Reach, value: Offer) -> OfferView:
    return render_offers.offer(value, terms.coverage_shown(value, here.ports.mechanisms))
