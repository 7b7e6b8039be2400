"""The mechanism `open`: rows about no person, for anybody, without a contract.

Rules: an offer is open where it says so itself: its access rights are `PUBLIC`, with a licence and
what is to be named as the source. Nobody states, signs or is known, so that an open offer demands
nothing of a reader: what is left is what the node's clock and the steps uphold. Duties and
prohibitions are terms of the licence. All that it permits has the same steps: the bytes are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from connector.domain.catalog.dataset import ColumnClass
from connector.enforcement import figures
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import AT_MOST, Mechanism, Upheld
from connector.enforcement.mechanisms import deliver, tables
from connector.enforcement.plan import Label, Plan, Step, Use
from connector.enforcement.terms import (
    CELL_COUNT,
    COLUMNS,
    DATE_TIME,
    ELAPSED_TIME,
    FILE_FORMAT,
    PROTECTION,
    ROW_CONDITION,
)
from connector.errors import PolicyInvalid
from policies_odrl import Iri, Literal, Permission, Policy
from policies_odrl.model import ODRL

NAME: Final = "open"
DCT: Final = "http://purl.org/dc/terms/"
# EU authority table of access rights, as DCAT-AP 3.0 section 4.4.3 has it.
PUBLIC: Final = "http://publications.europa.eu/resource/authority/access-right/PUBLIC"
ATTRIBUTION: Final = "http://creativecommons.org/ns#attributionName"
_CLOSED: Final = frozenset({ColumnClass.DIRECT_IDENTIFIER, ColumnClass.SENSITIVE})
_LICENCE: Final = Upheld(Label.AUDITED, "term of the licence, which no reader signs")
_OWED: Final = Upheld(_LICENCE.label, _LICENCE.by, AT_MOST)


@dataclass(frozen=True, slots=True)
class Licence:
    """On what terms anybody may use open data.

    Attributes:
        name: IRI of the licence.
        attribution: what is to be named as the source.
    """

    name: str
    attribution: str


def licence_of(policy: Policy) -> Licence | None:
    """Return the licence of an offer to anybody; None for one that is not open.

    Raises:
        PolicyInvalid: it says that it is open, and lacks licence or attribution.
    """
    rights = [value for name, value in policy.metadata if name == DCT + "accessRights"]
    if Iri(PUBLIC) not in rights:
        return None
    names = [it.value for n, it in policy.metadata if n == DCT + "license" and isinstance(it, Iri)]
    texts = [
        it.lexical for n, it in policy.metadata if n == ATTRIBUTION and isinstance(it, Literal)
    ]
    if len(names) != 1 or not texts or not texts[0].strip():
        raise PolicyInvalid(
            "an open offer states one licence and an attribution",
            hint="state `dct:license` with its IRI and `cc:attributionName`",
        )
    return Licence(names[0], texts[0])


def use_of(plan: Plan) -> Use:
    """Return what is done for whoever reads: the steps of all that an open offer permits.

    Raises:
        PolicyInvalid: its permissions have different steps.
    """
    first, *others = plan.uses
    if any(each.steps != first.steps for each in others):
        raise PolicyInvalid(
            "an open offer releases a single file: put the same conditions on all its permissions"
        )
    return first


def _compile(rule: Permission, ground: Ground) -> tuple[Step, ...]:
    if ground.personal:
        raise PolicyInvalid("data about persons cannot be open: aggregate them into a file first")
    columns, _ = tables.allowed(figures.required(rule.constraints), ground)
    closed = [each for each in columns if each.kind in _CLOSED]
    if closed:
        raise PolicyInvalid(
            f"column `{closed[0].name}` is classed `{closed[0].kind}`: it cannot be open data"
        )
    return deliver.MECHANISM.compile(rule, ground)


MECHANISM: Final = Mechanism(
    name=NAME,
    actions=deliver.MECHANISM.actions,
    by="releasing step, for whoever asks",
    upholds=MappingProxyType(
        {
            left: deliver.MECHANISM.upholds[left]
            for left in (CELL_COUNT, COLUMNS, DATE_TIME, FILE_FORMAT, PROTECTION, ROW_CONDITION)
        }
    ),
    compile=_compile,
    codes=tables.CODES,
    refused=deliver.MECHANISM.refused,
    duties=MappingProxyType({ODRL + "attribute": _LICENCE}),
    deadlines=MappingProxyType({ELAPSED_TIME: _OWED, DATE_TIME: _OWED}),
    forbids=MappingProxyType(dict.fromkeys(tables.FORBIDS, _LICENCE)),
)
