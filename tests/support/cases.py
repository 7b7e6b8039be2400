"""Cases in data files: what is given and what each verb answers, one format for all of them.

A row holds `name`, `policies` (see `short_policies.py`), `answers`
(verb -> what it says) and, where they bear on it, `request`, `facts` (as `preau policy simulate`
takes them, with `more` for what only a node states), `mode`, `tentative` and `behaviour`.
A policy that states neither class nor target is an offer where policies are compared, and else
about what is asked for; a `target` of null states that there is none.

`python -m tests.support.cases` writes what the verbs answer now into the rows; the difference is
then read, row by row, before it is committed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import policies_odrl
from policies_odrl import Decision, Facts, Knowledge, Layer, Mode, OdrlError, Policy, Request
from policies_odrl.comparison.differences import Compared
from policies_odrl.comparison.meet import meet
from policies_odrl.conflicts.compatibility import ConflictVerdict
from policies_odrl.documents.sources import Nodes
from policies_odrl.evaluation.decision import DutyResult
from policies_odrl.evaluation.deontic import DutyState, Instance
from policies_odrl.evaluation.request import Behaviour, Usage, UsageKey, Use
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.reading.writer import CONTEXTS, write
from policies_odrl.simulation.changes import applied
from policies_odrl.simulation.simulate import Simulation
from policies_odrl.simulation.situation import facts_from, request_from
from policies_odrl.vocabulary import ALLOWED, Kind, Operand
from tests.conformance.times.asked import line
from tests.support.conflicts import conflict_between, conflict_within
from tests.support.policies import nodes
from tests.support.short_policies import expanded, shortened

FOLDER: Final = Path(__file__).parents[1] / "cases"


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        subject: name of its file.
        row: what the row says.
    """

    subject: str
    row: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.subject}/{self.row['name']}"

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        facts = self.row.get("facts", {})  # of which knowledge is what reading asks for
        known = {name: facts[name] for name in _KNOWN & facts.keys()}
        more = {name: facts["more"][name] for name in _KNOWN & facts.get("more", {}).keys()}
        stated = json.dumps(known | ({"more": more} if more else {}), sort_keys=True)
        return tuple(_policy(json.dumps(item), stated) for item in self.documents)

    @property
    def documents(self) -> list[Mapping[str, Any]]:
        """The policies as the row means them."""
        if self.row["answers"].keys() == {"explain"}:
            return list(self.row["policies"])
        offers = not self.row["answers"].keys() & _OF_ONE or "tentative" in self.row
        return [_meant(item, None if offers else self._target) for item in self.row["policies"]]

    @property
    def _target(self) -> str:
        return self.row.get("request", {}).get("target") or "urn:example:a"

    @cached_property
    def request(self) -> Request:
        return request_from({**self._about, **self.row["request"]})

    @cached_property
    def _about(self) -> Mapping[str, str]:
        """The target that policies, the request and acts have unless they say otherwise."""
        filled = str(self.documents).count("'target':") > str(self.row["policies"]).count(
            "'target':"
        )
        return {"target": self._target} if filled else {}

    @cached_property
    def facts(self) -> Facts:
        stated = dict(self.row.get("facts", {}))
        if "performed" in stated:
            stated["performed"] = [{**self._about, **act} for act in stated["performed"]]
        return facts_in(stated)

    @property
    def knowledge(self) -> Knowledge:
        return self.facts.knowledge

    @cached_property
    def verdict(self) -> ConflictVerdict:
        """Whether two policies conflict, or one by itself."""
        ask: Callable[..., ConflictVerdict] = conflict_between
        if len(self.policies) == 1:
            ask = conflict_within
        wide = self.row.get("parts_as_kinds", False)
        return ask(*self.policies, self.knowledge, anchors=self.facts.anchors, parts_as_kinds=wide)

    @property
    def reading(self) -> dict[str, Any]:
        """The mode, and what else an evaluation may be told."""
        found: dict[str, Any] = {}
        if "mode" in self.row:
            found["mode"] = Mode(self.row["mode"])
        if "tentative" in self.row:
            found["tentative"] = self.row["tentative"]
        if "behaviour" in self.row:
            found["behaviour"] = Behaviour(self.row["behaviour"])
        return found


def cases(*subjects: str) -> list[Case]:
    """Return the rows of all files, or of those that are named."""
    files = [FOLDER / f"{name}.json" for name in subjects] or sorted(FOLDER.glob("*.json"))
    return [case for file in files for case in _rows(file)]


# Verbs that ask of one policy, and of what it is about.
_OF_ONE: Final = frozenset({"evaluate", "truth", "simulate", "validate", "advice"})


# Facts that are knowledge; of what stands under `more`, too.
_KNOWN: Final = {
    *("broader", "wholes", "events", "references"),
    *("operands", "actions", "profiles", "disjoint", "closed"),
}


_TARGET: Final = frozenset({"target", "odrl:target"})


def _meant(document: Mapping[str, Any], target: str | None) -> Mapping[str, Any]:
    """Return a policy with what its row takes for granted; without target it is an offer."""
    if "@type" in document or ("target" in document and document["target"] is None):
        return document
    if target is None:
        return {"@type": "Offer", **document}
    found = {key: item for key, item in document.items() if key != "@id" or item is not None}
    if not _TARGET & found.keys():
        for name in {"permission", "prohibition"} & found.keys():
            found[name] = [_aimed(rule, target) for rule in found[name]]
    return found


def _aimed(rule: Mapping[str, Any], target: str) -> Mapping[str, Any]:
    return rule if _TARGET & rule.keys() else {"target": target, **rule}


def _rows(file: Path) -> Iterator[Case]:
    data = json.loads(file.read_text("utf-8"))
    for row in data["cases"]:
        yield Case(file.stem, row)


# -- what is given -------------------------------------------------------------------------------


def policy_in(document: Mapping[str, Any], knowledge: Knowledge | None = None) -> Policy:
    """Return the policy of a document without context."""
    return policies_odrl.read(_nodes(json.dumps(document)), knowledge)


@cache  # many rows ask of the same policy
def _policy(document: str, facts: str) -> Policy:
    return policy_in(json.loads(document), _knowledge(facts))


@cache
def _knowledge(facts: str) -> Knowledge:
    return facts_in(json.loads(facts)).knowledge


@cache
def _nodes(document: str) -> Nodes:
    return nodes(written_out(json.loads(document)))


def written_out(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON-LD that a row's policy stands for."""
    return {"@context": list(CONTEXTS), **expanded(document)}


def facts_in(document: Mapping[str, Any]) -> Facts:
    """Return facts as a file states them, and what only a node states, under `more`."""
    stated = dict(document)
    more = stated.pop("more", {})
    facts = facts_from(stated)
    if not more:
        return facts
    known = replace(
        facts.knowledge,
        operands={iri: _operand(iri, kind) for iri, kind in more.get("operands", {}).items()},
        actions={iri: tuple(above) for iri, above in more.get("actions", {}).items()},
        profiles=frozenset(more.get("profiles", ())),
        disjoint=tuple(map(frozenset, more.get("disjoint", ()))),
        closed=more.get("closed", False),
    )
    return replace(
        facts,
        knowledge=known,
        since=_times(more.get("since", {})),
        anchors=_times(more.get("anchors", {})),
        recorded={
            **facts.recorded,
            **{path: DutyState(state) for path, state in more.get("recorded", {}).items()},
        },
        usage=usage_in(more["usage"]) if "usage" in more else None,
    )


def _operand(iri: str, stated: str | Sequence[str]) -> Operand:
    """Return an operand of one kind, and which one stands for it today where two are stated."""
    kind, *newer = [stated] if isinstance(stated, str) else stated
    return Operand(iri, Kind(kind), ALLOWED[Kind(kind)], *newer)


def usage_in(document: Mapping[str, Any]) -> Usage:
    """Return what was used so far."""
    uses: dict[UsageKey, list[Use]] = {}
    for index, use in enumerate(document.get("uses", ())):
        key = UsageKey(use["agreement"], use["rule"], use["assignee"], use.get("target"))
        start, *end = [
            datetime.fromisoformat(use[name]) for name in ("start", "end") if name in use
        ]
        kept = use.get("committed", True)
        uses.setdefault(key, []).append(Use(f"t{index}", start, *(end or [None]), committed=kept))
    return Usage(_times(document["started"]), {key: tuple(items) for key, items in uses.items()})


def _times(document: Mapping[str, str]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(at) for name, at in document.items()}


# -- what is answered ----------------------------------------------------------------------------


def answer(verb: str, case: Case) -> Any:
    """Return what a verb says to a case, as rows state it."""
    try:
        return VERBS[verb](case)
    except OdrlError as exc:
        return {"refused": type(exc).__name__, "reason": str(exc)}


def _evaluate(case: Case) -> dict[str, Any]:
    (policy,) = case.policies
    return decided(policies_odrl.evaluate(policy, case.request, case.facts, **case.reading))


def decided(decision: Decision) -> dict[str, Any]:
    """Return a decision as rows state it."""
    return _stated(
        granted=decision.granted,
        void=decision.void,
        reasons=list(decision.reasons),
        missing=list(decision.missing),
        rules={item.path: item.effect.value for item in decision.rules},
        duties={item.path: _duty(item) for item in _duties(decision)},
        due=[item.path for item in decision.due],
        violations=[
            f"{rule.path} {one.act.at.isoformat()}"
            for rule in decision.rules
            for one in rule.violations
        ],
    )


def _duties(decision: Decision) -> Iterator[DutyResult]:
    pending = [*decision.obligations]
    for rule in decision.rules:
        pending += rule.duties
        pending += [remedy for act in rule.violations for remedy in act.remedies]
    while pending:
        item = pending.pop(0)
        yield item
        pending = [*item.consequences, *pending]


def _duty(item: DutyResult) -> str:
    """Return where a duty stands, by which acts, on which occasions, and what made it due."""
    told = [item.state.value, *(["settled"] if item.settled else [])]
    told += [f"done {act.at.isoformat()}" for act in item.acts]
    told += [_occasion(one) for one in item.instances]
    told += [f"if {gate.line} ({gate.truth.value})" for gate in item.gates]
    return "; ".join([*told, *([item.note] if item.note else [])])


def _occasion(item: Instance) -> str:
    times = {"since": item.since, "due": item.due, "done": item.done}
    return " ".join([item.state.value, *(f"{k} {at.isoformat()}" for k, at in times.items() if at)])


def _truth(case: Case) -> str:
    """Return what the conditions of the first rule are, one word each."""
    (policy,) = case.policies
    decision = policies_odrl.evaluate(policy, case.request, case.facts, **case.reading)
    return " ".join(item.truth.value for item in decision.rules[0].conditions)


def _contains(case: Case) -> dict[str, Any]:
    found = policies_odrl.contains(*case.policies, case.knowledge)
    gaps = sorted({f"{item.path} {item.operand}" for item in found.gaps})
    return _stated(answer=found.answer.value, missing=list(found.missing), gaps=gaps)


def _proof(case: Case) -> dict[str, Any]:
    """Return what proves a containment, or stands against it, in lines and in words."""
    found = policies_odrl.contains(*case.policies, case.knowledge)
    told = {"proof": found.covered, "gaps": found.gaps}
    return {
        name: [[it.line, it.said("en"), it.said("fr")] for it in items]
        for name, items in told.items()
        if items
    }


def _compare(case: Case) -> dict[str, Any]:
    found = policies_odrl.compare(*case.policies, case.knowledge)
    return {"relation": found.relation.value}


def _counter_offer(case: Case) -> dict[str, Any]:
    offer, request, *reserve = case.policies
    found = policies_odrl.counter_offer(offer, request, *(reserve or [None]), case.knowledge)
    return _stated(
        agreed=found.agreed,
        policy=written(found.policy),
        changes=_changes(found.changes),
        blocked=[
            [*(part.line for part in item.parts), item.said("en"), item.said("fr")]
            for item in found.blocked
        ],
        reserve=found.reserve,
    )


def _conflict(case: Case) -> dict[str, Any]:
    found = case.verdict
    return _stated(answer=found.answer.value, reasons=list(found.reasons))


def _conflict_of_requests(case: Case) -> dict[str, Any]:
    """Return what the library says, which reads names as evaluation and comparison do."""
    alone = len(case.policies) == 1
    ask: Any = policies_odrl.conflict_within if alone else policies_odrl.conflict_between
    found = ask(*case.policies, case.knowledge)
    return _stated(answer=found.answer.value, reasons=list(found.reasons))


def _witness(case: Case) -> str | None:
    found = case.verdict.witness
    return found and line(found)


def written(policy: Policy | None) -> Any:
    """Return a policy as a document without context; None for none."""
    if policy is None:
        return None
    return shortened({key: item for key, item in write(policy).items() if key != "@context"})


def _changes(changes: Sequence[Compared]) -> list[list[str]]:
    return [[item.line, item.said("en"), item.said("fr")] for item in changes]


def _stated(**parts: Any) -> dict[str, Any]:
    always = {"granted", "answer", "agreed"}
    return {name: value for name, value in parts.items() if value or name in always}


def _common(ask: Callable[..., Policy | None]) -> Callable[[Case], Any]:
    return lambda case: written(ask(*case.policies, knowledge=case.knowledge))


def _term_changes(case: Case) -> list[list[str]]:
    return _changes(policies_odrl.term_changes(*case.policies, case.knowledge))


def _validate(case: Case) -> list[str]:
    found = policies_odrl.validate(case.policies[0], knowledge=case.knowledge)
    return [f"{item.severity.value} {item.code} {item.path or '/'}" for item in found]


def _advice(case: Case) -> dict[str, list[str]]:
    """Return what each finding says, and what to do."""
    return {
        lang: [
            f"{item.sentence} / {item.fix}"
            for item in policies_odrl.validate(case.policies[0], lang, knowledge=case.knowledge)
        ]
        for lang in LANGUAGES
    }


def _simulate(case: Case) -> dict[str, Any]:
    (policy,) = case.policies
    mode = case.reading.get("mode", Mode.W3C)
    found = policies_odrl.simulate(policy, case.request, case.facts, mode=mode)
    return {lang: list(policies_odrl.tell(found, lang)) for lang in LANGUAGES}


def _explain(case: Case) -> dict[str, Any]:
    return {lang: list(policies_odrl.explain(case.policies[0], lang)) for lang in LANGUAGES}


def _layer(case: Case) -> dict[str, Any]:
    layers = map(Layer, case.row.get("layers", "abcd"), case.policies)
    found = policies_odrl.layer(*layers, knowledge=case.knowledge)
    return _stated(
        agreed=bool(found),
        policy=written(found.policy),
        empty_at=found.empty_at,
    )


def _granted_by(join: Callable[..., Policy | None]) -> Callable[[Case], Any]:
    """Return the verb that says whether what policies come to grants, and whether but for bans."""

    def asked(case: Case) -> Any:
        common = join(case)
        return common and [
            policies_odrl.evaluate(it, case.request, case.facts, tentative=True).granted
            for it in (common, replace(common, prohibitions=()))
        ]

    return asked


def _layered(case: Case) -> Policy:
    layers = map(Layer, case.row.get("layers", "abcd"), case.policies)
    return policies_odrl.layer(*layers, knowledge=case.knowledge).policy


VERBS: Final[Mapping[str, Callable[[Case], Any]]] = {
    "evaluate": _evaluate,
    "truth": _truth,
    "contains": _contains,
    "proof": _proof,
    "compare": _compare,
    "counter_offer": _counter_offer,
    "meet": _common(meet),
    "same_meaning": lambda case: policies_odrl.same_meaning(*case.policies),
    "term_changes": _term_changes,
    "conflict": _conflict,
    "conflict_of_requests": _conflict_of_requests,
    "witness": _witness,
    "validate": _validate,
    "advice": _advice,
    "simulate": _simulate,
    "explain": _explain,
    "layer": _layer,
    "granted_by_meet": _granted_by(lambda case: meet(*case.policies, case.knowledge)),
    "granted_by_layers": _granted_by(_layered),
    "granted_by_counter_offer": _granted_by(
        lambda case: policies_odrl.counter_offer(*case.policies, None, case.knowledge).policy
    ),
}


def check_sets(found: Simulation) -> None:
    """Each set of changes grants, and none of its changes can be left out."""
    for changes in found.changes:
        for left_out in (None, *changes):
            some = [change for change in changes if change is not left_out]
            request, facts = applied(some, found.request, found.facts)
            decision = policies_odrl.evaluate(
                found.policy, request, facts, tentative=found.tentative
            )
            assert decision.granted is (left_out is None), (changes, left_out)


def dumped(data: Mapping[str, Any]) -> str:
    """Return a file's text: one row a line."""
    rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in data["cases"])
    return f'{{"about": {json.dumps(data["about"])}, "cases": [\n{rows}\n]}}\n'


def renew() -> None:
    """Write what the verbs answer now into each row."""
    for file in sorted(FOLDER.glob("*.json")):
        data = json.loads(file.read_text("utf-8"))
        for row in data["cases"]:
            case = Case(file.stem, row)
            row["answers"] = {verb: answer(verb, case) for verb in row["answers"]}
        file.write_text(dumped(data), "utf-8")


if __name__ == "__main__":
    renew()
