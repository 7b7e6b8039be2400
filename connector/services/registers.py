"""Declares registers of persons, and says which one a dataset belongs to.

Rules: a register is declared once; its rule never changes and its cap never rises. A dataset that
names no register keeps the one it has, or declares one of its own. One with contracts never moves
to another, since what was spent stays where it was spent.
"""

from __future__ import annotations

from dataclasses import replace

from connector.domain.dataset import Dataset, PrivacyCap
from connector.domain.negotiation import Role
from connector.domain.register import Register, own_register
from connector.errors import DescriptionIncomplete, NotFound, RegisterFixed
from connector.ports import Ports, Transaction
from federated.privacy.rule import Accounting, Rule


def declare(ports: Ports, register_id: str, cap: PrivacyCap, accounting: Accounting) -> Register:
    """Declare a register; the same declaration again changes nothing.

    Raises:
        RegisterFixed: it was declared otherwise.
    """
    with ports.store.write() as tx:
        known = tx.registers.lock(register_id)
        if known is None:
            return _new(tx, Register(register_id, cap, accounting, 0, ports.clock.now()))
    if (known.cap, known.accounting) != (cap, accounting):
        raise RegisterFixed(f"register `{register_id}` was declared otherwise")
    return known


def registers(ports: Ports) -> list[Register]:
    """Return the registers of this node, oldest first."""
    with ports.store.read() as tx:
        return tx.registers.find()


def register_of(tx: Transaction, dataset: Dataset) -> Register:
    """Return the register that holds a dataset's cap and spending.

    Raises:
        NotFound: it is not there.
    """
    found = tx.registers.get(dataset.register_id)
    if found is None:
        raise NotFound(f"no register `{dataset.register_id}`")
    return found


def chosen(tx: Transaction, described: Dataset) -> str:
    """Return the id of the register that a described dataset will belong to.

    Raises:
        NotFound: the register was never declared.
        RegisterFixed: the dataset has contracts and another register.
    """
    kept, own = tx.datasets.get(described.id), own_register(described.id)
    wanted = described.register_id or (kept.register_id if kept else own)
    if kept is not None and wanted != kept.register_id and _has_contracts(tx, described.id):
        raise RegisterFixed(
            f"dataset `{described.id}` has contracts; it stays in register `{kept.register_id}`"
        )
    if wanted != own and tx.registers.get(wanted) is None:
        raise NotFound(f"no register `{wanted}`", hint="declare it with `preau register declare`")
    return wanted


def settle(tx: Transaction, described: Dataset) -> Dataset:
    """Return a described dataset with its register and the register's cap, both stored.

    Call it in the write transaction that stores the dataset.

    Args:
        tx: the transaction.
        described: `register_id` and `cap` as its description states them, or empty.

    Raises:
        NotFound: the register was never declared.
        RegisterFixed: the dataset has contracts and another register, or the cap would rise.
        DescriptionIncomplete: the data is personal, and nothing states a cap.
    """
    wanted = chosen(tx, described)
    register = tx.registers.lock(wanted)
    if register is None:
        cap, rule = described.cap, Accounting(Rule.SUMS)
        register = _new(tx, Register(wanted, cap, rule, 0, described.published_at))
    register = _capped(tx, register, described.cap)
    if described.personal and register.cap is None:
        raise DescriptionIncomplete(f"dataset `{described.id}`: missing: cap of ε per person")
    return replace(described, register_id=register.id, cap=register.cap)


def _capped(tx: Transaction, register: Register, stated: PrivacyCap | None) -> Register:
    """Return the register with a stated cap, which may be lower than the one it has."""
    if stated is None or stated == register.cap:
        return register
    kept = register.cap
    if kept is not None and (stated.epsilon > kept.epsilon or stated.delta > kept.delta):
        raise RegisterFixed(
            f"the cap of register `{register.id}` is ε {kept.epsilon:g} at δ {kept.delta:g}, and "
            f"never rises; ε {stated.epsilon:g} at δ {stated.delta:g} was stated"
        )
    lowered = replace(register, cap=stated)
    tx.registers.put(lowered)
    _log(tx, "register.lowered", lowered)
    return lowered


def _has_contracts(tx: Transaction, dataset_id: str) -> bool:
    provided = tx.agreements.find(dataset_id=dataset_id, role=Role.PROVIDER)
    return bool(provided or tx.reservations.find(dataset_id=dataset_id))


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
