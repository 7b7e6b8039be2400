"""Catalogs of peers as views."""

from __future__ import annotations

from connector.jsonld.canonical import parse_object
from connector.management.render.publishing.offers import (
    coverage,
    layer_names,
    licence,
    measured,
    reach,
    sentences,
)
from connector.management.views.contracts.catalogs import CatalogDatasetView, CatalogView
from connector.management.views.publishing.columns import columns
from connector.management.views.publishing.offers import OfferView
from connector.services.publication import catalog_pages


def catalog(value: catalog_pages.CatalogView, *, said: bool = True) -> CatalogView:
    """Return a page of a peer's catalog; `said`: with its offers in plain words."""
    return CatalogView(
        participant=value.participant,
        name=value.name,
        next=value.next,
        datasets=[
            CatalogDatasetView(
                id=dataset.id,
                description=dict(dataset.subject),
                columns=columns(dataset.facts.columns),
                offers=[
                    OfferView(
                        id=offer.id,
                        policy=parse_object(offer.policy),
                        licence=licence(parse_object(offer.policy)),
                        sentences=sentences(offer.policy) if said else {},
                        coverage=[coverage(line) for line in offer.coverage],
                        decision=offer.decision,
                        findings=measured(offer.report),
                        layers=layer_names(offer.layers),
                        reach=reach(offer.policy) if said else [],
                        unmet=offer.unmet,
                    )
                    for offer in dataset.offers
                ],
            )
            for dataset in value.datasets
        ],
    )
