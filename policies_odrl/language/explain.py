"""A policy as numbered sentences that people without ODRL read.

What concerns the whole policy has a letter, a rule a number, what is below a rule the number's
branches (`2.3`, and `2.3(a)` for the parts of a choice). The IRIs that were mentioned end the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_lowercase

from policies_odrl.language.conditions import Speech
from policies_odrl.language.references import References
from policies_odrl.language.spelled import spelled, spelled_constraint
from policies_odrl.language.statements import Statement, statements
from policies_odrl.model import Condition, LogicalConstraint, Policy, each_constraint


@dataclass(frozen=True, slots=True)
class Line:
    """One numbered sentence.

    Attributes:
        number: `B`, `2`, `2.3`, `2.3(a)`.
        path: JSON pointer of what it says, in the written policy; empty for the whole policy.
        text: the sentence.
    """

    number: str
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.number}. {self.text}"


def explain(policy: Policy, lang: str = "en") -> tuple[str, ...]:
    r"""Return the policy in sentences, and at the end the IRIs that they mention by number.

    Args:
        policy: see `model.py`.
        lang: `en` or `fr`.

    Raises:
        ValueError: another language.

    >>> from policies_odrl import Action, Permission, Policy, PolicyKind
    >>> read = Permission(action=Action("http://www.w3.org/ns/odrl/2/read"))
    >>> print(*explain(Policy(kind=PolicyKind.SET, permissions=(read,))), sep="\n")
    A. This is a set of rules.
    1. It is permitted to read the data.
    B. Whatever is not permitted here is refused.
    """
    references = References()
    lines = [str(line) for line in numbered(policy, lang, references)]
    return (*lines, *references.lines())


def numbered(policy: Policy, lang: str, references: References | None = None) -> tuple[Line, ...]:
    """Return the sentences with their numbers and with what they are about.

    >>> from policies_odrl.model import ODRL, Action, Permission, PolicyKind
    >>> reading = Permission(action=Action(ODRL + "read"))
    >>> policy = Policy(kind=PolicyKind.SET, permissions=(reading,))
    >>> [line.number for line in numbered(policy, "en")]
    ['A', '1', 'B']

    Raises:
        ValueError: a language that there are no sentences in.
    """
    speech = Speech(lang, References() if references is None else references)
    lettered = ruled = 0
    found: list[Line] = []
    for item in statements(spelled(policy), speech):
        if item.name[0] == "rules":
            ruled += 1
            found += _lines(item, str(ruled), speech)
        else:
            lettered += 1
            found += _lines(item, letters(lettered).upper(), speech)
    return tuple(found)


def _lines(item: Statement, number: str, speech: Speech) -> Iterator[Line]:
    yield Line(number, item.path, speech.say(item.pair, **item.slots))
    for index, below in enumerate(item.below, 1):
        yield from _lines(below, f"{number}.{index}", speech)
    for index, part in enumerate(item.parts, 1):
        yield from _lines(part, f"{number}({letters(index)})", speech)


def sentence(item: Condition, lang: str = "en") -> str:
    """Return one condition in words, without a full stop; IRIs without a name as they are."""
    said = each_constraint(item, spelled_constraint)
    opened = Speech(lang).condition(said).removesuffix(".")
    if not isinstance(said, LogicalConstraint):
        return opened
    return f"{opened} {'; '.join(sentence(part, lang) for part in said.operands)}"


def letters(number: int) -> str:
    """Return `a` for 1, `z` for 26, `aa` for 27.

    >>> letters(1), letters(26), letters(27)
    ('a', 'z', 'aa')
    """
    word = ""
    while number > 0:
        number, rest = divmod(number - 1, len(ascii_lowercase))
        word = ascii_lowercase[rest] + word
    return word
