"""What the provider attests of a contract: that its consumer signed a charter, has an opinion.

Rules: only the provider's node attests, and what it has not attested is not known, so that no use
is granted by it; each attestation and each one taken back stands in its log. The paper itself is
kept by the institution.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from connector.domain.contract.negotiation import Role
from connector.enforcement.mechanisms.tables import ATTESTED
from connector.errors import NotFound, PolicyInvalid
from connector.jsonld.canonical import parse_object
from connector.ports import Ports, Transaction
from connector.services.lookup import require
from policies_odrl.vocabulary import PREAU

EVENT: Final = "agreement.attested"
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]{1,500}")
_MOST: Final = 1000


def attest(
    ports: Ports, agreement_id: str, operand: str, value: str, *, holds: bool = True
) -> Mapping[str, tuple[str, ...]]:
    """Attest a fact of a contract, or take it back; return all that is attested of it.

    Args:
        ports: of the provider.
        agreement_id: the contract.
        operand: `charter` or `ethicsOpinion`.
        value: IRI of the paper, as the contract names it.
        holds: whether it holds.

    Raises:
        NotFound: this node provides nothing under such a contract.
        PolicyInvalid: the operand is not attested, or the value is no IRI.
    """
    left = operand if ":" in operand else PREAU + operand
    if left not in ATTESTED:
        raise PolicyInvalid(f"`{operand}` is nothing that a provider attests")
    if _IRI.fullmatch(value) is None:
        raise PolicyInvalid(f"`{value[:200]}` is no absolute IRI")
    with ports.store.write() as tx:
        found = require(tx.agreements.get(agreement_id), "agreement", agreement_id)
        if found.role is not Role.PROVIDER:
            raise NotFound(f"this node is not the provider of agreement `{agreement_id}`")
        if (value in attested(tx, agreement_id).get(left, ())) is not holds:
            tx.audit.append(EVENT, agreement_id, operand=left, value=value, holds=holds)
        return attested(tx, agreement_id)


def attested(tx: Transaction, agreement_id: str) -> Mapping[str, tuple[str, ...]]:
    """Return what is attested of a contract: operand -> values."""
    found: dict[str, dict[str, bool]] = {}
    for entry in tx.audit.entries(subject=agreement_id, kind=EVENT, limit=_MOST):
        facts = parse_object(entry.event)["facts"]
        found.setdefault(facts["operand"], {})[facts["value"]] = facts["holds"]
    return {left: tuple(each for each in all_ if all_[each]) for left, all_ in found.items()}
