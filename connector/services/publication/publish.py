"""Publishes datasets: checks a description, signs it, and makes its offers.

Rules: nothing is half applied: the file, the description and every policy are checked before one
transaction stores all of it; the file is read by a worker (`checking.py`), never by the node.
An offer keeps the `@id` that its policy states; publishing a dataset again replaces its description
and offers and withdraws those that are left out, narrowed ones too, while agreements keep what they
were signed for, and what that means for them is said. A
constraint that this node can neither check, enforce nor audit, or an offer that promises more than
the cap, is not published. What a description file says is `describing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from connector.domain.catalog.dataset import Dataset, Offer
from connector.domain.contract.negotiation import Role
from connector.domain.contract.notice import Standing
from connector.domain.page import PAGE, Damaged, Page
from connector.domain.privacy.register import Register
from connector.enforcement import layers
from connector.enforcement.ground import Ground
from connector.enforcement.layers import Stated
from connector.errors import CapExceeded, DescriptionIncomplete, PolicyInvalid, PreauError
from connector.identity.descriptions import description as descriptions
from connector.jsonld.canonical import canonical, sha256_hex
from connector.jsonld.policy import policy_bytes, read_policy
from connector.ports import Not, Ports, Transaction
from connector.protocol import codec
from connector.services.continuity import recovery
from connector.services.layers import force
from connector.services.lookup import require
from connector.services.membership import belonging, fetching
from connector.services.negotiation import telling, terms
from connector.services.privacy import registers
from connector.services.publication import (
    checking,
    describing,
    effects,
    hierarchies,
    judging,
    opened,
    saying,
    snapshots,
    verdicts,
)
from connector.services.publication.describing import Draft
from connector.services.publication.entries import Entry
from connector.services.publication.judging import Judged
from policies_odrl import Policy
from policies_odrl.model import PartyRef, PolicyKind


@dataclass(frozen=True, slots=True)
class Published:
    """A dataset as it is published now.

    Attributes:
        dataset: the dataset.
        effects: what layers add to its offers, and what its new version means for contracts that
            run, a line each.
    """

    dataset: Dataset
    effects: tuple[str, ...]


def publish(ports: Ports, description: Mapping[str, Any], *, distinct: str = "") -> Dataset:
    """Publish a dataset, or a new version of it, as `publish_anew` does; return it."""
    return publish_anew(ports, description, distinct=distinct).dataset


def publish_anew(
    ports: Ports,
    description: Mapping[str, Any],
    *,
    distinct: str = "",
    raise_cap: bool = False,
) -> Published:
    """Publish a dataset, or a new version of it, with its offers.

    Args:
        ports: of this node.
        description: a description file, parsed; see `describing.py`.
        distinct: why persons that other registers hold too are not the same; empty: not stated.
        raise_cap: whether the register's cap may rise; the parties of its contracts are told.

    Raises:
        DescriptionIncomplete: the reason lists all that is missing or wrong.
        DataFault: as `snapshots.taken`, and of the file of a hierarchy; a file of no layout is of
            another format.
        StoreUnavailable: the snapshot of its source cannot be written.
        ColumnMissing: a described column is not in the file.
        RowsMalformed: more rows are malformed than the description allows.
        PersonsExceeded: more persons than the declared population.
        PersonsOverlap: persons of another register, and `distinct` is empty.
        DataUnchecked: the persons of another dataset are not known.
        KeyUnusable: the key of the persons' digests is lost, or cannot be used.
        WorkerFailed: the worker that reads the file did not answer.
        PolicyInvalid: an offer or the reserve is not a well-formed policy for a catalog.
        ConstraintUnknown: a constraint that this node cannot uphold.
        CapExceeded: an offer promises more than the cap.
        LayerUnmet: nothing is left of an offer under a template or the charter, or one is not here.
        NotFound: the register that it names was never declared.
        RegisterFixed: its register, its rule or the register's cap would change as they may not.
        ConfigurationInvalid: no job could ever fit the cap under the rule that it states.
    """
    now = ports.clock.now()
    draft = describing.read(description, ports.settings.home, now)
    described = snapshots.taken(ports, hierarchies.kept(ports, draft.dataset))
    checking.check_all(ports)
    fetching.refresh_own_lists(ports)
    for _ in range(checking.ATTEMPTS):
        with ports.store.read() as tx:
            placed = replace(described, register_id=registers.chosen(tx, described))
            running = _running(tx, placed.id)
            meant = policies(ports, tx, placed, draft.offers)
        checked = checking.examine(ports, placed, distinct=distinct)
        verdicts.refuse(placed, checked.census)
        judged = judging.judge(ports, placed, meant)
        with suppress(_Overtaken), ports.store.write() as tx:
            before = tx.registers.get(placed.register_id)
            dataset, register = _settled(ports, tx, placed, draft, raise_cap=raise_cap)
            offers = _offers(ports, tx, dataset, draft, judged)
            if not checking.keep(tx, checked, distinct=distinct):
                raise _Overtaken
            said = _apply(tx, dataset, offers, running)
            telling.end_open(ports, tx, dataset.id, "the dataset was published again")
            _tell(ports, tx, before, register)
            tx.after_commit(partial(recovery.note, ports))
            return Published(dataset, (*_narrowed(ports, offers, draft.offers), *said))
    raise checking.busy()


def _narrowed(ports: Ports, offers: list[Offer], entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return what layers add to offers, a line each."""
    profiles = ports.mechanisms.profiles
    found = zip(offers, entries, strict=True)
    told = (force.narrowed(ports, each, read_policy(it.policy, profiles)) for each, it in found)
    return tuple(chain.from_iterable(told))


class _Overtaken(Exception):
    """Another file was published meanwhile: its persons were not compared."""


def datasets(ports: Ports, *, after: str = "", limit: int = PAGE) -> Page[Dataset]:
    """Return a page of the datasets of this node, oldest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        return tx.datasets.page(after=after, limit=limit)


def dataset(ports: Ports, dataset_id: str) -> Dataset:
    """Return a dataset of this node.

    Raises:
        NotFound: none of that id.
    """
    with ports.store.read() as tx:
        return require(tx.datasets.get(dataset_id), "dataset", dataset_id)


def offer(ports: Ports, offer_id: str) -> Offer:
    """Return an offer of this node, withdrawn or not.

    Raises:
        NotFound: none of that id.
    """
    with ports.store.read() as tx:
        return require(tx.offers.get(offer_id), "offer", offer_id)


def offers(ports: Ports, dataset_id: str) -> list[Offer | Damaged]:
    """Return the offers of a dataset, oldest first, and then those that cannot be read.

    Those that stand, and withdrawn ones that were published; the many that were narrowed for one
    negotiation each are shown there.
    """
    with ports.store.read() as tx:
        standing = tx.offers.page(limit=0, dataset_id=dataset_id, withdrawn=False)
        gone = tx.offers.page(limit=0, dataset_id=dataset_id, withdrawn=True, derived_from="")
    found = sorted((*standing.values, *gone.values), key=lambda offer: offer.created_at)
    return [*found, *standing.damaged, *gone.damaged]


def new_offer(
    ports: Ports, policy: Policy, dataset_id: str, identifier: str = "", **fields: Any
) -> Offer:
    """Return an offer of ours, not stored: our own rendering of the policy.

    Args:
        ports: of this node.
        policy: the terms.
        dataset_id: what it is about.
        identifier: its id; empty: a fresh one.
        fields: others of the offer.

    Raises:
        PolicyInvalid: the policy has no wire form.
    """
    identifier = identifier or ports.ids.new()
    own = replace(
        policy,
        kind=PolicyKind.OFFER,
        id=identifier,
        target=None,
        assigner=PartyRef(ports.settings.did),
        timestamp="",
    )
    data = policy_bytes(own, ports.mechanisms.profiles)
    return Offer(
        id=identifier,
        dataset_id=dataset_id,
        policy=data,
        digest=sha256_hex(data),
        created_at=ports.clock.now(),
        **fields,
    )


def _settled(
    ports: Ports, tx: Transaction, placed: Dataset, draft: Draft, *, raise_cap: bool
) -> tuple[Dataset, Register]:
    """Return a dataset in its register, described and signed."""
    dataset, register = registers.settle(tx, placed, draft.rule, draft.order, raise_cap=raise_cap)
    return _signed(ports, dataset, register), register


def _signed(ports: Ports, dataset: Dataset, register: Register) -> Dataset:
    credential = descriptions.issue_description(
        ports.signer,
        descriptions.describe_dataset(dataset, ports.settings.did, register.accounting),
        issuer_did=ports.settings.did,
        valid_from=dataset.published_at,
    )
    if len(credential) > codec.MAX_TOKEN:  # else nobody could read the catalog
        raise DescriptionIncomplete(
            f"the signed description would have {len(credential)} characters, and peers read at "
            f"most {codec.MAX_TOKEN}",
            hint="shorten the lists of its data dictionary, or the levels of its hierarchies",
        )
    return replace(dataset, credential=credential)


def _reserve(ports: Ports, raw: Mapping[str, Any] | None, dataset: Dataset) -> bytes:
    """Return the private limits in our own rendering, checked like an offer."""
    if raw is None:
        return b""
    given = read_policy(raw, ports.mechanisms.profiles)
    _no_target(given, "the reserve")
    rendered = new_offer(ports, replace(given, assignee=None), dataset.id).policy
    _check(ports, read_policy(rendered, ports.mechanisms.profiles), dataset, "the reserve")
    return rendered


def policies(
    ports: Ports, tx: Transaction, dataset: Dataset, entries: Iterable[Entry]
) -> list[Policy]:
    """Return what entries would be offered as, merged with the layers in force.

    Where that fails they stand as written: who publishes them says why.
    """
    return [_merged(ports, tx, dataset, entry) for entry in entries]


def _merged(ports: Ports, tx: Transaction, dataset: Dataset, entry: Entry) -> Policy:
    profiles = ports.mechanisms.profiles
    found = read_policy(entry.policy, profiles)
    with suppress(PreauError):
        space = belonging.chosen(ports.settings, entry.space)
        above = force.for_own(ports, tx, space, personal=dataset.personal)
        return layers.merged(above, found, profiles)
    return found


def _within(ports: Ports, above: Sequence[Stated], reserve: bytes, dataset: Dataset) -> bytes:
    """Return the private limits merged with the layers in force."""
    if not reserve or not above:
        return reserve
    profiles = ports.mechanisms.profiles
    found = layers.merged(above, read_policy(reserve, profiles), profiles)
    return new_offer(ports, found, dataset.id).policy


def offer_of(
    ports: Ports,
    tx: Transaction,
    dataset: Dataset,
    entry: Entry,
    reserve: bytes,
    identifier: str,
    judged: Judged,
) -> Offer:
    """Return an offer of a dataset from its entry, merged with the layers, checked, not stored.

    Args:
        ports: of this node.
        tx: the transaction.
        dataset: what it is about.
        entry: what the description says of it.
        reserve: private limits, in our own rendering.
        identifier: its id; empty: a fresh one.
        judged: what its uses come to.

    Raises:
        PolicyInvalid: not a well-formed offer for a catalog.
        NotFound: it is for the members of a space that is none of this node's.
        LayerUnmet: nothing is left of it under a template or the charter.
        Untrusted: which templates are in force cannot be known.
        ConstraintUnknown: a constraint that this node cannot uphold.
        CapExceeded: it promises more than the cap.
        PolicyOutsideProtocol: it is for every peer, and cannot be said to them.
    """
    policy = read_policy(entry.policy, ports.mechanisms.profiles)
    if policy.kind is not PolicyKind.OFFER:
        raise PolicyInvalid(f"a policy of class Offer was expected, not {policy.kind}")
    _no_target(policy, "the offer")
    audience = policy.assignee.id if policy.assignee else ""
    space = belonging.chosen(ports.settings, entry.space)
    above = force.for_own(ports, tx, space, personal=dataset.personal)
    offer = new_offer(
        ports,
        layers.merged(above, policy, ports.mechanisms.profiles),
        dataset.id,
        identifier,
        audience=audience,
        reserve=_within(ports, above, reserve, dataset),
        layers=tuple(each.name for each in above),
        review=entry.review,
        space=space.id,
    )
    stored = read_policy(offer.policy, ports.mechanisms.profiles)
    _check(ports, stored, dataset, "the offer")
    offer = replace(
        offer,
        dsp=saying.kept(offer.policy, entry.peers),
        report=judging.report(ports, dataset, stored, judged),
        shows_report=entry.shows_report,
    )
    opened.check(ports.mechanisms, offer, stored, dataset)
    return force.with_table(ports, offer, stored, above)


def _offers(
    ports: Ports, tx: Transaction, dataset: Dataset, draft: Draft, judged: Judged
) -> list[Offer]:
    """Return the offers of a draft, each under the id that it states."""
    reserve = _reserve(ports, draft.reserve, dataset)
    found: list[Offer] = []
    for entry in draft.offers:
        stated = read_policy(entry.policy, ports.mechanisms.profiles).id
        name = _identifier(tx, dataset.id, stated)
        if name in {offer.id for offer in found}:
            raise PolicyInvalid(f"two offers of dataset `{dataset.id}` state the same `@id`")
        found.append(offer_of(ports, tx, dataset, entry, reserve, name, judged))
    return found


def _identifier(tx: Transaction, dataset_id: str, stated: str) -> str:
    """Return the id of an offer whose policy states one; empty for a fresh one.

    A policy that serves several datasets gives each its own offer, always under the same id.
    """
    if not describing.IRI.fullmatch(stated):
        return ""
    held = tx.offers.get(stated)
    if held is None or (held.dataset_id == dataset_id and not held.derived_from):
        return stated
    digest = sha256_hex(canonical([dataset_id, stated]))
    return f"urn:preau:offer:{digest}"


def _no_target(policy: Policy, what: str) -> None:
    if policy.target is not None or any(rule.target is not None for _, rule in policy.rules()):
        raise PolicyInvalid(f"{what} names a target; in a catalog the dataset is its target")


def _check(ports: Ports, policy: Policy, dataset: Dataset, what: str) -> None:
    terms.check_sound(policy, ports.mechanisms)
    terms.planned(policy, Ground.of(dataset), ports.mechanisms)  # it fits this dataset
    if dataset.cap is None:
        return
    asked = terms.outline(policy, ports.mechanisms).figures
    if asked.epsilon > dataset.cap.epsilon or asked.delta > dataset.cap.delta:
        raise CapExceeded(
            f"{what} promises ε {asked.epsilon:g} at δ {asked.delta:g}, above the cap of "
            f"ε {dataset.cap.epsilon:g} at δ {dataset.cap.delta:g}"
        )


def _running(tx: Transaction, dataset_id: str) -> int:
    return tx.agreements.count(
        dataset_id=dataset_id, role=Role.PROVIDER, finalized=True, standing=Not(Standing.ENDED)
    )


def _effects(
    tx: Transaction, dataset: Dataset, offers: list[Offer], running: int
) -> tuple[str, ...]:
    """Return what a new version means for contracts that run; nothing where there is none."""
    before = tx.datasets.get(dataset.id)
    if before is None or not running:
        return ()
    held = tx.offers.find(dataset_id=dataset.id, withdrawn=False, derived_from="")
    return (
        f"contracts that run on under the terms that were signed: {running}",
        *effects.of_dataset(before, dataset),
        *effects.of_offers(held, offers),
    )


def _tell(ports: Ports, tx: Transaction, before: Register | None, after: Register) -> None:
    """Tell the parties of a register's contracts that its cap was raised."""
    if before is None or before.cap is None or after.cap is None:
        return
    if not after.cap.above(before.cap):
        return
    old, new = before.cap, after.cap
    names = [each.id for each in tx.datasets.find(register_id=after.id)]
    telling.concerning(
        ports,
        tx,
        names,
        f"the cap of ε per person over all contracts was raised from {old.epsilon:g} at δ "
        f"{old.delta:g} to {new.epsilon:g} at δ {new.delta:g}",
    )
    tx.after_commit(partial(telling.turn, ports, pages=1))


def _apply(tx: Transaction, dataset: Dataset, offers: list[Offer], running: int) -> tuple[str, ...]:
    """Keep what is published; return what it means for contracts that run."""
    said = _effects(tx, dataset, offers, running)
    for old in tx.offers.find(dataset_id=dataset.id, withdrawn=False):
        tx.offers.put(replace(old, withdrawn=True))
    tx.datasets.put(dataset)
    for offer in offers:
        tx.offers.put(offer)
    tx.audit.append(
        "dataset.published",
        dataset.id,
        description=descriptions.digest(dataset.credential),
        file=dataset.file.digest,
        register=dataset.register_id,
        population=dataset.population,
        offers=[offer.id for offer in offers],
        **({"layers": named} if (named := _named(offers)) else {}),
    )
    return said


def _named(offers: list[Offer]) -> list[str]:
    """Return the digests of the layers that offers were merged with."""
    return sorted({each.digest for offer in offers for each in offer.layers})
