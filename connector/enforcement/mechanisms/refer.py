"""The mechanism `refer`: a third party carries out what is permitted, on a signed referral.

Rules: no data leave this node, and none of its steps reads any; what a request states is judged
here, at each request, and stands in the referral that follows
(`identity/statements/referral.py`). The policy names one third party, and the plan the same.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from connector.enforcement import figures
from connector.enforcement.audited import DEADLINES, DUTIES
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import EQ, Mechanism, Upheld
from connector.enforcement.mechanisms import tables
from connector.enforcement.plan import Label, Step
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.refer import Refer, names_party
from connector.enforcement.steps.typed import Typed
from connector.enforcement.steps.where import REFERRED, Where
from connector.enforcement.terms import ACCESS_ELSEWHERE, METERED_TIME, THIRD_PARTY
from connector.errors import PolicyInvalid, UseRefused
from policies_odrl import Constraint, Permission
from policies_odrl.values import name

NAME: Final = "refer"


def _compile(rule: Permission, _: Ground) -> tuple[Step, ...]:
    parties = figures.names(figures.required(rule.constraints), THIRD_PARTY, EQ)
    if len(parties) != 1:
        raise PolicyInvalid("the policy must name one third party that carries out the use")
    dataset = rule.target.id if rule.target else ""
    made: tuple[Typed, ...] = (Where(REFERRED), Refer(parties[0], dataset))
    return tuple(map(steps.signed, made))


def _party(item: Constraint) -> bool:
    return len(item.right) == 1 and names_party(name(item.right[0]) or "")


_NOT_HERE: Final = frozenset({METERED_TIME})  # how long the third party takes is not known here
MECHANISM: Final = Mechanism(
    name=NAME,
    actions=frozenset({ACCESS_ELSEWHERE}),
    by="referring step: a signed referral, and no data",
    upholds=MappingProxyType(
        {
            **{
                left: row
                for left, row in tables.CHECKED.items()
                if row.label is not Label.ENFORCED and left not in _NOT_HERE
            },
            THIRD_PARTY: Upheld(
                Label.ENFORCED, "referring step: names the third party", EQ, fits=_party
            ),
        }
    ),
    compile=_compile,
    codes=tables.CODES,
    refused=UseRefused.code,
    duties=DUTIES,
    deadlines=DEADLINES,
    forbids=tables.FORBIDS,
)
