"""What is asked of a policy that is written: what if, against another one, under the layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from connector.console.pages.author import conditions, values
from connector.console.pages.author.findings import nearest
from connector.console.parts import Cell, Field, Form, Notice, Part, Sentences, Table, Words, named
from connector.language.matching import Naming, verbatim
from connector.services.policies import drafting
from connector.services.policies.drafting import Draft
from connector.services.policies.trying import Layered
from policies_odrl import Iri, Request
from policies_odrl.algebra.domain import Fact
from policies_odrl.comparison.compare import Answer, Comparison, Containment, Relation
from policies_odrl.concepts import hierarchy
from policies_odrl.evaluation.request import DATE_TIME
from policies_odrl.language.phrases import word
from policies_odrl.model import ODRL
from policies_odrl.text import value
from policies_odrl.vocabulary import DPV, OPERANDS, Kind, prefixed

_PURPOSE: Final = f"{ODRL}purpose"
_KNOWN: Final = {_PURPOSE: "purposes", f"{DPV}hasLegalBasis": "legal_bases"}
_NUMBERS: Final = frozenset({Kind.NUMBER, Kind.COUNT})
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NOON: Final = "T12:00:00Z"
_ASKED: Final = ("action", "assignee", "target", "now")
_RELATIONS: Final[Mapping[Relation, str]] = {
    Relation.EQUIVALENT: "The same: both policies permit the same.",
    Relation.WITHIN: "Less: whatever this policy permits, the other permits too.",
    Relation.CONTAINS: "More: whatever the other policy permits, this one permits too.",
    Relation.OVERLAPPING: "Neither more nor less: each policy permits something that the other "
    "does not, and something is permitted by both.",
    Relation.DISJOINT: "Neither more nor less: nothing is permitted by both policies.",
    Relation.UNKNOWN: "It cannot be shown how these policies relate.",
}
_LAYERS: Final = ("sentence", "label", "by", "layer")
_COMPARED: Final = (
    *("this policy", "its sentence", "it says"),
    *("the other says", "the other's sentence"),
)


def request(
    draft: Draft, language: str, hidden: Mapping[str, str], given: Mapping[str, str]
) -> Form:
    """Return the form that tries a request out."""
    acts, lefts = conditions.stated(draft.document, draft.lines)
    every = conditions.actions(language)
    parties = {"assignee": draft.policy.assignee, "target": draft.policy.target}
    known = {name: given.get(name, part.id if part else "") for name, part in parties.items()}
    first = [(prefixed(each), verbatim(word(each, language, "actions"))) for each in acts]
    rest = [each for each in every if each not in first]
    fields = [
        Field("action", "action", "", "choice", given.get("action", ""), [*first, *rest]),
        Field("assignee", "who asks", "an IRI, such as a DID", value=known["assignee"]),
        Field("target", "dataset", "its IRI; left empty: not stated", value=known["target"]),
        Field(
            "now",
            "when",
            "a day, such as `2027-01-01` (at noon, UTC), or a time with its zone, such as "
            "`2027-01-01T10:00:00Z`",
            value=given.get("now", ""),
        ),
    ]
    fields += [
        _stated(left, given, language)
        for left in dict.fromkeys((_PURPOSE, *lefts))
        if left != DATE_TIME
    ]
    return Form("What if", "/policy/what-if", fields, "try it out", hidden)


def asked(given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what a person fills in: the request, and values of left operands."""
    found = {name: given.get(name, "").strip() for name in _ASKED}
    if _DAY.fullmatch(found["now"]):
        found["now"] += _NOON
    stated = {
        name.removeprefix(conditions.VALUE): text.strip()
        for name, text in given.items()
        if name.startswith(conditions.VALUE) and text.strip()
    }
    return found, {left: _meant(left, text) for left, text in stated.items()}


def tried(granted: bool, lines: Sequence[str]) -> list[Part]:  # noqa: FBT001 - the answer
    """Return what became of a request."""
    told = "The request would be granted." if granted else "The request would be refused."
    return [Notice(told, "done" if granted else "info"), Sentences("What if", lines)]


def other(hidden: Mapping[str, str], given: Mapping[str, str]) -> Form:
    """Return the form that asks for another policy."""
    field = Field(
        "other",
        "the other policy",
        "JSON-LD, or numbered sentences in the language of this page",
        "lines",
        given.get("other", ""),
        needed=True,
        longest=drafting.MOST + 1,  # one more is refused with a reason, not cut off
    )
    return Form("Compare with another policy", "/policy/compare", (field,), "compare", hidden)


def compared(
    found: Comparison, here: Draft, there: Draft, language: str, again: Mapping[str, str]
) -> list[Part]:
    """Return how a policy relates to another one, and where it permits more or less.

    Args:
        found: how they relate.
        here: the draft of the policy.
        there: that of the other.
        language: of the reader.
        again: values of the form by which this is asked for.
    """
    rows = [
        *_side(found.forward, here, there, language, more=True),
        *_side(found.backward, here, there, language, more=False),
    ]
    if found.shared is not None:
        rows.append((Words("both permit, for example"), "", _request(found.shared, language)))
    facts = (*found.forward.missing, *found.backward.missing, *found.missing)
    rows += [(Words("not known"), "", Words(fact)) for fact in dict.fromkeys(facts)]
    return [
        Notice(_RELATIONS[found.relation]),
        Table(
            "Where they differ",
            _COMPARED,
            [(*row, *[""] * (len(_COMPARED) - len(row))) for row in rows],
            "No difference was found.",
            name="comparison",
            again=again,
        ),
    ]


def under(spaces: Sequence[str], hidden: Mapping[str, str], given: Mapping[str, str]) -> Form:
    """Return the form that asks for the policy under the layers of a space."""
    answers = (("yes", "yes"), ("no", "no"))
    personal = given.get("personal", "")
    fields = [Field("personal", "personal data", "", "choice", personal, answers)]
    if len(spaces) > 1:
        fields.append(Field("space", "space", "", "choice", given.get("space", ""), named(spaces)))
    return Form("Under the layers in force", "/policy/layers", fields, "show", hidden)


def layered(found: Layered, whole: Draft, again: Mapping[str, str]) -> list[Part]:
    """Return what a policy would be offered as, and where each line comes from.

    Args:
        found: what the layers make of it.
        whole: the draft of that.
        again: values of the form by which this is asked for.
    """
    said = {each.path: str(each) for each in whole.lines}
    rows = [
        (
            nearest(each.path, said) or each.constraint,
            Words(each.label),
            Words(each.by),
            Words(each.layer),
        )
        for each in found.lines
    ]
    told = Naming("layers in force: {names}", names=", ".join(found.names))
    return [
        Notice(told if found.names else "No layer is in force here."),
        Table(
            "Where each line comes from",
            _LAYERS,
            rows,
            "The terms hold no constraint: they limit nothing.",
            name="layers",
            again=again,
        ),
        Sentences("As it would be offered", whole.sentences),
    ]


def _stated(left: str, given: Mapping[str, str], language: str) -> Field:
    name, label = f"{conditions.VALUE}{left}", verbatim(word(left, language, "operands"))
    stated, known = given.get(name, ""), OPERANDS.get(left)
    terms = [*hierarchy(_KNOWN[left])] if left in _KNOWN else [*(known.steps if known else ())]
    if not terms:
        return Field(name, label, value=stated, longest=2000)
    choices = sorted(
        ((prefixed(each), verbatim(word(each, language))) for each in terms),
        key=lambda each: each[1],
    )
    return Field(name, label, "", "choice", stated, [("", ""), *choices])


def _meant(left: str, text: str) -> str:
    known = OPERANDS.get(left)
    if known is not None and known.kind in values.NAMED:
        return values.iri(text)
    return text.replace(",", ".") if known is not None and known.kind in _NUMBERS else text


def _side(
    found: Containment, here: Draft, there: Draft, language: str, *, more: bool
) -> Iterator[tuple[Cell, ...]]:
    """Yield where one of two policies permits what is not within the other."""
    shown = found.answer is Answer.NO
    if more:
        label = "permits more" if shown else "may permit more"
    else:
        label = "permits less" if shown else "may permit less"
    ours, theirs = ({each.path: str(each) for each in draft.lines} for draft in (here, there))
    for item in found.gaps:
        asked, offered = item.sides(language)
        own, foreign = (item.path, item.rule) if more else (item.rule, item.path)
        says, against = (asked, offered) if more else (offered, asked)
        yield Words(label), ours.get(own, ""), says, against, theirs.get(foreign, "")
    if found.witness is not None:
        example = _request(found.witness, language)
        yield (
            (Words("permits, for example"), "", example)
            if more
            else (
                Words("does not permit, for example"),
                "",
                example,
            )
        )


def _request(found: Request, language: str) -> str:
    about = (word(found.action, language, "actions"), found.assignee, found.target)
    between = " : " if language == "fr" else ": "
    facts = (
        word(left, language, "operands")
        + between
        + ", ".join(_value(each, language) for each in stated)
        for left, stated in sorted(found.facts.items())
    )
    return "; ".join([*filter(None, about), *facts])


def _value(fact: Fact, language: str) -> str:
    return word(fact.value, language) if isinstance(fact, Iri) else value(fact)
