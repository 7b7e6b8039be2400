"""What the provider attests of a contract: a charter, an opinion, who consented, how old they are.

Rules: only the provider's node attests, and what it has not attested is not known, so that no use
is granted by it; each attestation and each one taken back stands in its log. What is attested of
persons is of all whose rows are in the published file, and of that file alone: another version of
the data has other persons. The paper itself is kept by the institution.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from connector.domain.contract.negotiation import Agreement, Role
from connector.enforcement.mechanisms.tables import ATTESTED, OF_PERSONS
from connector.enforcement.terms import AGE, CONSENT_BY
from connector.errors import NotFound, PolicyInvalid
from connector.jsonld.canonical import parse_object
from connector.ports import Ports, Transaction
from connector.services.lookup import require
from policies_odrl.vocabulary import PREAU

EVENT: Final = "agreement.attested"
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]{1,500}")
_YEARS: Final = re.compile(r"0|[1-9][0-9]{0,2}")
_CONSENTING: Final = (PREAU + "DataSubject", PREAU + "Guardian")
_FILE: Final = "file"
_MOST: Final = 1000


def attest(
    ports: Ports, agreement_id: str, operand: str, value: str, *, holds: bool = True
) -> Mapping[str, tuple[str, ...]]:
    """Attest a fact of a contract, or take it back; return all that is attested of it.

    Args:
        ports: of the provider.
        agreement_id: the contract.
        operand: `charter`, `ethicsOpinion`, `consentBy` or `age`.
        value: IRI of the paper, as the contract names it; `DataSubject` or `Guardian`; years of
            the youngest and of the oldest, each attested.
        holds: whether it holds.

    Raises:
        NotFound: this node provides nothing under such a contract.
        PolicyInvalid: the operand is not attested, or the value is none of it.
    """
    left = operand if ":" in operand else PREAU + operand
    if left not in ATTESTED:
        raise PolicyInvalid(f"`{operand}` is not something that a provider can attest")
    value = _value(left, value)
    with ports.store.write() as tx:
        found = require(tx.agreements.get(agreement_id), "agreement", agreement_id)
        if found.role is not Role.PROVIDER:
            raise NotFound(f"this node is not the provider of agreement `{agreement_id}`")
        if (value in attested(tx, agreement_id).get(left, ())) is not holds:
            of_file = {_FILE: _file(tx, found)} if left in OF_PERSONS else {}
            tx.audit.append(EVENT, agreement_id, operand=left, value=value, holds=holds, **of_file)
        return attested(tx, agreement_id)


def attested(tx: Transaction, agreement_id: str) -> Mapping[str, tuple[str, ...]]:
    """Return what is attested of a contract: operand -> values."""
    found: dict[str, dict[str, bool]] = {}
    agreement = tx.agreements.get(agreement_id)
    file = _file(tx, agreement) if agreement else ""
    for entry in tx.audit.entries(subject=agreement_id, kind=EVENT, limit=_MOST):
        facts = parse_object(entry.event)["facts"]
        if facts.get(_FILE, file) != file:
            continue
        found.setdefault(facts["operand"], {})[facts["value"]] = facts["holds"]
    return {left: tuple(each for each in all_ if all_[each]) for left, all_ in found.items()}


def _value(left: str, value: str) -> str:
    """Return a value as it is attested.

    Raises:
        PolicyInvalid: the operand has no such value.
    """
    if left == AGE:
        if _YEARS.fullmatch(value) is None:
            raise PolicyInvalid(f"`{value[:200]}` is not an age in whole years")
        return value
    if left == CONSENT_BY:
        value = PREAU + value.removeprefix(PREAU).removeprefix("preau:")
        if value not in _CONSENTING:
            raise PolicyInvalid("state who consented: `DataSubject` or `Guardian`")
    if _IRI.fullmatch(value) is None:
        raise PolicyInvalid(f"`{value[:200]}` is not an absolute IRI")
    return value


def _file(tx: Transaction, agreement: Agreement) -> str:
    """Return the digest of the file that is published now; empty where none is."""
    dataset = tx.datasets.get(agreement.dataset_id)
    return dataset.file.digest if dataset else ""
