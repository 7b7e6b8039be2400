"""Translates pseudonyms of one contract to those of another, for the provider of both alone.

Rules: only by a command of this node, never for a peer; both contracts are of persons of one
register; pseudonyms that change with each delivery have no translation; the log holds who was
translated to what in numbers only.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Final

from connector.domain.catalog.dataset import Dataset
from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.transfer.task import Translated
from connector.enforcement.plan import Use
from connector.enforcement.steps import registry
from connector.enforcement.steps.pseudonymise import Scope
from connector.errors import Malformed, NotFound, StepUnknown, UseRefused
from connector.jsonld.canonical import parse_object
from connector.ports import Ports, Transaction
from connector.services.lookup import require
from connector.services.negotiation.plans import plan_of
from connector.services.use import keys
from connector.services.use.layouts import check_source, task_of

EVENT: Final = "pseudonyms.translated"
MOST: Final = 50_000
_PSEUDONYM: Final = re.compile(r"[0-9a-f]{32}")
_EACH_ITS_OWN: Final = "delivery"


def translate(
    ports: Ports, source_id: str, target_id: str, pseudonyms: Sequence[str]
) -> Mapping[str, str]:
    """Return the pseudonym under one contract for each under another that stands for somebody.

    Those of nobody in the data, and of who objected, are left out.

    Args:
        ports: of the provider.
        source_id: the contract of the pseudonyms.
        target_id: the other contract.
        pseudonyms: 32 hex digits each, at most `MOST`.

    Raises:
        Malformed: there are too many, or one is no pseudonym.
        NotFound: this node does not provide under such a contract.
        UseRefused: a contract has no pseudonyms that last, or they are of other persons.
        DataFileChanged: the file is not the published one.
        KeyUnusable: the root key is lost, or cannot be used.
        WorkerFailed: the process that reads ended without an answer.
    """
    if len(pseudonyms) > MOST:
        raise Malformed(
            f"{len(pseudonyms)} pseudonyms are more than the {MOST} that are translated at once"
        )
    for at, each in enumerate(pseudonyms, 1):
        if not _PSEUDONYM.fullmatch(each):
            raise Malformed(f"line {at} is not a pseudonym: a pseudonym has 32 hex digits")
    with ports.store.read() as tx:
        source, dataset = _provided(tx, source_id)
        target, other = _provided(tx, target_id)
    if dataset.register_id != other.register_id:
        raise UseRefused("the two contracts are of persons of different registers")
    (use, scope), (_, other_scope) = _pseudonymised(source), _pseudonymised(target)
    check_source(ports, dataset)
    key = keys.scope_key(ports, other_scope, target.id, other.register_id)
    task = task_of(
        ports,
        dataset,
        use,
        scope_key=keys.scope_key(ports, scope, source.id, dataset.register_id),
        translated=Translated(other_scope.body(), key, tuple(pseudonyms)),
    )
    out = io.BytesIO()
    ports.preparing(task, out)
    found: dict[str, str] = parse_object(out.getvalue())
    with ports.store.write() as tx:
        numbers = {"asked": len(pseudonyms), "found": len(found)}
        tx.audit.append(EVENT, source.id, to=target.id, **numbers)
    return found


def _provided(tx: Transaction, agreement_id: str) -> tuple[Agreement, Dataset]:
    agreement = require(tx.agreements.get(agreement_id), "agreement", agreement_id)
    if agreement.role is not Role.PROVIDER:
        raise NotFound(f"this node is not the provider of agreement `{agreement_id}`")
    return agreement, require(
        tx.datasets.get(agreement.dataset_id), "dataset", agreement.dataset_id
    )


def _pseudonymised(agreement: Agreement) -> tuple[Use, Scope]:
    """Return a use of a contract that makes pseudonyms, and their one scope."""
    found: dict[Scope, Use] = {}
    for use in plan_of(agreement).uses:
        scope = _scope(use)
        if scope is not None:
            found.setdefault(scope, use)
    if len(found) != 1:
        many = "pseudonyms of several scopes" if found else "no pseudonyms that last"
        raise UseRefused(f"contract `{agreement.id}` has {many}")
    ((scope, use),) = found.items()
    return use, scope


def _scope(use: Use) -> Scope | None:
    try:
        step = registry.table(use.steps).pseudonymise
    except StepUnknown:  # it reads no table
        return None
    return step.scope if step is not None and step.scope.kind != _EACH_ITS_OWN else None
