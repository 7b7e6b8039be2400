"""Asking for a training job: contracts and a target, the request that is proposed, its check.

Rule: a request travels in the forms until it is submitted; nothing is stored or spent before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Any, Final

from connector.console.figures import figure
from connector.console.pages.entry import Entry, Moved
from connector.console.pages.wording import contracts
from connector.console.parts import (
    Cell,
    Facts,
    Field,
    Form,
    Link,
    Notice,
    Page,
    Part,
    Table,
    Ways,
    Words,
)
from connector.console.visit import Visit
from connector.domain.contract.negotiation import Agreement
from connector.enforcement.mechanisms import train
from connector.errors import Malformed, PreauError
from connector.jsonld.canonical import canonical, parse_object
from connector.language.matching import Naming
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.request import check as checking
from connector.services.federation.request import draft as drafting
from connector.services.federation.request.check import Report
from connector.services.negotiation import agree

_MOST_SITES: Final = 8  # of a form; a request in a file names more
_NOBODY: Final = ("", "none")
_LEFT_OUT: Final = "no"
_USED: Final = (("yes", "is learnt from"), (_LEFT_OUT, "is left out"))
# Fields of a request that the form asks for, by JSON pointer.
_LABELS: Final[dict[str, str]] = {
    "/purpose": "purpose",
    "/model/kind": "kind of model",
    "/unit/column": "column that tells persons apart",
    "/unit/rows": "rows per person",
    "/privacy/epsilon": "ε of the job",
    "/privacy/delta": "δ of the job",
    "/privacy/samplingRate": "share of persons in a step",
    "/privacy/steps": "steps of training",
    "/privacy/clip": "norm to which a person's gradient is clipped",
    "/optimiser/momentum": "momentum of the optimiser",
    "/learningRate": "learning rate",
    "/rounds": "rounds of training",
    "/quorum": "fewest sites of a round",
    "/target/low": "least value of the target",
    "/target/high": "greatest value of the target",
}
_EVERY, _NOISE = "evaluation-every", "evaluation-noise"


def request(visit: Visit) -> Page:
    """Ask for contracts and a target; with them, show the request that is proposed."""
    usable = visit.served.do(agree.consumed, train.NAME)
    if not usable:
        text = "There is no contract yet that lets this node train: ask a peer for one."
        return Page("Ask for a job", [Notice(text), _where_to_begin()])
    parts: list[Part] = [_beginning(visit, usable)]
    chosen = [visit.asked(f"contract-{number}") for number in range(1, _MOST_SITES + 1)]
    if not visit.asked("target"):
        return Page("Ask for a job", parts)
    try:
        epsilon = (
            figure(visit.asked("epsilon"), "epsilon") if visit.asked("epsilon").strip() else None
        )
        names = [each for each in chosen if each]
        made = visit.served.do(drafting.draft, names, visit.asked("target").strip(), epsilon)
    except PreauError as exc:
        return Page("Ask for a job", parts, refusal=exc)
    return Page("Ask for a job", [*parts, _remarks(made.remarks), _form(made.request)])


def check(visit: Visit) -> Page:
    """Say what can be known of a request, and offer to change or to submit it."""
    before = _brought(visit)
    try:
        asked = _overlaid(visit, before)
        tried = visit.given("tried") == "yes"
        report = visit.served.do(checking.check, asked, rehearse=tried)
    except PreauError as exc:
        return Page("Ask for a job", [_form(before)], refusal=exc)
    parts: list[Part] = []
    if report.accepted:
        parts.append(Notice("Nothing that can be known here refuses the job.", "done"))
    else:
        parts.append(Notice("The job would be refused: see the findings, and change it.", "wrong"))
    parts += _report(report)
    if report.accepted and visit.served.may(lead_jobs.submit):
        hidden = {"request": canonical(asked).decode()}
        parts.append(Form("Submit", "/job/submit", (), "submit the job", hidden))
    parts.append(_form(asked))
    return Page("Ask for a job", parts)


def submit(visit: Visit) -> Page | Moved:
    """Submit a job."""
    asked = _brought(visit)
    try:
        made = visit.served.do(lead_jobs.submit, asked)
    except PreauError as exc:
        return Page("Ask for a job", [_form(asked)], refusal=exc)
    return Moved("/job", {"id": made.id})


def _where_to_begin() -> Part:
    return Ways("Where to begin", [Link("catalogs of peers", "/catalog")])


def _beginning(visit: Visit, usable: Sequence[Agreement]) -> Form:
    known = [_NOBODY, *contracts(usable, visit)]
    fields = [
        Field(
            f"contract-{number}",
            f"contract {number}",
            kind="choice",
            value=visit.asked(f"contract-{number}") or (usable[0].id if number == 1 else ""),
            choices=known,
        )
        for number in range(1, min(_MOST_SITES, len(usable)) + 1)
    ]
    target = Field(
        "target",
        "target",
        "column that is predicted, of the data dictionaries",
        value=visit.asked("target"),
        needed=True,
    )
    epsilon = Field(
        "epsilon", "ε of the job", "left empty: what fits", value=visit.asked("epsilon")
    )
    title = "Contracts and target"
    return Form(title, "/job/request", [*fields, target, epsilon], "propose a job", method="get")


def _remarks(lines: Sequence[str]) -> Part:
    rows = [(Words(each),) for each in lines]
    return Table(
        "Why it is proposed",
        ("remark",),
        rows,
        "Nothing is to be remarked: the proposal follows the contracts.",
        name="remarks",
    )


def _form(asked: Mapping[str, Any]) -> Form:
    """Return the form of a request: a field for each member that `_LABELS` names."""
    stated = dict(_leaves(asked))
    fields = [
        Field(pointer, label, value=_spelled(stated[pointer]), needed=True)
        for pointer, label in _LABELS.items()
        if pointer in stated
    ]
    fields += [
        Field(
            f"feature-{number}",
            Naming("column `{column}`", column=_column(each)),
            kind="choice",
            choices=_USED,
        )
        for number, each in enumerate(asked["features"])
    ]
    evaluated = asked.get("evaluation", {})
    fields += [
        Field(
            _EVERY,
            "evaluate the model every so many rounds",
            "left empty: it is not evaluated; what it costs is within the job's ε",
            value=str(evaluated.get("every", "")),
        ),
        Field(
            _NOISE,
            "noise of evaluations",
            "left empty: what the node proposes",
            value=str(evaluated.get("noiseMultiplier", "")),
        ),
        Field(
            "tried",
            "also try it on made-up rows",
            "takes up to a minute",
            kind="choice",
            value="no",
            choices=(("no", "no"), ("yes", "yes")),
        ),
    ]
    hidden = {"request": canonical(dict(asked)).decode()}
    return Form("The job", "/job/check", fields, "check", hidden)


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        if isinstance(each, Mapping):
            yield from _leaves(each, f"{above}/{name}")
        elif isinstance(each, str | int | float) and not isinstance(each, bool):
            yield f"{above}/{name}", each


def _brought(visit: Visit) -> dict[str, Any]:
    """Return the request that a form brings.

    Raises:
        Malformed: it brings none that a form can show.
    """
    asked: dict[str, Any] = parse_object(visit.given("request").encode())
    kinds = (isinstance(asked.get("features"), list), isinstance(asked.get("evaluation", {}), dict))
    if not all(kinds):
        raise Malformed("this form holds no request", hint="begin with contracts and a target")
    return asked


def _overlaid(visit: Visit, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request of a form with what its fields say."""
    asked: dict[str, Any] = deepcopy(dict(before))
    for pointer, value in list(_leaves(asked)):
        if pointer in _LABELS and pointer in visit.form:
            *above, name = pointer.split("/")[1:]
            part: Any = asked
            for each in above:
                part = part[each]
            given = visit.given(pointer).strip()
            if given != _spelled(value):
                part[name] = given if isinstance(value, str) else figure(given, pointer)
    asked["features"] = [
        each
        for number, each in enumerate(asked["features"])
        if visit.given(f"feature-{number}") != _LEFT_OUT
    ]
    if every := visit.given(_EVERY).strip():
        told = {**asked.get("evaluation", {}), "every": figure(every, _EVERY)}
        if noise := visit.given(_NOISE).strip():
            told["noiseMultiplier"] = noise if noise == "none" else figure(noise, _NOISE)
        asked["evaluation"] = told
    elif _EVERY in visit.form:
        asked.pop("evaluation", None)
    return asked


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"


def _column(feature: Any) -> str:
    return str(feature.get("column", "")) if isinstance(feature, dict) else str(feature)


def _where(pointer: str) -> Cell:
    return Words(_LABELS[pointer]) if pointer in _LABELS else pointer


def _named(feature: Any) -> str:
    return Naming("column `{column}`", column=_column(feature))


def _report(report: Report) -> Iterator[Part]:
    findings = [
        (_where(each.where), Words(each.what), each.code, each.dataset) for each in report.findings
    ]
    headings = ("where", "finding", "code", "dataset")
    yield Table(
        "Findings",
        headings,
        findings,
        "There is no finding: the job may be submitted.",
        name="findings",
    )
    if report.manifest is not None and report.accepted:
        noise = report.manifest.privacy.noise_multiplier
        yield Facts("The job", (("rounds", report.manifest.turns), ("noise multiplier", noise)))
    costs: list[tuple[Cell, ...]] = [
        (each.site, each.agreement, each.limit, each.epsilon, each.left, each.after, each.code)
        for each in report.costs
    ]
    if costs:
        columns = ("site", "contract", "limit ε", "ε of the job", "left ε", "ε after it", "code")
        yield Table("What it costs a person", columns, costs, "", name="costs")
    if report.rehearsal is not None:
        found = asdict(report.rehearsal)
        sites: list[tuple[Cell, ...]] = [
            (each["site"], each["persons"], each["usable"], each["labels"], each["round_seconds"])
            for each in found["parts"]
        ]
        tried = ("site", "persons", "persons who take part", "labels", "seconds a round")
        yield Table("Tried on made-up rows", tried, sites, "", name="tried")
        yield Facts(
            "The try",
            (
                ("rounds", found["rounds"]),
                ("seconds of the whole job", found["seconds"]),
                ("memory in MB", round(found["peak"] / 1e6, 1)),
            ),
        )


PAGES: Final = (
    Entry("/job/request", request, (drafting.draft,)),
    Entry("/job/check", check, (checking.check,), method="POST", on="/job/request"),
    Entry("/job/submit", submit, (lead_jobs.submit,), method="POST", on="/job/request"),
)
