"""Taking offers and datasets back, and putting other terms in an offer's place.

Rules: whoever sees the catalog sees them no more, what was narrowed from an offer goes with it, and
a negotiation that is not concluded ends; contracts that run keep the terms that were signed, and
are taken back by `agreement end`. Each act has a reason and is in the log; who negotiates or holds
a contract on what was taken back or replaced is told, signed (`services/negotiation/telling.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connector.domain.catalog.dataset import Dataset, Offer
from connector.errors import NotFound
from connector.jsonld.policy import read_policy
from connector.ports import Ports, Transaction
from connector.services.layers import force
from connector.services.lookup import require
from connector.services.membership import fetching
from connector.services.negotiation import notices, telling
from connector.services.publication import effects, entries, judging, publish, saying
from connector.services.publication.entries import Entry
from connector.services.publication.judging import Judged


def withdraw_dataset(ports: Ports, dataset_id: str, reason: str) -> Dataset:
    """Offer a dataset to nobody any more; publishing it again offers it again.

    Raises:
        NotFound: no dataset of that id.
        Malformed: the reason is not one line.
        KeyUnusable: our key cannot sign what the parties of its contracts are told.
    """
    notices.check_reason(reason)
    with ports.store.write() as tx:
        found = require(tx.datasets.lock(dataset_id), "dataset", dataset_id)
        made = tx.offers.find(dataset_id=dataset_id, withdrawn=False)
        for offer in made:
            tx.offers.put(replace(offer, withdrawn=True))
        if made:
            tx.audit.append(
                "dataset.withdrawn", dataset_id, reason=reason, offers=[each.id for each in made]
            )
            telling.end_open(ports, tx, dataset_id, reason)
            said = f"dataset `{dataset_id}` is no longer offered: {reason}"
            telling.concerning(ports, tx, [dataset_id], said)
    telling.turn(ports, pages=1)
    return found


def withdraw_offer(ports: Ports, offer_id: str, reason: str) -> Offer:
    """Take an offer back.

    Raises:
        NotFound: none of that id.
        Malformed: the reason is not one line.
        KeyUnusable: our key cannot sign what parties are told.
    """
    notices.check_reason(reason)
    with ports.store.write() as tx:
        found = _held(tx, offer_id)
        if not found.withdrawn:
            _withdraw_narrowed(tx, found)
            found = replace(found, withdrawn=True)
            tx.offers.put(found)
            tx.audit.append("offer.withdrawn", found.id, dataset=found.dataset_id, reason=reason)
            _tell(ports, tx, found, "was withdrawn", reason)
    telling.turn(ports, pages=1)
    return found


def replace_offer(
    ports: Ports, offer_id: str, entry: Mapping[str, Any], reason: str
) -> tuple[Offer, tuple[str, ...]]:
    """Put other terms, or another decision, in the place of an offer's; its id stays.

    The private reserve stays, and so does who decides where the entry does not say it.

    Returns:
        The offer, and what that means for contracts on it.

    Raises:
        NotFound: none of that id that was published, or its dataset is gone.
        Malformed: the reason is not one line.
        DescriptionIncomplete: the entry says how persons decide in a way that is none.
        PolicyInvalid: the terms are not a well-formed offer.
        ConstraintUnknown: a constraint that this node cannot uphold.
        CapExceeded: it promises more than the cap.
        KeyUnusable: our key cannot sign what parties are told.
    """
    notices.check_reason(reason)
    stated = entries.read(entry)
    fetching.refresh_own_lists(ports)
    judged = _judged(ports, offer_id, stated)
    with ports.store.write() as tx:
        before = _held(tx, offer_id)
        dataset = tx.datasets.get(before.dataset_id)
        if before.derived_from or dataset is None:
            raise NotFound(f"no published offer `{offer_id}`")
        made = replace(stated, space=stated.space or before.space)
        made = made if made.says else replace(made, review=before.review)
        if not made.peers and not before.dsp:
            made = replace(made, peers=saying.OWN)  # it is shown to no more peers than before
        after = publish.offer_of(ports, tx, dataset, made, before.reserve, offer_id, judged)
        _withdraw_narrowed(tx, before)
        tx.offers.put(after)
        tx.audit.append(
            "offer.replaced",
            offer_id,
            dataset=dataset.id,
            before=before.digest,
            after=after.digest,
            decision=after.decision.value,
            reason=reason,
        )
        if after.digest != before.digest:
            _tell(ports, tx, before, "has other terms", reason)
    telling.turn(ports, pages=1)
    added = force.narrowed(ports, after, read_policy(made.policy, ports.mechanisms.profiles))
    return after, (*added, *effects.of_offers([before], [after]))


def _judged(ports: Ports, offer_id: str, entry: Entry) -> Judged:
    """Return what the uses of new terms come to; nothing where the dataset is gone."""
    with ports.store.read() as tx:
        before = tx.offers.get(offer_id)
        dataset = tx.datasets.get(before.dataset_id) if before else None
        placed = replace(entry, space=entry.space or (before.space if before else ""))
        policies = publish.policies(ports, tx, dataset, [placed]) if dataset else []
    return judging.judge(ports, dataset, policies) if dataset else judging.NOTHING


def _withdraw_narrowed(tx: Transaction, offer: Offer) -> None:
    for narrowed in telling.narrowed(tx, offer):
        tx.offers.put(replace(narrowed, withdrawn=True))


def _tell(ports: Ports, tx: Transaction, offer: Offer, what: str, reason: str) -> None:
    telling.end_open(ports, tx, offer.dataset_id, reason)
    said = f"offer `{offer.id}` {what}: {reason}; this contract keeps its terms"
    telling.concerning(ports, tx, [offer.dataset_id], said, offer.id)


def _held(tx: Transaction, offer_id: str) -> Offer:
    return require(tx.offers.lock(offer_id), "offer", offer_id)
