"""Declares registers of persons, and says which one a dataset belongs to.

Rules: a register is declared once; its rule never changes and its cap rises only where that is
asked for. A dataset that
names no register keeps the one it has, or declares one of its own. One with contracts never moves
to another, since what was spent stays where it was spent.
"""

from __future__ import annotations

from dataclasses import replace

from connector.domain.catalog.dataset import Dataset, PrivacyCap
from connector.domain.contract.negotiation import Role
from connector.domain.page import PAGE, Page
from connector.domain.privacy.register import Register, own_register
from connector.errors import (
    ConfigurationInvalid,
    DescriptionIncomplete,
    NotFound,
    RegisterFixed,
    RowDamaged,
)
from connector.identity.descriptions.description import CAP
from connector.ports import Ports, Transaction
from connector.services.evidence.own_log import LOWERED
from connector.services.lookup import require
from connector.services.publication.describing import IRI
from federated.errors import PrivacyFault
from federated.privacy.ledger import Budget
from federated.privacy.rule import Accounting, Rule, fixed


def declare(
    ports: Ports, register_id: str, cap: PrivacyCap, rule: Rule = Rule.SUMS, order: int = 0
) -> Register:
    """Declare a register; the same declaration again changes nothing.

    Args:
        ports: of this node.
        register_id: IRI.
        cap: ε and δ per person over all contracts of its datasets.
        rule: how jobs add up.
        order: Rényi order; 0: under `sums`, or the one that follows from the cap.

    Raises:
        ConfigurationInvalid: the id is no IRI, the numbers are no budget, or no job could ever fit.
        RegisterFixed: it was declared otherwise.
    """
    if not IRI.fullmatch(register_id):
        raise ConfigurationInvalid("the id of a register must be an absolute IRI")
    accounting = _accounting(cap, rule, order)
    with ports.store.write() as tx:
        known = tx.registers.lock(register_id)
        if known is None:
            return _new(tx, Register(register_id, cap, accounting, 0, ports.clock.now()))
    if (known.cap, known.accounting) != (cap, accounting):
        raise RegisterFixed(
            f"register `{register_id}` was declared already, with another cap or rule"
        )
    return known


def registers(ports: Ports, *, after: str = "", limit: int = PAGE) -> Page[Register]:
    """Return a page of the registers of this node, oldest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        return tx.registers.page(after=after, limit=limit)


def kept_in(tx: Transaction, register_id: str) -> str:
    """Return the id of the register that holds what is counted in one: itself, unless merged."""
    found = tx.registers.get(register_id)
    while found is not None and found.merged_into:
        register_id = found.merged_into
        found = tx.registers.get(register_id)
    return register_id


def register_of(tx: Transaction, dataset: Dataset) -> Register:
    """Return the register that holds a dataset's cap and spending.

    Raises:
        NotFound: it is not there.
        RowDamaged: it has lost its cap, which that of persons never is without.
    """
    found = require(tx.registers.get(dataset.register_id), "register", dataset.register_id)
    if dataset.personal and found.cap is None:
        reason = f"register `{found.id}` of persons has no cap on record"
        raise RowDamaged(
            reason, hint="restore it from a backup, or publish the dataset again with a cap"
        )
    return found


def chosen(tx: Transaction, described: Dataset) -> str:
    """Return the id of the register that a described dataset will belong to.

    A dataset that a recovery knows only by its jobs belongs where those are counted.

    Raises:
        NotFound: the register was never declared.
        RegisterFixed: the dataset has contracts and another register.
    """
    kept, own = tx.datasets.get(described.id), own_register(described.id)
    places = [kept] if kept else tx.reservations.find(dataset_id=described.id)
    held = kept_in(tx, places[0].register_id if places else own)
    wanted = kept_in(tx, described.register_id or held)
    if wanted != held and _has_contracts(tx, described.id):
        raise RegisterFixed(
            f"dataset `{described.id}` has contracts; it stays in register `{held}`"
        )
    if wanted != own and tx.registers.get(wanted) is None:
        raise NotFound(f"no register `{wanted}`", hint="declare it with `preau register declare`")
    return wanted


def settle(
    tx: Transaction,
    described: Dataset,
    rule: Rule | None = None,
    order: int = 0,
    *,
    raise_cap: bool = False,
) -> tuple[Dataset, Register]:
    """Return a described dataset with the cap of its register, and that register, stored.

    Call it in the write transaction that stores the dataset.

    Args:
        tx: the transaction.
        described: `register_id` and `cap` as its description states them, or empty.
        rule: as its description states it, or None.
        order: as its description states it, or 0.
        raise_cap: whether the cap may rise.

    Raises:
        NotFound: the register was never declared.
        ConfigurationInvalid: no job could ever fit the cap under that rule.
        RegisterFixed: the dataset has contracts and another register, the cap would rise, or the
            rule would change.
        DescriptionIncomplete: the data is personal, and nothing states a cap.
    """
    wanted = chosen(tx, described)
    register = tx.registers.lock(wanted)
    if register is None:
        accounting = _accounting(described.cap, rule or Rule.SUMS, order)
        register = _new(tx, Register(wanted, described.cap, accounting, 0, described.published_at))
    kept_rule, kept_order = register.accounting.rule, register.accounting.order
    if rule not in (None, kept_rule) or order not in (0, kept_order):
        raise RegisterFixed(
            f"register `{register.id}` accounts by {register.accounting}, which cannot be changed"
        )
    register = _capped(tx, register, described.cap, raise_cap=raise_cap)
    if described.personal and register.cap is None:
        raise DescriptionIncomplete(f"dataset `{described.id}`: missing: {CAP}")
    return replace(described, register_id=register.id, cap=register.cap), register


def _capped(
    tx: Transaction, register: Register, stated: PrivacyCap | None, *, raise_cap: bool
) -> Register:
    """Return the register with a stated cap, which rises only where that is asked for."""
    if stated is None or stated == register.cap:
        return register
    kept = register.cap
    rises = kept is not None and stated.above(kept)
    if kept is not None and rises and not raise_cap:
        raise RegisterFixed(
            f"the cap of register `{register.id}` is ε {kept.epsilon:g} at δ {kept.delta:g}, and "
            f"does not rise by itself; ε {stated.epsilon:g} at δ {stated.delta:g} was stated",
            hint="`--raise-cap` raises it, and informs the parties of its contracts",
        )
    changed = replace(register, cap=stated)
    tx.registers.put(changed)
    _log(tx, "register.raised" if rises else LOWERED, changed)
    return changed


def _accounting(cap: PrivacyCap | None, rule: Rule, order: int) -> Accounting:
    """Return the accounting of a new register.

    Raises:
        ConfigurationInvalid: its numbers are no budget, or no job could ever fit it.
    """
    if cap is None:
        return Accounting(Rule.SUMS)
    try:
        found = fixed(rule, cap.epsilon, cap.delta, order)
        budget = Budget(cap.epsilon, cap.delta, found)
    except PrivacyFault as exc:
        raise ConfigurationInvalid(exc.reason) from exc
    if min(budget.limit) <= 0:
        raise ConfigurationInvalid(
            f"at the Rényi order {found.order}, no job is possible within ε "
            f"{cap.epsilon:g} at δ {cap.delta:g}",
            hint="state a larger order, or none",
        )
    return found


def _has_contracts(tx: Transaction, dataset_id: str) -> bool:
    provided = tx.agreements.page(limit=1, dataset_id=dataset_id, role=Role.PROVIDER)
    return bool(provided.rows or tx.reservations.page(limit=1, dataset_id=dataset_id).rows)


def _new(tx: Transaction, register: Register) -> Register:
    tx.registers.put(register)
    _log(tx, "register.declared", register)
    return register


def _log(tx: Transaction, kind: str, register: Register) -> None:
    cap, accounting = register.cap, register.accounting
    tx.audit.append(
        kind,
        register.id,
        epsilon=cap.epsilon if cap else None,
        delta=cap.delta if cap else None,
        rule=accounting.rule.value,
        order=accounting.order,
        adjacency=accounting.adjacency,
    )
