"""The catalog: what a caller may see of ours, and what a peer shows us.

Rules: a caller sees datasets that have an offer for it, and of those only such offers; an offer
made for one consumer is shown to nobody else. Every offer comes with the table of how each
constraint is upheld. What a peer shows is believed only where its signature verifies: one
tampered description refuses the whole catalog. That the caller is a member is judged before, by
the binding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from typing import Any, Final

from connector.domain.catalog.dataset import Offer
from connector.domain.catalog.search import Search
from connector.domain.catalog.shelf import Entry
from connector.domain.layer import LayerName
from connector.domain.participant import Participant
from connector.errors import (
    DescriptionTampered,
    Malformed,
    NotFound,
    OfferUnknown,
    PreauError,
)
from connector.identity import document as documents
from connector.identity.descriptions import dataset_facts
from connector.identity.descriptions import description as descriptions
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.identity.document import DidDocument
from connector.identity.statements import risk_report
from connector.jsonld.canonical import b64url, unb64url
from connector.ports import Ports, Transaction
from connector.protocol import messages
from connector.services.membership import belonging, onboard
from connector.services.negotiation import terms

PAGE: Final = 50  # datasets of a page, where a consumer does not ask for another number
MOST: Final = 100  # datasets of a page
PAGE_BYTES: Final = 1 << 20  # about; a dataset that is larger has a page of its own
_MOST_NAMED: Final = 10
_LINE_BYTES: Final = 64  # beside the texts of a line
EVERYTHING: Final = Search()


@dataclass(frozen=True, slots=True)
class OfferView:
    """An offer as a peer shows it.

    Attributes:
        id: IRI.
        policy: canonical JSON-LD of the ODRL Offer, exact bytes.
        coverage: how the peer's node upholds each constraint.
        decision: what a person of the peer decides on; empty where the peer does not say.
        report: what the peer measured of its uses, its signature verified; empty where it shows
            none.
        layers: templates and charter that the peer merged it with.
        unmet: why this node would not sign it, code and reason; empty where it would, and of an
            offer whose provider says how it is upheld: that is judged when it is asked for.
    """

    id: str
    policy: bytes
    coverage: tuple[messages.CoverageLine, ...]
    decision: str = ""
    report: str = ""
    layers: tuple[LayerName, ...] = ()
    unmet: str = ""


@dataclass(frozen=True, slots=True)
class DatasetView:
    """A dataset as a peer describes it, its signature verified.

    Attributes:
        id: IRI.
        description: VC-JWT, exact text; an agreement fixes its digest. Empty of a provider that is
            no Préau node: then nothing is known of the dataset but its offers.
        subject: what it says, JSON-LD.
        facts: the same as values.
        offers: those that this node may use.
    """

    id: str
    description: str
    subject: Mapping[str, Any]
    facts: DatasetFacts
    offers: tuple[OfferView, ...]

    def offer(self, offer_id: str = "") -> OfferView:
        """Return an offer of the dataset; the only one when no id is given.

        Raises:
            OfferUnknown: no such offer, or several to choose from.
        """
        found = [offer for offer in self.offers if offer_id in ("", offer.id)]
        if not found:
            raise OfferUnknown(f"dataset `{self.id}` has no offer `{offer_id}`")
        if len(found) > 1:
            listed = ", ".join(f"`{each.id}`" for each in found[:_MOST_NAMED])
            reason = f"dataset `{self.id}` has {len(found)} offers: {listed}"
            raise OfferUnknown(reason, hint="name one with `--offer`")
        return found[0]


@dataclass(frozen=True, slots=True)
class CatalogView:
    """A peer's catalog, everything in it verified.

    Attributes:
        participant: DID.
        name: legal name, as its membership states it.
        description: its self-description as JSON-LD; empty when it shows none.
        datasets: of a page, in the peer's order.
        next: the peer's word for the page after it; empty on the last.
    """

    participant: str
    name: str
    description: Mapping[str, Any]
    datasets: tuple[DatasetView, ...]
    next: str


def receive_catalog(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a page of our catalog: so many datasets, and no more than fit its bytes.

    Raises:
        Malformed: the request cannot be read, asks for too many words, or the page token is not
            one of ours.
    """
    asked = messages.CatalogRequestMessage.from_body(body)
    after = page_start(asked.page_token)
    search = Search(asked.words, asked.territory, asked.purpose, asked.legal_basis)
    with ports.store.read() as tx:
        limit = min(asked.limit or PAGE, MOST)
        page = tx.shelf.page(caller.did, where(ports, caller), search, after=after, limit=limit)
    fitting = _fitting(ports, page.values)
    last = page.next if len(fitting) == len(page.values) else fitting[-1].id
    return messages.Catalog(
        participant_id=ports.settings.did,
        participant_description=own_description(ports),
        datasets=tuple(fitting),
        next_page_token=b64url(last.encode()) if last else "",
    ).to_body()


def receive_dataset(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one dataset.

    Raises:
        Malformed: the request cannot be read.
        NotFound: no such dataset that the caller may see.
    """
    wanted = messages.DatasetRequestMessage.from_body(body).dataset
    return shown(ports, entry(ports, caller, wanted)).to_body()


def entry(ports: Ports, caller: Participant, wanted: str) -> Entry:
    """Return one dataset of ours, with the offers for a caller.

    Raises:
        NotFound: no such dataset that the caller may see.
    """
    with ports.store.read() as tx:
        dataset = tx.datasets.get(wanted)
        offers = _offers(ports, tx, caller, wanted)
    if dataset is None or not offers:
        raise unseen()
    return Entry(dataset.id, dataset.credential, offers)


def unseen() -> NotFound:
    """Return the refusal of a dataset that a caller may not see, or that is not there."""
    return NotFound("no such dataset")


def visible_offer(
    ports: Ports, tx: Transaction, caller: Participant, offer_id: str, dataset_id: str
) -> Offer:
    """Return an offer of ours that a consumer may use for a dataset.

    Raises:
        OfferUnknown: unknown, withdrawn, made for another consumer or the members of another space,
            or about another dataset; the answer does not say which.
    """
    offer = tx.offers.get(offer_id)
    if (
        offer is None
        or offer.withdrawn
        or offer.dataset_id != dataset_id
        or offer.audience not in ("", caller.did)
        or offer.space not in where(ports, caller)
    ):
        raise OfferUnknown("no such offer of this dataset")
    return offer


def own_description(ports: Ports) -> str:
    """Return this node's self-description, VC-JWT; the same text for a whole day."""
    settings = ports.settings
    day = datetime.combine(ports.clock.now().date(), time(), UTC)
    subject = descriptions.describe_participant(
        settings.did, settings.name, settings.country, settings.registration
    )
    return descriptions.issue_description(
        ports.signer, subject, issuer_did=settings.did, valid_from=day
    )


def fetch_catalog(
    ports: Ports,
    peer_did: str,
    search: Search = EVERYTHING,
    *,
    after: str = "",
    limit: int = PAGE,
) -> CatalogView:
    """Fetch and verify a page of a peer's catalog.

    An older peer shows what was not searched for too; that is left out here.

    Raises:
        UnknownPeer: this node has not met it, and cannot.
        DescriptionTampered: a description does not verify, or is another's.
        Malformed: the answer cannot be read.
        PeerUnreachable: it does not answer.
        PreauError: the refusal that it answered with.
    """
    return catalog_of(ports, onboard.known(ports, peer_did), search, after=after, limit=limit)


def catalog_of(
    ports: Ports, peer: Participant, search: Search, *, after: str = "", limit: int = PAGE
) -> CatalogView:
    """Fetch and verify a page of the catalog of a peer that is known; as `fetch_catalog`."""
    request = messages.CatalogRequestMessage(
        after, limit, search.words, search.territory, search.purpose, search.legal_basis
    )
    answer = ports.wire.call(peer, "CatalogRequestMessage", request.to_body())
    page = messages.Catalog.from_body(answer)
    if page.participant_id != peer.did:
        raise DescriptionTampered(f"the catalog is not that of `{peer.did}`")
    first, now = page.participant_description, ports.clock.now()
    about = documents.read(peer.document, peer.did)
    described = descriptions.verify_description(first, about, peer.did, now=now) if first else {}
    entries = (_verified(ports, peer, about, entry) for entry in page.datasets)
    wanted = tuple(it for it in entries if not it.description or search.matches(it.facts))
    return CatalogView(peer.did, peer.name, described, wanted, page.next_page_token)


def fetch_dataset(ports: Ports, peer_did: str, dataset_id: str) -> DatasetView:
    """Fetch and verify one dataset of a peer.

    Raises:
        UnknownPeer: this node has not met it, and cannot.
        NotFound: the peer shows no such dataset.
        DescriptionTampered: its description does not verify, or is another's.
        Malformed: the answer cannot be read.
        PeerUnreachable: it does not answer.
    """
    return dataset_of(ports, onboard.known(ports, peer_did), dataset_id)


def dataset_of(ports: Ports, peer: Participant, dataset_id: str) -> DatasetView:
    """Fetch and verify one dataset of a peer that is known; as `fetch_dataset`."""
    request = messages.DatasetRequestMessage(dataset_id)
    try:
        answer = ports.wire.call(peer, "DatasetRequestMessage", request.to_body())
    except NotFound as exc:
        hint = f"`preau catalog {peer.did}` lists what it offers"
        raise NotFound(
            f"`{peer.did}` offers this node no dataset `{dataset_id}`", hint=hint
        ) from exc
    found = messages.Dataset.from_body(answer)
    if found.id != dataset_id:
        raise DescriptionTampered(f"the answer is about another dataset than `{dataset_id}`")
    return _verified(ports, peer, documents.read(peer.document, peer.did), found)


def _verified(
    ports: Ports, peer: Participant, document: DidDocument, entry: messages.Dataset
) -> DatasetView:
    subject: Mapping[str, Any] = {}
    facts = DatasetFacts.undescribed(entry.id, peer.did)
    if entry.description or peer.grpc_endpoint:
        subject, facts = dataset_facts.verified(entry.description, document, entry.id)
    if facts.publisher != peer.did:
        raise DescriptionTampered(f"dataset `{entry.id}` is another publisher's")
    offers = tuple(
        OfferView(
            *(offer.id, offer.policy, coverage, offer.decision, offer.report),
            tuple(
                LayerName(each.layer, each.id, each.version, each.digest) for each in offer.layers
            ),
            unmet,
        )
        for offer in entry.offers
        for coverage, unmet in (_upheld(ports, offer, stated=bool(entry.description)),)
    )
    for offer in offers:
        _check_report(offer.report, document, entry.id)
    return DatasetView(entry.id, entry.description, subject, facts, offers)


def _upheld(
    ports: Ports, offer: messages.CatalogOffer, *, stated: bool
) -> tuple[tuple[messages.CoverageLine, ...], str]:
    """Return how each part of a peer's offer is upheld, and why this node would not sign it.

    A provider that is no Préau node states no table: this node works it out.
    """
    if stated:
        return offer.coverage, ""
    try:
        policy = terms.read_small(offer.policy, ports.mechanisms.profiles)
        return terms.coverage(policy, ports.mechanisms), ""
    except PreauError as exc:
        return (), f"{exc.code}: {exc.reason}"


def _check_report(token: str, document: DidDocument, dataset_id: str) -> None:
    if token and risk_report.read(token, document).dataset != dataset_id:
        raise DescriptionTampered(f"the report of dataset `{dataset_id}` is about another one")


def where(ports: Ports, caller: Participant) -> tuple[str, ...]:
    """Return the space in which a caller is dealt with, as offers name it."""
    return belonging.spellings(ports.settings, belonging.stated(ports.settings, caller))


def _offers(
    ports: Ports, tx: Transaction, caller: Participant, dataset_id: str
) -> tuple[Offer, ...]:
    """Return the published offers for a caller; one made in a negotiation is on no shelf."""
    found = tx.offers.find(dataset_id=dataset_id, withdrawn=False, derived_from="")
    here = where(ports, caller)
    return tuple(
        offer for offer in found if offer.audience in ("", caller.did) and offer.space in here
    )


def shown(ports: Ports, entry: Entry) -> messages.Dataset:
    """Return a dataset as consumers see it, with how each part of its offers is upheld."""
    offers = tuple(
        messages.CatalogOffer(
            offer.id,
            offer.policy,
            terms.coverage_shown(offer, ports.mechanisms),
            offer.decision.value,
            offer.report if offer.shows_report else "",
            tuple(messages.NamedLayer(**asdict(each)) for each in offer.layers),
        )
        for offer in entry.offers
    )
    return messages.Dataset(entry.id, entry.description, offers)


def _fitting(ports: Ports, entries: Iterable[Entry]) -> list[messages.Dataset]:
    """Return the first datasets that fit a page, at least one where there are any."""
    found: list[messages.Dataset] = []
    room = PAGE_BYTES
    for each in entries:
        dataset = shown(ports, each)
        room -= _size(dataset)
        if found and room < 0:
            break
        found.append(dataset)
    return found


def _size(dataset: messages.Dataset) -> int:
    """Return about how many bytes a dataset takes in a page."""
    lines = (line for offer in dataset.offers for line in offer.coverage)
    texts = sum(len(it.path) + len(it.constraint) + len(it.by) + _LINE_BYTES for it in lines)
    offers = sum(len(each.policy) + len(each.report) for each in dataset.offers)
    return len(dataset.description) + offers + texts


def page_start(token: str) -> str:
    """Return the id of the last dataset before a page of ours; empty: it is the first.

    Raises:
        Malformed: the token is not one of ours.
    """
    if not token:
        return ""
    try:
        return unb64url(token).decode()
    except UnicodeDecodeError as exc:
        raise Malformed("the page token was not issued by this node") from exc
