"""Publishes datasets: checks a description, signs it, and makes its offers.

Rules: nothing is half applied: the file, the description and every policy are checked before one
transaction stores all of it; the file is read by a worker (`checking.py`), never by the node.
An offer gets a fresh id and is immutable; publishing a dataset again replaces its description and
withdraws its older offers, narrowed ones too, while agreements keep what they were signed for. A
constraint that this node can neither check, enforce nor audit, or an offer that promises more than
the cap, is not published. What a description file says is `describing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from connector.domain.dataset import Dataset, Offer
from connector.domain.page import PAGE, Page
from connector.domain.register import Register
from connector.errors import CapExceeded, NotFound, PolicyInvalid
from connector.identity import description as descriptions
from connector.jsonld.canonical import sha256_hex
from connector.jsonld.policy import policy_bytes, read_policy
from connector.ports import Ports, Transaction
from connector.services.continuity import recovery
from connector.services.negotiation import terms
from connector.services.privacy import registers
from connector.services.publication import checking, describing, verdicts
from policies_odrl import Policy
from policies_odrl.model import PartyRef, PolicyKind


def publish(ports: Ports, description: Mapping[str, Any], *, distinct: str = "") -> Dataset:
    """Publish a dataset, or a new version of it, with its offers.

    Args:
        ports: of this node.
        description: a description file, parsed; see `describing.py`.
        distinct: why persons that other registers hold too are not the same; empty: not stated.

    Raises:
        DescriptionIncomplete: the reason lists all that is missing or wrong.
        DataFileMissing: no such file.
        DataFileUnreadable: not a file of that format.
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
        NotFound: the register that it names was never declared.
        RegisterFixed: its register, its rule or the register's cap would change as they may not.
        ConfigurationInvalid: no job could ever fit the cap under the rule that it states.
    """
    now = ports.clock.now()
    draft = describing.read(description, ports.settings.home, now)
    digest = ports.sources.digest(Path(draft.dataset.file.path))
    described = replace(draft.dataset, file=replace(draft.dataset.file, digest=digest))
    checking.check_all(ports)
    for _ in range(checking.ATTEMPTS):
        with ports.store.read() as tx:
            placed = replace(described, register_id=registers.chosen(tx, described))
        checked = checking.examine(ports, placed, distinct=distinct)
        verdicts.refuse(placed, checked.census)
        with suppress(_Overtaken), ports.store.write() as tx:
            dataset, register = registers.settle(tx, placed, draft.rule, draft.order)
            dataset = _signed(ports, dataset, register)
            reserve = _reserve(ports, draft.reserve, dataset)
            offers = [_offer(ports, dataset, raw, reserve) for raw in draft.offers]
            if not checking.keep(tx, checked, distinct=distinct):
                raise _Overtaken
            _apply(tx, dataset, offers)
            tx.after_commit(partial(recovery.note, ports))
            return dataset
    raise checking.busy()


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
        found = tx.datasets.get(dataset_id)
    if found is None:
        raise NotFound(f"no dataset `{dataset_id}`")
    return found


def offers(ports: Ports, dataset_id: str) -> list[Offer]:
    """Return the offers of a dataset, oldest first.

    Those that stand, and withdrawn ones that were published; the many that were narrowed for one
    negotiation each are shown there.
    """
    with ports.store.read() as tx:
        standing = tx.offers.find(dataset_id=dataset_id, withdrawn=False)
        gone = tx.offers.find(dataset_id=dataset_id, withdrawn=True, derived_from="")
    return sorted((*standing, *gone), key=lambda offer: offer.created_at)


def withdraw(ports: Ports, offer_id: str) -> Offer:
    """Take an offer back; agreements concluded on it keep their terms.

    Raises:
        NotFound: none of that id.
    """
    with ports.store.write() as tx:
        found = tx.offers.lock(offer_id)
        if found is None:
            raise NotFound(f"no offer `{offer_id}`")
        if not found.withdrawn:
            found = replace(found, withdrawn=True)
            tx.offers.put(found)
            tx.audit.append("offer.withdrawn", found.id, dataset=found.dataset_id)
    return found


def new_offer(ports: Ports, policy: Policy, dataset_id: str, **fields: Any) -> Offer:
    """Return an offer of ours, not stored: fresh id, our own rendering of the policy.

    Raises:
        PolicyInvalid: the policy has no wire form.
    """
    identifier = ports.ids.new()
    own = replace(
        policy,
        kind=PolicyKind.OFFER,
        id=identifier,
        target=None,
        assigner=PartyRef(ports.settings.did),
        timestamp="",
    )
    data = policy_bytes(own)
    return Offer(
        id=identifier,
        dataset_id=dataset_id,
        policy=data,
        digest=sha256_hex(data),
        created_at=ports.clock.now(),
        **fields,
    )


def _signed(ports: Ports, dataset: Dataset, register: Register) -> Dataset:
    credential = descriptions.issue_description(
        ports.signer,
        descriptions.describe_dataset(dataset, ports.settings.did, register.accounting),
        issuer_did=ports.settings.did,
        valid_from=dataset.published_at,
    )
    return replace(dataset, credential=credential)


def _reserve(ports: Ports, raw: Mapping[str, Any] | None, dataset: Dataset) -> bytes:
    """Return the private limits in our own rendering, checked like an offer."""
    if raw is None:
        return b""
    given = read_policy(raw)
    _no_target(given, "the reserve")
    rendered = new_offer(ports, replace(given, assignee=None), dataset.id).policy
    _check(read_policy(rendered), dataset, "the reserve")
    return rendered


def _offer(ports: Ports, dataset: Dataset, raw: Mapping[str, Any], reserve: bytes) -> Offer:
    policy = read_policy(raw)
    if policy.kind is not PolicyKind.OFFER:
        raise PolicyInvalid(f"a policy of class Offer was expected, not {policy.kind}")
    _no_target(policy, "the offer")
    audience = policy.assignee.id if policy.assignee else ""
    offer = new_offer(ports, policy, dataset.id, audience=audience, reserve=reserve)
    stored = read_policy(offer.policy)
    _check(stored, dataset, "the offer")
    return replace(offer, coverage=terms.coverage_bytes(stored))


def _no_target(policy: Policy, what: str) -> None:
    if policy.target is not None or any(rule.target is not None for _, rule in policy.rules()):
        raise PolicyInvalid(f"{what} names a target; in a catalog the dataset is its target")


def _check(policy: Policy, dataset: Dataset, what: str) -> None:
    terms.check_sound(policy)
    if dataset.cap is None:
        return
    limits = terms.limits(policy)
    if limits.epsilon > dataset.cap.epsilon or limits.delta > dataset.cap.delta:
        raise CapExceeded(
            f"{what} promises ε {limits.epsilon:g} at δ {limits.delta:g}, above the cap of "
            f"ε {dataset.cap.epsilon:g} at δ {dataset.cap.delta:g}"
        )


def _apply(tx: Transaction, dataset: Dataset, offers: list[Offer]) -> None:
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
    )
