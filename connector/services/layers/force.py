"""Which layers are in force for a provider, and whether terms keep to them, on both sides.

Rules: templates are those of the authority that issued the provider's membership, as its status
list names them now. A list that has ended, or a template that is not here, leaves the layers
unknown, and what is unknown refuses. An offer names the layers that it was made under: once others
are in force it is contracted no more until it is published anew, while contracts stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from connector.config import Settings
from connector.domain.catalog.dataset import Offer
from connector.domain.layer import KeptLayer, LayerKind, LayerName
from connector.domain.participant import Participant
from connector.domain.space import Space
from connector.enforcement import layers
from connector.enforcement.layers import Stated
from connector.errors import LayerUnmet, PreauError, StatusListStale, UntrustedIssuer
from connector.identity import credential as credentials
from connector.identity import document as did_documents
from connector.identity import layer as documents
from connector.identity import status, trust
from connector.jsonld.policy import read_policy
from connector.jsonld.profiles import Profiles
from connector.ports import Ports, Transaction
from connector.protocol.messages import CoverageLine
from connector.services.layers import keeping
from connector.services.membership import belonging
from connector.services.negotiation import terms
from connector.services.readable import readable
from policies_odrl import Policy


def for_own(ports: Ports, tx: Transaction, space: Space, *, personal: bool) -> tuple[Stated, ...]:
    """Return the layers that bear on a dataset of ours that is offered in a space; as `bearing`."""
    profiles, now = ports.mechanisms.profiles, ports.clock.now()
    found = of_space(ports.settings, tx, space, ports.own_membership(space.id), now)
    return bearing(found, profiles, personal=personal)


def of_space(
    settings: Settings, tx: Transaction, space: Space, membership: str, now: datetime
) -> list[KeptLayer]:
    """Return the layers in force for what a node offers in a space: templates, then the charter.

    Before this node is a member of the space, no template bears on what it publishes.

    Raises:
        Untrusted: which templates are in force cannot be known; the class says why.
        LayerUnmet: a template in force is not here.
        PreauError: one cannot be read.
    """
    found = templates(space, tx, membership, now) if membership else []
    return [*found, *keeping.of_space(settings, tx, space)]


def for_peer(
    ports: Ports, tx: Transaction, provider: Participant, *, personal: bool
) -> tuple[Stated, ...]:
    """Return the templates that bear on a dataset of a peer; raises as `for_own`."""
    space = belonging.stated(ports.settings, provider)
    found = templates(space, tx, provider.membership, ports.clock.now())
    return bearing(found, ports.mechanisms.profiles, personal=personal)


def templates(space: Space, tx: Transaction, membership: str, now: datetime) -> list[KeptLayer]:
    """Return the templates in force of the authority that issued a membership of a space, by id.

    Raises:
        UntrustedIssuer: it is not one whom this node believes.
        StatusListStale: its list is not here, or has ended.
        CredentialInvalid: membership or list do not verify.
        LayerUnmet: a template is not here.
    """
    issuer = credentials.unverified_issuer(membership)
    cached = tx.issuers.get(issuer) if issuer in space.trusted_issuers else None
    if cached is None:
        raise UntrustedIssuer(f"the document of the issuer `{issuer[:200]}` is not available here")
    url = trust.status_url(membership, did_documents.read(cached.document, issuer))
    known = tx.status_lists.get(url)
    if known is None:
        raise StatusListStale("no status list of the issuer is available here")
    listed = trust.read_list(known.credential, cached.document, issuer)
    status.check_fresh(listed, now)
    found = [tx.layers.get(digest) for digest in listed.templates]
    here = [each for each in found if each is not None]
    if len(here) < len(found):
        raise LayerUnmet(
            f"{len(found) - len(here)} templates of `{issuer}` are not here yet",
            hint="the node fetches them by itself; `preau doctor` says what prevents it",
        )
    return sorted(here, key=lambda each: each.id)


def check_own(ports: Ports, tx: Transaction, offer: Offer, *, personal: bool) -> None:
    """Check that an offer of ours was made under the layers that are in force now.

    Raises:
        LayerUnmet: it was not, or a template is not here.
        PreauError: as `for_own`.
    """
    space = belonging.named(ports.settings, offer.space)
    fault = changed(offer.layers, for_own(ports, tx, space, personal=personal))
    if fault:
        raise LayerUnmet(
            f"offer `{offer.id}` {fault}", hint="the provider must publish the dataset again"
        )


def changed(named: Iterable[LayerName], present: Iterable[Stated]) -> str:
    """Return how the layers of an offer differ from those in force; empty: they do not."""
    before, now = set(named), {each.name for each in present}
    if before == now:
        return ""
    gone, new = (", ".join(sorted(map(str, part))) for part in (before - now, now - before))
    parts = (
        f"does not uphold {new}, which is in force",
        f"was made under {gone}, which is no longer in force",
    )
    return " and ".join(part for part, told in zip(parts, (new, gone), strict=True) if told)


def check_terms(present: Sequence[Stated], policy: Policy, profiles: Profiles, what: str) -> None:
    """Check that terms lie within layers.

    Raises:
        LayerUnmet: they are not proved to; it names the first layer, and its clause.
    """
    found = layers.unmet(present, policy, profiles)
    if found:
        raise LayerUnmet(f"{what} do not uphold {found[0]}")


def check_lines(
    present: Sequence[Stated], policy: Policy, lines: Sequence[CoverageLine], profiles: Profiles
) -> None:
    """Check that a table names just those lines as the authority's that a template states.

    Raises:
        LayerUnmet: it does not.
    """
    pairs = [(each.path, each.constraint) for each in lines]
    chain = layers.chained(present, profiles)
    expected = layers.origins(chain, policy, pairs, LayerKind.OFFER)
    for line, kind in zip(lines, expected, strict=True):
        if (line.layer == LayerKind.AUTHORITY) is not (kind is LayerKind.AUTHORITY):
            raise LayerUnmet(
                f"the table names for `{line.path}` another layer than this node finds"
            )


def authority_of(named: Iterable[LayerName]) -> list[LayerName]:
    """Return the templates among layers."""
    return [each for each in named if each.layer == LayerKind.AUTHORITY]


def with_table(
    ports: Ports,
    offer: Offer,
    policy: Policy,
    present: Sequence[Stated],
    published: Policy | None = None,
) -> Offer:
    """Return an offer of ours with the table of how it is upheld, and of where each line is from.

    Args:
        ports: of this node.
        offer: ours.
        policy: its terms.
        present: the layers in force for its dataset.
        published: the offer that it narrows for one negotiation.

    Raises:
        ConstraintUnknown: a part that this node can neither check, enforce nor audit.
        PolicyInvalid: a figure is missing or cannot be read.
    """
    found = terms.coverage(policy, ports.mechanisms)
    pairs = [(each.path, each.constraint) for each in found]
    chain, otherwise = layers.chained(present, ports.mechanisms.profiles), LayerKind.OFFER
    if published is not None:
        chain, otherwise = [*chain, (LayerKind.OFFER, published)], LayerKind.NEGOTIATED
    kinds = layers.origins(chain, policy, pairs, otherwise)
    lines = (replace(line, layer=kind.value) for line, kind in zip(found, kinds, strict=True))
    return replace(offer, coverage=terms.coverage_bytes(lines))


def narrowed(ports: Ports, offer: Offer, entry: Policy) -> tuple[str, ...]:
    """Return what layers state of an offer of ours and its own entry does not, a line each."""
    above = {LayerKind.AUTHORITY.value, LayerKind.CHARTER.value}
    lines = [it for it in terms.coverage_shown(offer, ports.mechanisms) if it.layer in above]
    pairs = [(each.path, each.constraint) for each in lines]
    merged = read_policy(offer.policy, ports.mechanisms.profiles)
    own = [(LayerKind.OFFER, entry)]
    kinds = layers.origins(own, merged, pairs, LayerKind.NEGOTIATED)
    return tuple(
        f"offer `{offer.id}`: the {line.layer} adds `{line.constraint}`"
        for line, kind in zip(lines, kinds, strict=True)
        if kind is not LayerKind.OFFER
    )


def bearing(
    found: Iterable[KeptLayer], profiles: Profiles, *, personal: bool
) -> tuple[Stated, ...]:
    """Return those of the layers in force that bear on a dataset, read.

    Raises:
        PreauError: one cannot be read.
    """
    return tuple(
        Stated(each.name, _policy(each.document, profiles))
        for each in found
        if personal or not documents.read(each.document).personal
    )


@lru_cache(maxsize=64)
def _policy(document: bytes, profiles: Profiles) -> Policy:
    return read_policy(documents.read(document).policy, profiles)


@dataclass(frozen=True, slots=True)
class Listed:
    """What a node has of layers.

    Attributes:
        layers: all that it published or fetched, oldest first.
        in_force: digests of those that bear on what it offers or, on an authority, its members do.
        fault: why the templates in force are not known; empty: they are.
    """

    layers: tuple[KeptLayer, ...]
    in_force: frozenset[str]
    fault: str


def listed(ports: Ports) -> Listed:
    """Return the layers of this node."""
    fault, now = "", ports.clock.now()
    present: list[KeptLayer] = []
    with ports.store.read() as tx:
        for space in ports.settings.spaces:
            membership = ports.own_membership(space.id)
            try:
                present += of_space(ports.settings, tx, space, membership, now)
            except PreauError as exc:
                fault = f"{exc.code}: {exc.reason}"
        known = tuple(readable(tx.layers))
    return Listed(known, frozenset(each.digest for each in present), fault)
