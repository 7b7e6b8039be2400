"""Write the reference pages that the code itself states: error codes, settings, negotiation states.

Run `python docs/generate_reference.py` after a change; a test compares the pages with the code.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import MISSING, fields
from pathlib import Path

from connector import errors
from connector.config import Settings
from connector.peer.dsp import answers
from connector.peer.status import OURS
from connector.protocol.dsp import faults
from connector.protocol.negotiation import RECEIVING, SENDING, Act
from connector.protocol.transfer import TRANSITIONS
from connector.services.federation.lead.book import STANDINGS
from connector.services.federation.request.members import REQUEST
from connector.services.federation.request.schema import request_schema, table
from federated import job
from policies_odrl.evaluation.deontic import NEXT, REPORTED, DutyState

PAGES = Path(__file__).parent


_ERRORS = """\
# Error codes

Every refusal has a stable code, one line that says why, and often a hint. The command prints
`error CODE: reason`. The same code reaches a peer by each binding:

| status | over | the code stands in |
|---|---|---|
| *gRPC* | gRPC, between Préau nodes | trailing metadata `preau-problem-bin` |
| *HTTP* | HTTPS: management API, Decentralized Claims Protocol | problem JSON (RFC 9457) |
| *DSP* | HTTPS: Dataspace Protocol | `CatalogError`, `ContractNegotiationError`, `TransferError` |

Over the Dataspace Protocol, who is not believed is answered 401 by the catalog and 404 by
processes, whatever the code; *401, 404* below is that. Of a caller who is believed such a code is
400, as for a callback address that this node does not call. With 429 and 503 comes `Retry-After`
where it is known when to come again. A fault of this node's own keeps its code and loses its
reason, which is in the node's log. A code that is not here comes from a later release, or from a
connector of another make, whose operator knows it.

| code | means | what to do | gRPC | HTTP | DSP |
|---|---|---|---|---|---|
"""


def error_page() -> str:
    """Return the page of error codes, in the order of the tree."""
    lines = []
    for cls in errors.subclasses():
        grpc_name, http = errors.status(cls.code)
        meaning, todo = _said(cls)
        cells = (f"`{cls.code}`", meaning, todo, grpc_name, http, _over_dsp(cls))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return _ERRORS + "\n".join(lines) + "\n"


def _said(cls: type[errors.PreauError]) -> tuple[str, str]:
    """Return what a code means, and what to do about it: as its family says, if it does not."""
    docs = [(it.__doc__ or "").split("\n\n") for it in cls.__mro__[: -len(Exception.__mro__)]]
    remedies = (" ".join(it[1].split()) for it in docs if len(it) > 1)
    return " ".join(docs[0][0].split()), next(remedies)


def _over_dsp(cls: type[errors.PreauError]) -> str:
    """Return the status over the Dataspace Protocol: not believed, of the catalog; and else."""
    if issubclass(cls, OURS):
        return "503"
    numbers = [
        answers.status(cls("a reason"), kind, believed=not issubclass(cls, errors.Untrusted))
        for kind in (faults.CATALOG, faults.NEGOTIATION)
    ]
    return ", ".join(map(str, dict.fromkeys(numbers)))


def settings_page() -> str:
    """Return the page of settings, from the docstring of `Settings`."""
    meanings = {
        name: " ".join(body.split())
        for name, body in re.findall(
            r"^ {4}(\w+): (.*?)(?=^ {4}\w+: |\Z)",
            inspect.getdoc(Settings) or "",
            re.MULTILINE | re.DOTALL,
        )
    }
    lines = [
        "# Settings",
        "",
        "`preau.toml` in the node's home, written by `preau init`. Nothing is read from the",
        "environment. An exception from safety is called `unsafe_…`; `preau doctor` lists it.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    for item in fields(Settings):
        if item.name == "home":
            continue
        default = "*required*" if item.default is MISSING else f"`{item.default!r}`"
        if item.default_factory is not MISSING:
            default = f"`{item.default_factory()!r}`"
        lines.append(f"| `{item.name}` | {default} | {meanings[item.name]} |")
    return "\n".join(lines) + "\n"


def negotiation_page() -> str:
    """Return the page of negotiation states, from the transition table."""
    lines = [
        "# Negotiation states",
        "",
        "The contract negotiation of the Dataspace Protocol 2025-1, drawn from the table in",
        "`connector/protocol/negotiation.py`. A node *sends* what the specification's",
        "diagram shows, and also *receives* the three other terminations that its prose allows.",
        "Anything else is answered with `ILLEGAL_MESSAGE` and changes nothing.",
        "",
        "![States and messages](../images/negotiation.svg)",
        "",
        "| from | message | by | to | sent | received |",
        "|---|---|---|---|---|---|",
    ]
    for (source, act, role), target in RECEIVING.items():
        sent = "yes" if (source, act, role) in SENDING else "no"
        lines.append(f"| {source or '(none)'} | {act} | {role} | {target} | {sent} | yes |")
    return "\n".join(lines) + "\n"


def transfer_page() -> str:
    """Return the page of transfer states, from the transition table."""
    lines = [
        "# Transfer states",
        "",
        "The transfer process of the Dataspace Protocol 2025-1, drawn from the table in",
        "`connector/protocol/transfer.py`. Both sides send and receive by it. Only the side that",
        "suspended a transfer starts it again. Anything else is answered with `ILLEGAL_MESSAGE`",
        "and changes nothing.",
        "",
        "| from | message | by | to |",
        "|---|---|---|---|",
    ]
    for (source, act, role), target in TRANSITIONS.items():
        lines.append(f"| {source or '(none)'} | {act} | {role} | {target} |")
    return "\n".join(lines) + "\n"


def job_page() -> str:
    """Return the page of the states of a federated job, from the tables."""
    lines = [
        "# Job states",
        "",
        "A federated job has the same states at its lead and at its sites, drawn from the table in",
        "`federated/job.py`. A state without a next one is final.",
        "",
        "| state | at the lead | at a site | next |",
        "|---|---|---|---|",
    ]
    for state, after in job.TRANSITIONS.items():
        following = ", ".join(each for each in job.JobState if each in after) or "–"
        lines.append(f"| {state} | {' | '.join(job.MEANINGS[state])} | {following} |")
    lines += [
        "",
        "`preau job status JOB` shows beside it where each site stands, and why;",
        "`preau job logs JOB` what happened, in order.",
        "",
        "| a site | at the lead |",
        "|---|---|",
        *(f"| `{standing}` | {meaning} |" for standing, meaning in STANDINGS.items()),
    ]
    return "\n".join(lines) + "\n"


# Where the picture puts each state: (x, y) of its box's centre.
PLACES = {
    None: (60, 150),
    "REQUESTED": (230, 70),
    "OFFERED": (230, 230),
    "ACCEPTED": (430, 230),
    "AGREED": (430, 70),
    "VERIFIED": (610, 70),
    "FINALIZED": (790, 70),
    "TERMINATED": (790, 230),
}


_DUTIES = """\
# Where a duty stands

A duty has **occasions**, from each of which it has to be done: the use that is asked for, each
use on record, the agreement (of an obligation), a violation (of a consequence or a remedy).

- A duty of a permission without a deadline has one occasion and comes before the use. One act
  fulfils it for good, unless it states `timeInterval`: then it comes back after each use.
- A duty with `elapsedTime`, or with `event gt policyUsage`, comes after the use: each use is an
  occasion, and so is the one asked for. Where no use is on record, the period runs from the
  agreement.
- `delete`, `archive` and `uninstall` can only be done after the use. What was done before the
  last one, or before the agreement, does not count, and in a permission they need a deadline.

The **acts** that count for an occasion are those since it began, up to now, by whom the duty
binds: the assignee, or anybody for a payment. They say towards whom they were where the duty
names a party. One act is done on account of one occasion, the earliest first. Constraints on time
are a window for the act; all others are conditions for having to do it at all.

Where duties stand while nobody asks for a use (`connector/enforcement/standing.py`) is judged by
the same occasions, without the one of a use that is asked for.

What came is then told as **events**, in order, to the table below
(`policies_odrl/evaluation/deontic.py`). The table knows neither a party nor a clock. Whatever is
not in it changes nothing. The last columns are the states of the Compliance Report Model.

"""


def duties_page() -> str:
    """Return the page of the states of a duty, from their table."""
    lines = ["| state | event | leads to |", "|---|---|---|"]
    lines += [
        f"| {state.value} | {event.value} | {after.value} |"
        for state, row in NEXT.items()
        for event, after in row.items()
    ]
    lines += ["", "| state | activation | deontic |", "|---|---|---|"]
    lines += [
        f"| {state.value} | {active} | {deontic} |" for state, (active, deontic) in REPORTED.items()
    ]
    picture = "![States of a duty](../images/duties.svg)\n\n"
    return _DUTIES + picture + "\n".join(lines) + "\n"


_REQUEST = """\
# Request of a job

What `preau job submit` and `preau job check` read (JSON or TOML), and what a client takes. Your
node completes it to the manifest that it signs. [The guide](../guides/data-scientist.md) has a
whole one, and `preau job init` writes one. Its JSON Schema (draft 2020-12) is `request.schema.json`
beside this page; `preau job schema` prints it.

What is left out of a feature is what the data dictionaries of all contracts say alike. A file may
name the model of `start` by `file`, a path from the request's folder, instead of its bytes.

"""

_LEARNT = """
## What is learnt

The loss follows the target: cross-entropy for classes and two outcomes, Huber's of the scaled
number with its bend at the width of the range, Poisson's likelihood over `most` with a rate of at
most `most`. A row without a label takes no part. None needs another `clip` than the others do: a
row's derivative by the outputs is at most 1, √2 or 2. Optimisers see noised gradients only, hence
cost no ε; what they remember begins anew in each round. `beta2` lies above the square of `beta1`.

Sites refuse a first round that begins with another model than `start` says. Everybody who reads the
manifest can see that training began from there: use a model that may be public.
"""


def request_page() -> str:
    """Return the page of a job request, from the table of its members."""
    sections: dict[str, list[str]] = {"": []}
    for entry in table(REQUEST):
        top, _, inner = entry.where.partition(".")
        name = f"`{inner or top}`" + (f" **{entry.kind}**" if entry.kind else "")
        row = f"| {name} | {entry.allowed} | {entry.otherwise} | {entry.words} |"
        rows = sections.setdefault(top if inner else "", [])
        if row not in rows:  # members that several kinds have alike stand there once
            rows.append(row)
    head = ["| member | is | left out | means |", "|---|---|---|---|"]
    lines = [_REQUEST.rstrip(), ""]
    for section, rows in sections.items():
        lines += [*([f"## `{section}`", ""] if section else []), *head, *rows, ""]
    return "\n".join(lines).rstrip() + "\n" + _LEARNT


def request_schema_page() -> str:
    """Return the JSON Schema of a job request."""
    return json.dumps(request_schema(), ensure_ascii=False, indent=1) + "\n"


def negotiation_picture() -> str:
    """Return the state machine as SVG; terminations are drawn as one dashed arrow a state."""
    parts = _opening("Negotiation states")
    for (source, act, role), target in SENDING.items():
        if act is Act.TERMINATION:
            continue
        word = str(act).rpartition(":")[2].removeprefix("Contract").removesuffix("Message")
        parts.append(_arrow(PLACES[source], PLACES[target], f"{word} ({str(role)[0].upper()})"))
    for state in ("REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED"):
        parts += [_arrow(PLACES[state], PLACES["TERMINATED"], "", dashed=True)]
    parts += [_box(state or "start", place) for state, place in PLACES.items()]
    legend = "C consumer, P provider; dashed: termination"
    parts.append(f'<text x="10" y="292" fill="#556">{legend}</text></svg>')
    return "\n".join(parts) + "\n"


# Where the picture puts each state of a duty.
DUTY_PLACES = {
    DutyState.INACTIVE: (90, 150),
    DutyState.MISSING: (330, 60),
    DutyState.DUE: (330, 240),
    DutyState.FULFILLED: (620, 60),
    DutyState.UNDETERMINED: (480, 150),
    DutyState.VIOLATED: (620, 240),
}


def duties_picture() -> str:
    """Return the states of a duty as SVG, each arrow a row of their table."""
    parts = _opening("States of a duty")
    for state, row in NEXT.items():
        for event, after in row.items():
            word = event.name.replace("_", " ").lower()
            parts.append(_arrow(DUTY_PLACES[state], DUTY_PLACES[after], word))
    parts += [_box(state.value, place) for state, place in DUTY_PLACES.items()]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _opening(label: str) -> list[str]:
    return [
        (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 300" font-family="sans-serif"'
            f' font-size="12" role="img" aria-label="{label}">'
        ),
        (
            '<defs><marker id="m" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto">'
            '<path d="M0,0 L8,4 L0,8 z" fill="#334"/></marker></defs>'
        ),
    ]


def _box(name: str, place: tuple[int, int]) -> str:
    x, y = place
    return (
        f'<rect x="{x - 48}" y="{y - 16}" width="96" height="32" rx="8" fill="#f3f6fb"'
        f' stroke="#667"/><text x="{x}" y="{y + 4}" text-anchor="middle">{name}</text>'
    )


def _arrow(
    start: tuple[int, int], end: tuple[int, int], label: str, *, dashed: bool = False
) -> str:
    (x1, y1), (x2, y2) = start, end
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    gap = min(52 / abs(ux) if ux else 1e9, 20 / abs(uy) if uy else 1e9)
    side = 9  # a pair of arrows between two states keeps apart
    x1, y1, x2, y2 = (
        round(v)
        for v in (
            x1 + ux * gap - uy * side,
            y1 + uy * gap + ux * side,
            x2 - ux * gap - uy * side,
            y2 - uy * gap + ux * side,
        )
    )
    style = ' stroke-dasharray="4 4" stroke="#aab"' if dashed else ' stroke="#334"'
    line = f'<path d="M{x1},{y1} L{x2},{y2}" fill="none"{style} marker-end="url(#m)"/>'
    anchor = "start" if abs(uy) > abs(ux) and uy < 0 else "end" if abs(uy) > abs(ux) else "middle"
    x, y = (x1 + x2) // 2 - round(uy * 6), (y1 + y2) // 2 + round(ux * 14) * (1 if ux >= 0 else 0)
    return line + (f'<text x="{x}" y="{y}" text-anchor="{anchor}">{label}</text>' if label else "")


PAGE_OF = {
    "reference/errors.md": error_page,
    "reference/settings.md": settings_page,
    "reference/duties.md": duties_page,
    "reference/negotiation.md": negotiation_page,
    "reference/transfer.md": transfer_page,
    "reference/jobs.md": job_page,
    "reference/request.md": request_page,
    "reference/request.schema.json": request_schema_page,
    "images/duties.svg": duties_picture,
    "images/negotiation.svg": negotiation_picture,
}

if __name__ == "__main__":
    for name, page in PAGE_OF.items():
        (PAGES / name).write_text(page(), encoding="utf-8")
