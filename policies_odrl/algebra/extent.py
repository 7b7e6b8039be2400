"""What a constraint denotes: the values for which it is True, and those for which it is not False.

Each value that a request claims may itself be a set of points (a day, a duration whose months vary,
a broad concept): it lies in a set, outside of it, or partly in it. Source: decision record 0062.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import field
from enum import Enum
from typing import Any, Final, Protocol, Self

from policies_odrl.frozen import frozen
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, all_of, any_of, unanimous

MAX_STEPS: Final = 200_000  # comparisons of two values, names or constraints


class Exhausted(Exception):
    """The limit of work is reached: the answer is Unknown, never a guess."""


class TooMany(Exception):
    """A set has more parts than it may have: what it holds is unknown."""


class Budget:
    """How much work one question may take: whoever compares pays first, for what is `kept` once."""

    __slots__ = ("_left", "_steps", "kept")

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self._steps = steps
        self.renew()

    def renew(self) -> None:
        """Begin another question."""
        self._left = self._steps
        self.kept: dict[Any, Any] = {}

    @property
    def spent(self) -> bool:
        """Whether the limit was reached."""
        return self._left < 0

    def pay(self, steps: int = 1) -> None:
        """Count steps.

        Raises:
            Exhausted: they are more than what is left.
        """
        self._left -= steps
        if self._left < 0:
            raise Exhausted(f"it would take more than {MAX_STEPS} comparisons")


@frozen
class Reading:
    """How constraints are read.

    Names are those that a request states, so that a known concept which is not under the one wanted
    is another one (closed world). A public suite that counts only what is asserted (open world)
    brings its own order of names.
    """

    knowledge: Knowledge = field(default_factory=Knowledge)
    order: Callable[..., Any] | None = None  # makes an `Order`; None: that of requests
    parts_as_kinds: bool = False  # whether parts of a concept are its kinds; not for evaluation
    budget: Budget = field(default_factory=Budget, compare=False)  # of one question


class Region(Protocol):
    """A set of points of one domain; `empty` and `within` are True where it is proved."""

    @property
    def empty(self) -> bool:
        """Whether it holds nothing."""

    def meet(self, other: Self) -> Self:
        """Return the points that both hold."""

    def complement(self) -> Self:
        """Return the points that it does not hold."""

    def within(self, other: Self) -> bool:
        """Return whether the other holds each point of this one."""

    def truth(self, value: Any) -> Truth:
        """Return whether a value lies in it, outside of it, or partly in it."""

    def samples(self) -> Iterator[Any]:
        """Yield points that may be tried as examples."""


class Quantifier(Enum):
    """What has to hold of the values that are claimed together."""

    ALL = "all"  # each lies in the set; those that differ leave it Undetermined
    SOME = "some"  # each of the sets has one of them, as where one proof that fits is enough
    EVERY = "every"  # one of the sets has all of them: the opposite of SOME

    __hash__ = object.__hash__  # members are single objects; the hash by name is slower


_Join = Callable[[Iterable[Truth]], Truth]
# Quantifier -> its opposite, and how the truths of several values, and of several sets, are joined.
_RULES: Final[dict[Quantifier, tuple[Quantifier, _Join, _Join]]] = {
    Quantifier.ALL: (Quantifier.ALL, unanimous, all_of),
    Quantifier.SOME: (Quantifier.EVERY, any_of, all_of),
    Quantifier.EVERY: (Quantifier.SOME, all_of, any_of),
}


@frozen
class Extent:
    """What a constraint denotes: one set, or for `isAllOf` one for each value that is listed.

    Without a set it is opaque: True for nothing that could be named, and perhaps for everything, so
    that it entails only itself.
    """

    axis: Hashable = None  # equal where values compare: dimension of a unit, start of a count
    quantifier: Quantifier = Quantifier.ALL
    sets: tuple[Region, ...] = ()
    why: str = ""  # of an opaque one, what is missing

    @property
    def opaque(self) -> bool:
        """Whether nothing is known of it."""
        return not self.sets

    def negated(self) -> Extent:
        """Return the extent that is True where this one is False, and the other way round."""
        sets = tuple(item.complement() for item in self.sets)
        return Extent(self.axis, _RULES[self.quantifier][0], sets, self.why)

    def truth(self, values: Sequence[Any]) -> Truth:
        """Return whether values that are claimed together satisfy it, as points of its domain."""
        if not self.sets or not values:
            return Truth.UNDETERMINED
        if len(values) == len(self.sets) == 1:  # the usual case, faster
            return self.sets[0].truth(values[0])
        _, join, over = _RULES[self.quantifier]
        return over(join(found.truth(value) for value in values) for found in self.sets)
