"""Own datasets as views."""

from __future__ import annotations

from collections.abc import Iterable

from connector.domain.catalog.dataset import Dataset
from connector.domain.privacy.census import RegisterPersons
from connector.management.views.publishing.columns import columns
from connector.management.views.publishing.datasets import CheckView, DatasetView
from connector.management.views.publishing.offers import OfferView
from connector.services.publication.verdicts import OF_THE_FILE, Verdict, mend


def dataset(
    value: Dataset,
    offers: Iterable[OfferView],
    verdict: Verdict | None = None,
    persons: RegisterPersons | None = None,
    fault: str = "",
) -> DatasetView:
    """Return an own dataset, with what is on record of its file and of its register's persons."""
    return DatasetView(
        fault=fault,
        id=value.id,
        title=value.title,
        description=value.description,
        personal=value.personal,
        columns=columns(value.columns),
        person_column=value.person_column,
        rows_per_person=value.rows_per_person,
        population=value.population,
        collection_purpose=value.collection_purpose,
        legal_basis=value.legal_basis,
        retention=value.retention,
        territory=value.territory,
        cap_epsilon=value.cap.epsilon if value.cap else None,
        cap_delta=value.cap.delta if value.cap else None,
        file=value.file.place,
        snapshot=value.file.digest if value.file.source.stated else "",
        snapshot_at=value.file.source.taken_at,
        published_at=value.published_at,
        offers=list(offers),
        register_id=value.register_id,
        person_format=value.person_format,
        malformed_share=value.malformed_share,
        check=_check(value.id, verdict, persons) if verdict else None,
    )


def _check(dataset_id: str, verdict: Verdict, persons: RegisterPersons | None) -> CheckView:
    census = verdict.census
    # Counts on record are of the file that was published, which is not the one that is there.
    counts = census.counts if census and verdict.code not in OF_THE_FILE else None
    return CheckView(
        verdict=verdict.code or "passed",
        reasons=list(verdict.reasons),
        mend=mend(dataset_id, verdict.code),
        rows=counts.rows if counts else None,
        malformed=counts.malformed if counts else None,
        persons=counts.persons if counts else None,
        over=counts.over if counts else None,
        unreadable={each.column: each.values for each in counts.unreadable} if counts else {},
        outside={each.column: each.values for each in counts.outside} if counts else {},
        register_persons=persons.persons if persons else None,
        distinct={each.register_id: each.reason for each in census.overlaps if each.reason}
        if census
        else {},
        checked_at=census.at if census else None,
    )
