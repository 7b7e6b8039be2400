"""Routes: the node's own datasets and their offers."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Query

from connector.domain.dataset import Dataset, Offer
from connector.management import render
from connector.management.reach import Here, Reach
from connector.management.views import DatasetView, OfferView
from connector.services.negotiation import terms
from connector.services.privacy import merging
from connector.services.publication import checking, publish, verdicts

router: Final = APIRouter(tags=["datasets"])
Id = Annotated[str, Query(alias="id", description="id of the dataset")]
Distinct = Annotated[
    str, Query(description="why persons that other registers hold too are not the same")
]


@router.get("/datasets")
def datasets(here: Here) -> list[DatasetView]:
    """List the published datasets with their offers."""
    return [_shown(here, dataset) for dataset in publish.datasets(here.ports)]


@router.post("/datasets")
def publish_dataset(
    here: Here, description: Annotated[dict[str, Any], Body()], distinct: Distinct = ""
) -> DatasetView:
    """Publish a dataset, or a new version of it, with its offers."""
    return _shown(here, publish.publish(here.ports, description, distinct=distinct))


@router.get("/dataset")
def dataset(here: Here, identifier: Id) -> DatasetView:
    """Show a dataset, its offers, and how each constraint is upheld."""
    return _shown(here, publish.dataset(here.ports, identifier))


@router.post("/dataset/check")
def check(here: Here, identifier: Id, distinct: Distinct = "") -> DatasetView:
    """Check the dataset's file again, and keep the verdict."""
    checking.check(here.ports, identifier, distinct=distinct)
    return _shown(here, publish.dataset(here.ports, identifier))


@router.post("/dataset/merge")
def merge(
    here: Here, identifier: Id, register: Annotated[str, Query(description="the one that stays")]
) -> DatasetView:
    """Count the dataset's register in another one, whose persons are the same."""
    source = publish.dataset(here.ports, identifier).register_id
    merging.merge(here.ports, source, register)
    return _shown(here, publish.dataset(here.ports, identifier))


def _shown(here: Reach, value: Dataset) -> DatasetView:
    offers = [_offer(each) for each in publish.offers(here.ports, value.id)]
    with here.ports.store.read() as tx:
        found = verdicts.verdict(value, tx.censuses.find())
        persons = tx.persons.get(value.register_id)
    return render.dataset(value, offers, found, persons)


def _offer(value: Offer) -> OfferView:
    return render.offer(value, terms.coverage_of(value.policy))
