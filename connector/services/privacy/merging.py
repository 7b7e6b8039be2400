"""Merges two registers that turned out to be about the same persons.

Rules: what either spent counts in the one that stays, under its rule and the smaller cap, so that
nothing is refunded, what a recovery counts in full included; the other is left without data,
persons or spending, and its count of charges stands. It is merged for good: whatever names it later
is counted in the one that stays. Neither contracts nor data sets change but for the register that
they are counted in.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from connector.domain.privacy.census import Census, RegisterPersons, SuppressedPersons
from connector.domain.privacy.register import Register, smaller
from connector.errors import RegisterFixed
from connector.ports import Ports, Transaction
from connector.services.continuity import recovery
from connector.services.evidence.own_log import MERGED
from connector.services.lookup import require
from connector.services.privacy.registers import kept_in
from federated.privacy.rule import Rule


def merge(ports: Ports, source: str, target: str) -> Register:
    """Move all that is in register `source` into register `target`, and return that.

    Raises:
        NotFound: one of them was never declared.
        RegisterFixed: they are one and the same, or the rule of `target` cannot count what
            contracts of `source` may have spent.
        InRecovery: this node went back to an older state.
    """
    with ports.store.write() as tx:
        recovery.whole(ports, tx)  # else caps and spending of the two are not known
        gone, kept = (_locked(tx, kept_in(tx, name)) for name in (source, target))
        if gone.id == kept.id:
            raise RegisterFixed(f"register `{source}` is not merged with itself")
        _check_countable(tx, gone.id, kept)
        kept = _move(tx, gone, kept)
        tx.after_commit(partial(recovery.note, ports))
    return kept


def merge_again(tx: Transaction, source: str, target: str) -> str:
    """Merge two registers that a recovery found merged; return the one of which nothing is left.

    Nobody is asked any more, so what the one that stays cannot count costs all of it.

    Returns:
        Id of the register that stays, when it has to count in full; else empty.

    Raises:
        NotFound: one of them is not there.
    """
    gone, kept = (_locked(tx, kept_in(tx, name)) for name in (source, target))
    if gone.id == kept.id:
        return ""
    try:
        _check_countable(tx, gone.id, kept)
    except RegisterFixed:
        return _move(tx, gone, kept).id
    _move(tx, gone, kept)
    return ""


def _move(tx: Transaction, gone: Register, kept: Register) -> Register:
    source, target, cap = gone.id, kept.id, smaller(kept.cap, gone.cap)
    kept = replace(kept, cap=cap, charges=kept.charges + gone.charges)
    tx.registers.put(kept)
    tx.registers.put(replace(gone, merged_into=target))
    moved = [replace(each, register_id=target) for each in tx.datasets.find(register_id=source)]
    for dataset in moved:
        tx.datasets.put(dataset)
    for reservation in tx.reservations.find(register_id=source):
        tx.reservations.put(replace(reservation, register_id=target))
    whole = tx.forfeits.get(source)
    if whole is not None:
        tx.forfeits.put(replace(whole, id=target))
    _merge_persons(tx, source, target)
    _merge_suppressed(tx, source, target)
    _mend_overlaps(tx, source, target)
    tx.audit.append(
        MERGED,
        target,
        source=source,
        datasets=[each.id for each in moved],
        epsilon=cap.epsilon if cap else None,
        delta=cap.delta if cap else None,
    )
    return kept


def _locked(tx: Transaction, register_id: str) -> Register:
    return require(tx.registers.lock(register_id), "register", register_id)


def _check_countable(tx: Transaction, source: str, kept: Register) -> None:
    """Check that the register that stays can count, and compare, what the other holds.

    Raises:
        RegisterFixed: it cannot.
    """
    persons = [tx.persons.get(name) for name in (source, kept.id)]
    if len({each.key for each in persons if each}) > 1:
        raise RegisterFixed("the persons of the two registers were recorded under different keys")
    if tx.forfeits.get(source) is not None or kept.accounting.rule is Rule.SUMS:
        return
    if any(tx.forfeits.get(job.agreement_id) for job in tx.reservations.find(register_id=source)):
        # Of a contract that counts in full only ε and δ are known, which bound no divergence.
        raise RegisterFixed(
            f"contracts of register `{source}` count as fully spent, which the Rényi rule "
            "cannot express",
            hint=f"merge `{kept.id}` into `{source}`",
        )


def _merge_persons(tx: Transaction, source: str, target: str) -> None:
    gone, kept = tx.persons.get(source), tx.persons.get(target)
    if gone is None or (kept is not None and kept.key != gone.key):
        return  # under two keys both stay as they are, and are still compared with
    digests = gone.parts | (kept.parts if kept else frozenset())
    tx.persons.put(RegisterPersons(target, gone.key, b"".join(sorted(digests))))
    tx.persons.remove(source)


def _merge_suppressed(tx: Transaction, source: str, target: str) -> None:
    gone, kept = tx.suppressed.get(source), tx.suppressed.get(target)
    if gone is None:
        return
    digests = gone.parts | (kept.parts if kept else frozenset())
    # Under two keys nobody can tell who is meant: no key is called so, hence no row is used.
    key = gone.key if kept is None or kept.key == gone.key else ""
    tx.suppressed.put(SuppressedPersons(target, key, b"".join(sorted(digests))))
    tx.suppressed.remove(source)


def _mend_overlaps(tx: Transaction, source: str, target: str) -> None:
    """Let no check speak of the register that is gone, or of sharing persons with itself."""
    for census in tx.censuses.find():
        dataset = tx.datasets.get(census.dataset_id)
        own = dataset.register_id if dataset else ""
        tx.censuses.put(_mended(census, own, source, target))


def _mended(census: Census, own: str, source: str, target: str) -> Census:
    named = [
        replace(each, register_id=target) if each.register_id == source else each
        for each in census.overlaps
    ]
    # Unanswered ones first: of two that name one register now, that one stands.
    named.sort(key=lambda each: bool(each.reason))
    kept = {each.register_id: each for each in reversed(named) if each.register_id != own}
    return replace(census, overlaps=tuple(kept[name] for name in sorted(kept)))
