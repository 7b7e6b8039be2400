"""What all mechanisms that read tables have in common: what a request states, and its columns.

Rules: what a request states is checked at each use and kept, signed by the consumer; which columns
may leave is settled when the plan is compiled, by name, so that it stands in the contract; a direct
identifier leaves only where the policy lists it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from connector.domain.catalog.dataset import Column, ColumnClass
from connector.enforcement.audited import BREACHED
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import ANY_CONCEPT, ANY_TIME, AT_LEAST, AT_MOST, EQ, Upheld
from connector.enforcement.mechanisms import territories
from connector.enforcement.plan import Label
from connector.enforcement.terms import (
    AGE,
    CHARTER,
    COLUMNS,
    CONSENT_BY,
    COUNT,
    DATE_TIME,
    DPIA,
    ELAPSED_TIME,
    ETHICS,
    GRANULARITY,
    LEGAL_BASIS,
    LOCATION,
    MEMBERSHIP,
    METERED_TIME,
    PURPOSE,
    RETENTION,
    SINCE_RESULTS,
    USES_THIS_MONTH,
)
from connector.errors import (
    ContractExpired,
    MembershipRequired,
    PolicyInvalid,
    PurposeForbidden,
)
from policies_odrl import Constraint, Operator
from policies_odrl.model import ODRL
from policies_odrl.values import name
from policies_odrl.vocabulary import PREAU

ONE_OF: Final = frozenset({Operator.EQ, Operator.IS_ANY_OF})
NAMES: Final = ONE_OF | {Operator.IS_NONE_OF}
_REQUEST: Final = "the signed request, at each use"

# Operands whose values a request states, and nobody else can know.
STATED: Final = (PURPOSE, LEGAL_BASIS, DPIA, LOCATION, RETENTION)
# Operands whose values the provider attests, contract by contract; of persons, those of one file.
OF_PERSONS: Final = (CONSENT_BY, AGE)
ATTESTED: Final = (CHARTER, ETHICS, *OF_PERSONS)
_ATTESTED: Final = "attestation of the provider in its log, at each use"
_OF_PERSONS: Final = f"{_ATTESTED}, about all persons of the file"
_COUNTED: Final = "uses of the contract, counted before each is made"
_FEWER: Final = AT_MOST | {Operator.LT}
CHECKED: Final[Mapping[str, Upheld]] = MappingProxyType(
    {
        PURPOSE: Upheld(Label.CHECKED, f"purpose of {_REQUEST}", ANY_CONCEPT),
        LEGAL_BASIS: Upheld(Label.CHECKED, f"legal basis of {_REQUEST}", ANY_CONCEPT),
        DPIA: Upheld(Label.CHECKED, f"impact assessment of {_REQUEST}", ONE_OF),
        CHARTER: Upheld(Label.CHECKED, _ATTESTED, ONE_OF, permitting=True),
        ETHICS: Upheld(Label.CHECKED, _ATTESTED, ONE_OF, permitting=True),
        CONSENT_BY: Upheld(Label.CHECKED, _OF_PERSONS, EQ, permitting=True),
        AGE: Upheld(Label.CHECKED, _OF_PERSONS, ANY_TIME, permitting=True),
        LOCATION: Upheld(
            Label.CHECKED,
            f"place of the processing, by {_REQUEST}",
            frozenset({Operator.EQ, Operator.IS_PART_OF, Operator.IS_A, Operator.IS_ANY_OF}),
        ),
        DATE_TIME: Upheld(Label.CHECKED, "clock of the provider, at each use", ANY_TIME),
        MEMBERSHIP: Upheld(
            Label.CHECKED,
            "membership credential and status list, at each call",
            EQ,
            permitting=True,
        ),
        RETENTION: Upheld(
            Label.AUDITED, "uses in the log of the provider, each with its signed request", AT_MOST
        ),
        COUNT: Upheld(Label.CHECKED, _COUNTED, _FEWER),
        USES_THIS_MONTH: Upheld(Label.CHECKED, f"{_COUNTED}; months of UTC", _FEWER),
        ELAPSED_TIME: Upheld(Label.CHECKED, f"{_COUNTED}; since the first", _FEWER),
        METERED_TIME: Upheld(
            Label.CHECKED, f"{_COUNTED}; each until what it asked for is ready", _FEWER
        ),
        SINCE_RESULTS: Upheld(
            Label.CHECKED, "day of the results, as the provider dates it", ANY_TIME
        ),
        COLUMNS: Upheld(Label.ENFORCED, "minimising step: columns by name", NAMES),
        GRANULARITY: Upheld(
            Label.ENFORCED,
            "generalising step: no smaller territory leaves, by the data dictionary",
            EQ | AT_LEAST,
            fits=territories.known,
        ),
    }
)
CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        MEMBERSHIP: MembershipRequired.code,
        DATE_TIME: ContractExpired.code,
        PURPOSE: PurposeForbidden.code,
    }
)

REIDENTIFY: Final = PREAU + "reidentify"
# What the consumer can do with rows or cells that it has, out of the provider's sight.
_ACTS: Final = (
    *(ODRL + act for act in ("sell", "distribute", "archive", "move", "transfer")),
    *(REIDENTIFY, PREAU + "profilePersons", PREAU + "publish"),
)


# An act out of the provider's sight is seen by whoever states that it was done.
_STATED: Final = Upheld(
    Label.AUDITED,
    "undertaking of the consumer, signed; "
    f"`{BREACHED}` in the log of both parties where one states that it was done",
)
FORBIDS: Final[Mapping[str, Upheld]] = MappingProxyType(dict.fromkeys(_ACTS, _STATED))


def allowed(atoms: Iterable[Constraint], ground: Ground) -> tuple[tuple[Column, ...], bool]:
    """Return the columns that a permission lets be used, and whether it lists them.

    Raises:
        PolicyInvalid: it lists one that the dataset does not have, or leaves none.
    """
    rows = [item for item in atoms if item.left == COLUMNS]
    known = {column.name: column for column in ground.columns}
    every, listed = set(known), False
    for item in rows:
        stated = {name(value) or "" for value in item.right}
        if missing := sorted(stated - every):
            raise PolicyInvalid(f"the dataset has no column `{missing[0]}`")
        without = item.operator is Operator.IS_NONE_OF
        listed = listed or not without
        known = {each: it for each, it in known.items() if (each in stated) is not without}
    if not known:
        raise PolicyInvalid("the policy leaves no column of the dataset")
    return tuple(known.values()), listed


def identifies(column: Column, ground: Ground) -> bool:
    """Whether a column says directly who a row is about."""
    return column.kind is ColumnClass.DIRECT_IDENTIFIER or (
        ground.personal and column.name == ground.person_column
    )
