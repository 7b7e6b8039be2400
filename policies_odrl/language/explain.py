"""A policy as numbered sentences that people without ODRL read.

Rules: every rule, condition, duty, party and identifier has its sentence, and nothing is summed up
away; what concerns the whole policy has a letter, a rule a number, what is below a rule the
number's branches (`2.3`, and `2.3(a)` for the parts of a choice); the list of the IRIs that were
mentioned ends the text. The same policy always gives the same sentences, and
`from_sentences.py` makes the same policy from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Final

from policies_odrl.language import phrases
from policies_odrl.language.phrases import LANGUAGES, Pair
from policies_odrl.language.references import References
from policies_odrl.language.sentences import Speaker
from policies_odrl.language.slots import fill
from policies_odrl.language.spelled import besides, spelled, spelled_part
from policies_odrl.model import (
    Action,
    AssetRef,
    Condition,
    Constraint,
    Notes,
    PartyRef,
    Permission,
    Policy,
    Prohibition,
    Rule,
    below,
    conditions,
    duties_below,
)
from policies_odrl.values import naive
from policies_odrl.vocabulary import OPERANDS, Kind

DUTIES: Final[Mapping[str, str]] = {
    "duty": "duty",
    "odrl:remedy": "remedy",
    "odrl:consequence": "consequence",
}


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
    1. It is permitted to read.
    B. Whatever is not permitted here is refused.
    """
    references = References()
    lines = [str(line) for line in numbered(policy, lang, references)]
    return (*lines, *references.lines())


def numbered(policy: Policy, lang: str, references: References | None = None) -> tuple[Line, ...]:
    """Return the sentences with their numbers and with what they are about.

    >>> from policies_odrl.model import ODRL, Action, PolicyKind
    >>> reading = Permission(action=Action(ODRL + "read"))
    >>> policy = Policy(kind=PolicyKind.SET, permissions=(reading,))
    >>> [line.number for line in numbered(policy, "en")]
    ['A', '1', 'B']

    Raises:
        ValueError: a language that there are no sentences in.
    """
    if lang not in LANGUAGES:
        raise ValueError(f"no sentences in `{lang}`")
    speaker = Speaker(lang, References() if references is None else references)
    return tuple(_Writer(speaker).policy(spelled(policy)))


def sentence(item: Condition, lang: str = "en") -> str:
    """Return one condition in words, without a full stop; IRIs without a name as they are."""
    speaker = Plain(lang, References())
    said = spelled_part(item)
    if isinstance(said, Constraint):
        return speaker.leaf(said).removesuffix(".")
    inner = "; ".join(sentence(part, lang) for part in said.operands)
    return f"{speaker.joined(said)} {inner}"


class Plain(Speaker):
    """Writes IRIs out, for a sentence that stands alone."""

    __slots__ = ()

    def iri(self, iri: str) -> str:
        """Return the IRI itself."""
        return iri


class _Writer:
    """Walks through a policy and numbers what it says."""

    __slots__ = ("_lang", "_letters", "_speaker")

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._lang = speaker.lang
        self._letters = 0

    def policy(self, policy: Policy) -> Iterator[Line]:
        yield self._lettered("", fill(phrases.KINDS[policy.kind], self._lang))
        yield from self._head(policy)
        for number, (path, rule) in enumerate(policy.rules(), 1):
            yield from self._rule(f"{number}", path, rule, rule_key(rule))
        for key in closing(policy):
            path = "/odrl:conflict" if key in {"unsaid", "perm", "prohibit", "invalid"} else ""
            yield self._lettered(path, fill(phrases.CLOSE[key], self._lang))

    def _lettered(self, path: str, text: str) -> Line:
        self._letters += 1
        return Line(letters(self._letters).upper(), path, text)

    def _head(self, policy: Policy) -> Iterator[Line]:
        for key, path, text in self._statements(policy):
            pair = phrases.HEAD[key]
            slot = pair[0].partition("{")[2].partition("}")[0]
            yield self._lettered(path, fill(pair, self._lang, **{slot: text}))
        for index, (name, value) in enumerate(policy.metadata):
            slots = {"property": self._speaker.property(name), "value": self._speaker.value(value)}
            said = fill(phrases.HEAD["metadata"], self._lang, **slots)
            yield self._lettered(f"/metadata/{index}", said)
        for key in ("target", "assigner", "assignee"):
            item: AssetRef | PartyRef | None = getattr(policy, key)
            if item is not None:
                slots = {_slot(item): self._speaker.reference(item)}
                said = fill(phrases.HEAD[key], self._lang, **slots)
                opened = self._lettered(f"/{key}", said)
                yield opened
                yield from self._chosen(opened.number, opened.path, item)
        if policy.inherits:
            yield from self._taken_over(policy)

    def _taken_over(self, policy: Policy) -> Iterator[Line]:
        """Say what is stated for the rules of parents; its own rules say it themselves."""
        common = besides(policy)
        for key, name in _SHARED.items():
            items: tuple[AssetRef | PartyRef, ...] = getattr(common, key)
            for index, item in enumerate(items):
                said = self._speaker.reference(item)
                yield from self._added(key, f"/{name}/{index}", item, **{_slot(item): said})
        for index, action in enumerate(common.actions):
            yield from self._added_action(f"/action/{index}", action)
        for index, (name, party) in enumerate(common.functions):
            slots = {
                "function": self._speaker.function(name),
                "party": self._speaker.reference(party),
            }
            yield from self._added("functions", f"/{name}/{index}", party, **slots)

    def _added(
        self, key: str, path: str, item: AssetRef | PartyRef, **slots: str
    ) -> Iterator[Line]:
        opened = self._lettered(path, fill(phrases.TAKEN_OVER[key], self._lang, **slots))
        yield opened
        yield from self._chosen(opened.number, path, item)

    def _added_action(self, path: str, action: Action) -> Iterator[Line]:
        verb = self._speaker.action(action.id)
        said = fill(phrases.TAKEN_OVER["actions"], self._lang, action=verb)
        opened = self._lettered(path, said)
        yield opened
        yield from self._about(_Branches(opened.number), path, action)

    def _statements(self, policy: Policy) -> Iterator[tuple[str, str, str]]:
        iri = self._speaker.iri
        if policy.id:
            yield "id", "/@id", iri(policy.id)
        for index, profile in enumerate(policy.profiles):
            yield "profile", f"/profile/{index}", self._speaker.profile(profile)
        for index, parent in enumerate(policy.inherits):
            yield "inherits", f"/odrl:inheritFrom/{index}", iri(parent)
        if policy.replaced_by:
            yield "replaced", "/dct:isReplacedBy", iri(policy.replaced_by)
        if policy.timestamp:
            said = self._speaker.moment(policy.timestamp)
            yield "timestamp", "/dspace:timestamp", said

    # -- rules ------------------------------------------------------------------------------

    def _rule(self, number: str, path: str, rule: Rule, key: str) -> Iterator[Line]:
        speaker = self._speaker
        verb = {"action": speaker.action(rule.action.id)}
        pair = phrases.RULES[key]
        if "{de_action}" in pair[LANGUAGES.index(self._lang)]:
            verb = {"de_action": speaker.de_action(rule.action.id)}
        remark = speaker.named(phrases.NAMED_RULE, rule.id)
        yield Line(number, path, fill(pair, self._lang, **verb, id=remark))
        place = _Branches(number)
        yield from self._parts(place, path, rule)
        for name, duties in duties_below(rule):
            for index, duty in enumerate(duties):
                yield from self._rule(place.next(), f"{path}/{name}/{index}", duty, DUTIES[name])

    def _parts(self, place: _Branches, path: str, rule: Rule) -> Iterator[Line]:
        yield from self._noted(place, path, "note", rule.notes)
        yield from self._about(place, f"{path}/action", rule.action)
        for key in ("target", "assigner", "assignee"):
            yield from self._reference(place, f"{path}/{key}", key, getattr(rule, key))
        for index, item in enumerate(rule.constraints):
            where = f"{path}/constraint/{index}"
            yield from self._condition(place.next(), where, item, phrases.PARTS["only-if"])
        for item in rule.unread:
            yield from self._condition(place.next(), path, item, phrases.PARTS["unread"])
        yield from self._reference(place, f"{path}/odrl:output", "output", rule.output)
        for name, party in rule.functions:
            said = self._speaker.reference(party)
            function = self._speaker.function(name)
            pair = phrases.PARTS["function"]
            opened = Line(
                place.next(),
                f"{path}/{name}",
                fill(pair, self._lang, function=function, party=said),
            )
            yield opened
            yield from self._chosen(opened.number, opened.path, party)

    def _about(self, place: _Branches, path: str, action: Action) -> Iterator[Line]:
        yield from self._noted(place, path, "action-note", action.notes)
        if action.node:
            node = self._speaker.iri(action.node)
            said = fill(phrases.NOTES["action-node"], self._lang, iri=node)
            yield Line(place.next(), f"{path}/@id", said)
        for index, item in enumerate(action.refinements):
            where = f"{path}/odrl:refinement/{index}"
            yield from self._condition(place.next(), where, item, phrases.PARTS["refined"])

    def _reference(
        self, place: _Branches, path: str, key: str, item: AssetRef | PartyRef | None
    ) -> Iterator[Line]:
        if item is None:
            return
        slots = {_slot(item): self._speaker.reference(item)}
        said = fill(phrases.PARTS[key], self._lang, **slots)
        number = place.next()
        yield Line(number, path, said)
        yield from self._chosen(number, path, item)

    def _chosen(self, number: str, path: str, item: AssetRef | PartyRef) -> Iterator[Line]:
        place = _Branches(number)
        yield from self._noted(place, path, "note", item.notes)
        for index, part in enumerate(item.refinements):
            where = f"{path}/odrl:refinement/{index}"
            yield from self._condition(place.next(), where, part, phrases.CHOSEN)

    def _noted(self, place: _Branches, path: str, key: str, notes: Notes) -> Iterator[Line]:
        for index, (name, value) in enumerate(notes):
            slots = {"property": self._speaker.property(name), "value": self._speaker.value(value)}
            said = fill(phrases.NOTES[key], self._lang, **slots)
            yield Line(place.next(), f"{path}/notes/{index}", said)

    # -- conditions -------------------------------------------------------------------------

    def _condition(self, number: str, path: str, item: Condition, pair: Pair) -> Iterator[Line]:
        if isinstance(item, Constraint):
            said = fill(pair, self._lang, condition=self._speaker.leaf(item))
            yield Line(number, path, said)
            yield from self._notes(number, path, item)
            return
        yield Line(number, path, fill(pair, self._lang, condition=self._speaker.joined(item)))
        yield from self._noted(_Branches(number), path, "note", item.notes)
        inner = below(item, path)
        for index, part in enumerate(item.operands):
            where = f"{number}({letters(index + 1)})"
            yield from self._condition(where, f"{inner}/{index}", part, _BARE)

    def _notes(self, number: str, path: str, item: Constraint) -> Iterator[Line]:
        place = _Branches(number)
        yield from self._noted(place, path, "note", item.notes)
        if item.datatype:
            said = self._speaker.datatype(item.datatype)
            note = fill(phrases.NOTES["datatype"], self._lang, datatype=said)
            yield Line(place.next(), f"{path}/odrl:dataType", note)
        if item.status is not None:
            said = self._speaker.value(item.status)
            note = fill(phrases.NOTES["status"], self._lang, value=said)
            yield Line(place.next(), f"{path}/odrl:status", note)


# name in `Common` -> that of the property
_SHARED: Final[Mapping[str, str]] = {
    "targets": "target",
    "assigners": "assigner",
    "assignees": "assignee",
    "outputs": "odrl:output",
}


def _slot(item: AssetRef | PartyRef) -> str:
    return "asset" if isinstance(item, AssetRef) else "party"


_BARE: Final[Pair] = ("{condition}", "{condition}")


class _Branches:
    """Numbers of what is below a sentence."""

    __slots__ = ("_above", "_count")

    def __init__(self, above: str) -> None:
        self._above = above
        self._count = 0

    def next(self) -> str:
        self._count += 1
        return f"{self._above}.{self._count}"


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


def rule_key(rule: Rule) -> str:
    """Return the key of the sentence that opens a rule of a policy."""
    if isinstance(rule, Permission):
        return "permission"
    return "prohibition" if isinstance(rule, Prohibition) else "obligation"


def closing(policy: Policy) -> Iterator[str]:
    """Yield the keys of the sentences that close a policy."""
    if policy.conflict is not None:
        yield policy.conflict.value
    elif policy.permissions and policy.prohibitions:
        yield "unsaid"
    if any(_without_zone(item) for item in _constraints(policy)):
        yield "zones"
    yield "else"


def _constraints(policy: Policy) -> Iterator[Constraint]:
    stack: list[Rule] = [rule for _, rule in policy.rules()]
    whole = [item for item in (policy.target, policy.assigner, policy.assignee) if item]
    groups = [item.refinements for item in whole]
    while stack:
        rule = stack.pop()
        stack.extend(duty for _, duties in duties_below(rule) for duty in duties)
        named = (rule.target, rule.assigner, rule.assignee, rule.output)
        parties = (party for _, party in rule.functions)
        groups += [rule.action.refinements, rule.constraints]
        groups += [item.refinements for item in (*named, *parties) if item]
    for group in groups:
        yield from (item for _, item in conditions(group, "") if isinstance(item, Constraint))


def _without_zone(item: Constraint) -> bool:
    operand = OPERANDS.get(item.left)
    if operand is None or operand.kind is not Kind.INSTANT:
        return False
    return any(naive(value) for value in item.right)
