"""What a consumer checks of a provider's layers before it asks, accepts and signs.

Rules: it takes nothing of the templates from the provider: terms must lie within those that this
node knows to be in force, and the table names just their lines as the authority's. Which lines are
of the charter and which were negotiated is the provider's word, which it signs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connector.domain.contract.negotiation import Negotiation
from connector.domain.layer import LayerKind
from connector.domain.participant import Participant
from connector.enforcement.layers import Stated
from connector.errors import AgreementTampered, LayerUnmet, PreauError, UnknownPeer
from connector.identity import agreement as agreements
from connector.identity import document as documents
from connector.identity.agreement import LAYERED
from connector.identity.descriptions import dataset_facts
from connector.jsonld.policy import read_policy
from connector.ports import Ports, Transaction
from connector.protocol.messages import CoverageLine
from connector.services.layers import force
from connector.services.membership import fetching
from connector.services.publication.catalog_pages import OfferView

_NAMED: Final = (LayerKind.AUTHORITY.value, LayerKind.CHARTER.value)


def check(ports: Ports, provider: str, offer: OfferView, *, personal: bool) -> tuple[Stated, ...]:
    """Check an offer of a peer's catalog; return the templates that bear on it.

    Where the peer names others than are known here, its authority is asked once for its list.

    Raises:
        LayerUnmet: it was not made under the templates in force, or not within them.
        PreauError: which templates are in force cannot be known.
    """
    with ports.store.read() as tx:
        peer = tx.participants.get(provider)
    if peer is None:
        raise UnknownPeer(f"`{provider}` was never admitted here")
    found, fault = _compared(ports, peer, offer, personal=personal)
    if fault:
        fetching.refresh_list_of(ports, peer.membership)
        found, fault = _compared(ports, peer, offer, personal=personal)
    if fault:
        raise LayerUnmet(
            f"offer `{offer.id}` {fault}",
            hint="the provider must publish the dataset again, or first fetch the authority's list",
        )
    profiles = ports.mechanisms.profiles
    policy = read_policy(offer.policy, profiles)
    force.check_terms(found, policy, profiles, f"the terms of offer `{offer.id}`")
    force.check_lines(found, policy, offer.coverage, profiles)
    return found


def check_foreign(ports: Ports, provider: Participant, policy: bytes) -> tuple[Stated, ...]:
    """Check an offer of a peer that names no layers; return the templates that bear on it.

    Raises:
        LayerUnmet: it is not within a template in force.
    """
    profiles = ports.mechanisms.profiles
    with ports.store.read() as tx:
        found = _for_foreign(ports, tx, provider)
    if found:
        force.check_terms(found, read_policy(policy, profiles), profiles, "the terms of the offer")
    return found


def _for_foreign(ports: Ports, tx: Transaction, provider: Participant) -> tuple[Stated, ...]:
    """Return the templates of the authority of a peer that describes no data: it may be personal.

    An authority of another make has none. That a list of ours is fresh was judged with the peer.
    """
    try:
        return force.for_peer(ports, tx, provider, personal=True)
    except LayerUnmet:
        raise
    except PreauError:
        return ()


def check_wish(ports: Ports, found: Sequence[Stated], wish: bytes) -> None:
    """Check that terms which this node would ask for weaken no template.

    Raises:
        LayerUnmet: they do; it names the template and its clause.
    """
    if wish and found:
        profiles = ports.mechanisms.profiles
        force.check_terms(found, read_policy(wish, profiles), profiles, "the terms asked for")


def present(ports: Ports, tx: Transaction, negotiation: Negotiation) -> tuple[Stated, ...]:
    """Return the templates that bear on the dataset of a negotiation in which we consume.

    Raises:
        UnknownPeer: the provider is not known here.
        PreauError: which templates are in force cannot be known.
    """
    provider = tx.participants.get(negotiation.peer)
    if provider is None:
        raise UnknownPeer(f"`{negotiation.peer}` was never admitted here")
    return _bearing(ports, tx, provider, negotiation)


def check_offered(ports: Ports, tx: Transaction, negotiation: Negotiation) -> None:
    """Check the offer that is on the table.

    Raises:
        LayerUnmet: it is not within a template in force.
        PreauError: as `present`.
    """
    found, profiles = present(ports, tx, negotiation), ports.mechanisms.profiles
    if found:
        policy = read_policy(negotiation.policy, profiles)
        force.check_terms(found, policy, profiles, "the terms offered")


def is_within(ports: Ports, tx: Transaction, negotiation: Negotiation) -> bool:
    """Return whether the offer on the table is known to lie within all templates in force."""
    try:
        check_offered(ports, tx, negotiation)
    except PreauError:
        return False
    return True


def check_agreement(
    ports: Ports, tx: Transaction, provider: Participant, negotiation: Negotiation, data: bytes
) -> None:
    """Check that an agreement upholds each template in force, and names them.

    Raises:
        AgreementTampered: it names no layers, others than are in force, or another for a line.
        LayerUnmet: its terms do not uphold a template, or one is not here.
        PreauError: as `present`.
    """
    document, profiles = agreements.read(data), ports.mechanisms.profiles
    if document.version < LAYERED:
        raise AgreementTampered(f"`{provider.did}` must upgrade: the agreement names no layers")
    found = _bearing(ports, tx, provider, negotiation)
    fault = force.changed(force.authority_of(document.layers), found)
    if fault:
        raise AgreementTampered(f"the agreement {fault}")
    stated = {line["layer"] for line in document.coverage}
    unnamed = stated & {*_NAMED} - {each.layer for each in document.layers}
    if unnamed:
        raise AgreementTampered(
            f"the agreement has lines of a layer ({min(unnamed)}) that it does not name"
        )
    if not found:
        return
    policy = read_policy(document.policy, profiles)
    force.check_terms(found, policy, profiles, "the terms of the agreement")
    lines = [CoverageLine(**line) for line in document.coverage]
    try:
        force.check_lines(found, policy, lines, profiles)
    except LayerUnmet as exc:
        raise AgreementTampered(exc.reason) from exc


def _compared(
    ports: Ports, provider: Participant, offer: OfferView, *, personal: bool
) -> tuple[tuple[Stated, ...], str]:
    with ports.store.read() as tx:
        try:
            found = force.for_peer(ports, tx, provider, personal=personal)
        except LayerUnmet as exc:
            return (), exc.reason
    return found, force.changed(force.authority_of(offer.layers), found)


def _bearing(
    ports: Ports, tx: Transaction, provider: Participant, negotiation: Negotiation
) -> tuple[Stated, ...]:
    if not negotiation.description and not provider.grpc_endpoint:
        return _for_foreign(ports, tx, provider)
    document = documents.read(provider.document, provider.did)
    _, facts = dataset_facts.verified(negotiation.description, document, negotiation.dataset_id)
    return force.for_peer(ports, tx, provider, personal=facts.personal)
