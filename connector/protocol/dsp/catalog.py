"""A catalog, its datasets, how each can be had and where.

Rules: a list that would be empty is left out. An offer whose terms this node cannot read stands
beside the others with the reason: one foreign profile must not hide a catalog. What a dataset has
under names that nobody here knows is kept, for people to see. Catalogs within one are read as they
come, a few deep; none is fetched. `servesDataset` of a service is
neither written nor read: the protocol's context does not define it, so that it means nothing.

Source: DSP 2025-1, Catalog Protocol, with `catalog-schema.json` and `dataset-schema.json`; DCAT 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connector.errors import Malformed, PreauError
from connector.jsonld.canonical import canonical, parse_object
from connector.protocol import messages as m
from connector.protocol.dsp import extensions, members, policies
from connector.protocol.dsp.policies import Policies
from federated.reading import Member

MOST_WITHIN: Final = 8  # catalogs, each within the one before
_MOST: Final = 10_000  # of each list; bytes are bounded before
_NAMES: Final = frozenset({"@context", "@id", "@type", "hasPolicy", "distribution"})


@dataclass(frozen=True, slots=True)
class DataService:
    """A connector's endpoint.

    Attributes:
        id: IRI.
        endpoint_url: base of its paths.
    """

    id: str
    endpoint_url: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An offer that this node cannot read.

    Attributes:
        id: of the offer.
        code: stable code of the reason.
        reason: one line.
    """

    id: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """A way to have a dataset.

    Attributes:
        format: such as `HttpData-PULL`.
        service: where it is had; the id alone where the catalog lists the service.
        offers: for this way only.
        unreadable: same.
    """

    format: str
    service: DataService | str
    offers: tuple[m.CatalogOffer, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset.

    Attributes:
        dataset: its id and offers; its description is empty where the peer is no Préau node.
        distributions: at least one.
        unreadable: offers that this node cannot read.
        further: members that nobody here knows, as they came.
    """

    dataset: m.Dataset
    distributions: tuple[Distribution, ...]
    unreadable: tuple[Unreadable, ...] = ()
    further: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalog:
    """A page of a catalog, or a catalog within one.

    Attributes:
        id: IRI.
        participant_id: DID; of a catalog within another it may be empty.
        participant_description: VC-JWT; empty where the peer shows none.
        datasets: of this page.
        catalogs: within it.
        services: through which datasets are had.
        distributions: where a catalog within another is asked for.
    """

    id: str
    participant_id: str = ""
    participant_description: str = ""
    datasets: tuple[Dataset, ...] = ()
    catalogs: tuple[Catalog, ...] = ()
    services: tuple[DataService, ...] = ()
    distributions: tuple[Distribution, ...] = ()


def of_page(page: m.Catalog, name: str, service: DataService, formats: Sequence[str]) -> Catalog:
    """Return a page of our catalog as this binding shows it.

    Args:
        page: as our services answer it.
        name: IRI of the catalog.
        service: through which its datasets are had.
        formats: in which each of them is had; at least one.
    """
    return Catalog(
        name,
        page.participant_id,
        page.participant_description,
        tuple(of_dataset(each, service, formats) for each in page.datasets),
        services=(service,),
    )


def of_dataset(dataset: m.Dataset, service: DataService, formats: Sequence[str]) -> Dataset:
    """Return a dataset of ours as this binding shows it; see `of_page`."""
    return Dataset(dataset, tuple(Distribution(each, service) for each in formats))


def page_of(catalog: Catalog, next_page_token: str = "") -> m.Catalog:
    """Return a page that came as our services take it; offers that cannot be read are not in it.

    Datasets of catalogs within it are the peer's own, unless one says that it is another's.
    """
    found: dict[str, m.Dataset] = {}
    for each in _own(catalog, catalog.participant_id):
        found.setdefault(each.dataset.id, each.dataset)
    said = (catalog.participant_id, catalog.participant_description)
    return m.Catalog(*said, tuple(found.values()), next_page_token)


def _own(catalog: Catalog, participant: str) -> Iterator[Dataset]:
    """Yield the datasets of a catalog and of those within it, but for other participants' ones."""
    if catalog.participant_id in ("", participant):
        yield from catalog.datasets
        for within in catalog.catalogs:
            yield from _own(within, participant)


def write(catalog: Catalog, how: Policies) -> dict[str, Any]:
    """Return the body of a catalog.

    Args:
        catalog: with the DID of its participant.
        how: policies are written.

    Raises:
        Malformed: a member is missing.
        PreauError: terms of an offer cannot be said in the protocol.
    """
    body = {"@context": [members.CONTEXT], **_written(catalog, how)}
    members.needed(body, "@id", "participantId")
    return body


def read(data: bytes, how: Policies) -> Catalog:
    """Return a catalog.

    Args:
        data: body of an answer.
        how: policies are read.

    Raises:
        MessageTooLarge: more bytes than are read.
        Malformed: no catalog; the reason names the member.
        UpgradeRequired: of another version of the protocol.
    """
    _, root = members.opened(data, "Catalog")
    members.identifier(root, "participantId")
    return _catalog(root, root, how)


def write_dataset(dataset: Dataset, how: Policies) -> dict[str, Any]:
    """Return the body of a dataset that was asked for by its id.

    Raises:
        Malformed: it has no offer or no distribution.
        PreauError: terms of an offer cannot be said in the protocol.
    """
    return {"@context": [members.CONTEXT], **_dataset_written(dataset, how)}


def read_dataset(data: bytes, how: Policies) -> Dataset:
    """Return a dataset; see `read`.

    Raises:
        MessageTooLarge: more bytes than are read.
        Malformed: no dataset; the reason names the member.
        UpgradeRequired: of another version of the protocol.
    """
    _, root = members.opened(data, "Dataset", untyped=True)
    return _dataset(root, root, how)


def _written(catalog: Catalog, how: Policies) -> dict[str, Any]:
    shown = m.Catalog(catalog.participant_id, catalog.participant_description, ())
    lists = {
        "service": [_service_written(each) for each in catalog.services],
        "dataset": [_dataset_written(each, how) for each in catalog.datasets],
        "catalog": [_written(each, how) for each in catalog.catalogs],
        "distribution": [_distribution_written(each, how) for each in catalog.distributions],
    }
    if any(each.offers for each in catalog.distributions):
        raise Malformed("a distribution of a catalog cannot have offers: no context defines them")
    body: dict[str, Any] = {"@id": catalog.id, "@type": "Catalog"}
    if catalog.participant_id:
        body["participantId"] = catalog.participant_id
    return body | extensions.written(shown) | {key: each for key, each in lists.items() if each}


def _dataset_written(dataset: Dataset, how: Policies) -> dict[str, Any]:
    shown = dataset.dataset
    body = {
        "@id": shown.id,
        "@type": "Dataset",
        "hasPolicy": [how.offer(each.policy, each.id) for each in shown.offers],
        "distribution": [_distribution_written(each, how) for each in dataset.distributions],
    }
    members.needed(body, "@id", "hasPolicy", "distribution")
    ways = [offer for each in dataset.distributions for offer in each.offers]
    beside = {each.id: extensions.stated(each) for each in (*shown.offers, *ways)}
    said = {name: found for name, found in beside.items() if found}
    more = {extensions.OFFERS: canonical(said).decode()} if said else {}
    return body | extensions.written(shown) | more


def _distribution_written(distribution: Distribution, how: Policies) -> dict[str, Any]:
    service = distribution.service
    body = {
        "@type": "Distribution",
        "format": distribution.format,
        "accessService": service if isinstance(service, str) else _service_written(service),
        "hasPolicy": [how.offer(each.policy, each.id) for each in distribution.offers],
    }
    return {name: value for name, value in body.items() if value}


def _service_written(service: DataService) -> dict[str, Any]:
    return {"@id": service.id, "@type": "DataService", "endpointURL": service.endpoint_url}


def _catalog(
    member: Member, root: Member, how: Policies, around: frozenset[str] = frozenset()
) -> Catalog:
    """Read a catalog; `around`: those that it is within."""
    name = members.identifier(member, "@id")
    if name in around:
        member.refuse("is within itself")
    if len(around) == MOST_WITHIN:
        member.refuse(f"is within more than {MOST_WITHIN - 1} others")
    member.fields("@type", others=True)["@type"].exactly("Catalog")
    if members.several(member, "hasPolicy", _MOST):
        member.child("hasPolicy").refuse("belongs to a dataset, not to a catalog")
    inner = "participantId" in member.value
    return Catalog(
        id=name,
        participant_id=members.identifier(member, "participantId") if inner else "",
        **extensions.read(m.Catalog, member),
        datasets=tuple(_dataset(each, root, how) for each in _listed(member, "dataset")),
        catalogs=tuple(
            _catalog(each, root, how, around | {name}) for each in _listed(member, "catalog")
        ),
        services=tuple(map(_service, _listed(member, "service"))),
        distributions=tuple(
            _distribution(each, root, how, {}) for each in _listed(member, "distribution")
        ),
    )


def _dataset(member: Member, root: Member, how: Policies) -> Dataset:
    for name in ("hasPolicy", "distribution"):
        if not _listed(member, name):
            member.refuse(f"must have at least one `{name}`")
    name = members.identifier(member, "@id")
    beside = _beside(member)
    offers, unreadable = _offers(member, root, how, beside)
    known = m.Dataset(name, offers=offers, **extensions.read(m.Dataset, member))
    ways = [_distribution(each, root, how, beside) for each in _listed(member, "distribution")]
    further = {
        key: value
        for key, value in member.value.items()
        if key not in _NAMES and not key.startswith(extensions.TERMS)
    }
    return Dataset(known, tuple(ways), unreadable, further)


def _distribution(
    member: Member, root: Member, how: Policies, beside: Mapping[str, Any]
) -> Distribution:
    way = member.fields("accessService", "format", others=True)
    service = way["accessService"]
    return Distribution(
        way["format"].text(),
        service.text() if isinstance(service.value, str) else _service(service),
        *_offers(member, root, how, beside),
    )


def _service(member: Member) -> DataService:
    part = member.fields("@type", "endpointURL", others=True)
    part["@type"].exactly("DataService")
    url = part["endpointURL"].text(most=members.MAX_URL)
    return DataService(members.identifier(member, "@id"), url)


def _offers(
    member: Member, root: Member, how: Policies, beside: Mapping[str, Any]
) -> tuple[tuple[m.CatalogOffer, ...], tuple[Unreadable, ...]]:
    found: list[m.CatalogOffer] = []
    unreadable: list[Unreadable] = []
    for each in _listed(member, "hasPolicy"):
        name = policies.check(each)
        try:
            policy = how.read_offer(each, root)
        except PreauError as exc:
            unreadable.append(Unreadable(name, exc.code, exc.reason))
            continue
        try:
            more = extensions.taken(m.CatalogOffer, beside.get(name, {}))
        except Malformed as exc:
            each.refuse(f"what stands beside it {exc.reason}")
        found.append(m.CatalogOffer(name, policy, **more))
    return tuple(found), tuple(unreadable)


def _beside(member: Member) -> dict[str, dict[str, Any]]:
    """Return what stands beside the offers of a dataset, by the id of each."""
    if extensions.OFFERS not in member.value:
        return {}
    one = member.child(extensions.OFFERS)
    try:
        found = parse_object(one.content())
    except Malformed as exc:
        one.refuse(exc.reason)
    if not all(isinstance(each, dict) for each in found.values()):
        one.refuse("must hold an object for each offer")
    return found


def _listed(member: Member, name: str) -> list[Member]:
    return members.several(member, name, _MOST)
