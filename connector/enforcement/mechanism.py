"""What a mechanism says of itself: its actions, the operands that it upholds, and its steps.

Rules: a mechanism is a value that knows the policy's words and nothing of how a step is executed;
compiler, coverage and decision read these values and name no mechanism. A mechanism that a node
does not have cannot be published or signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from connector.enforcement.plan import Label, Step
from connector.jsonld.profiles import NO_PROFILES, Profiles
from policies_odrl import Constraint, Operator, Permission

if TYPE_CHECKING:
    from connector.enforcement.ground import Ground

ANY_TIME: Final = frozenset({Operator.LT, Operator.LTEQ, Operator.GT, Operator.GTEQ})
ANY_CONCEPT: Final = frozenset(
    {Operator.IS_A, Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.EQ, Operator.NEQ}
)
EQ: Final = frozenset({Operator.EQ})
AT_MOST: Final = frozenset({Operator.LTEQ})
AT_LEAST: Final = frozenset({Operator.GTEQ})


def _always(_: Constraint) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Upheld:
    """Who upholds constraints on an operand, and how.

    Attributes:
        label: see `Label`.
        by: what upholds it, for people; it is signed.
        operators: those that can be upheld.
        fits: whether a constraint asks no more than the mechanism can give.
        permitting: whether it is upheld only where what holds permits.
    """

    label: Label
    by: str
    operators: frozenset[Operator] = frozenset()
    fits: Callable[[Constraint], bool] = _always
    permitting: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """What a contract counts against budgets and other contracts.

    Attributes:
        epsilon: ε that all its uses may spend per unit of privacy; 0 without noise.
        delta: δ at which that ε is stated; 0 without noise.
        minimum_sites: fewest sites that take part in a job; 0 where none is demanded.
    """

    epsilon: float = 0.0
    delta: float = 0.0
    minimum_sites: int = 0


def _no_figures(_: Permission) -> Figures:
    return Figures()


@dataclass(frozen=True, slots=True, eq=False)
class Mechanism:
    """One way in which a node lets data be used.

    Attributes:
        name: as a plan states it.
        actions: IRIs of the actions that it carries out.
        by: what carries them out, for people; it is signed.
        upholds: left operand -> who upholds it. What is not here cannot be agreed.
        compile: a permission, and the dataset that it is about -> steps, in order.
        figures: a permission -> what it counts.
        codes: left operand -> code of the refusal when it fails, what tells most first.
        refused: code of every other refusal.
        duties: action of a duty -> who sees it done.
        own_duties: the same, of what the provider owes by a deadline and its node does itself.
        deadlines: left operand -> who upholds constraints on it in a duty.
        forbids: what a prohibition keeps the consumer from doing with what it received -> by what
            that is seen.
    """

    name: str
    actions: frozenset[str]
    by: str
    upholds: Mapping[str, Upheld]
    compile: Callable[[Permission, Ground], tuple[Step, ...]]
    codes: Mapping[str, str]
    refused: str
    figures: Callable[[Permission], Figures] = _no_figures
    duties: Mapping[str, Upheld] = field(default_factory=dict)
    own_duties: Mapping[str, Upheld] = field(default_factory=dict)
    deadlines: Mapping[str, Upheld] = field(default_factory=dict)
    forbids: Mapping[str, Upheld] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mechanisms:
    """Those of a node, as `bootstrap` registers them, and the words in which they may be asked.

    Attributes:
        all: under a contract; no two carry out one action.
        profiles: vocabularies of others; a mechanism upholds their concepts under its operands.
        anybody: what serves offers that need no contract.
    """

    all: tuple[Mechanism, ...]
    profiles: Profiles = NO_PROFILES
    anybody: tuple[Mechanism, ...] = ()

    def without_contract(self) -> Mechanisms:
        """Return those for whoever asks."""
        return Mechanisms(self.anybody, self.profiles)

    def of(self, action: str) -> Mechanism | None:
        """Return the mechanism that carries out an action, or None."""
        return next((each for each in self.all if action in each.actions), None)
