"""What came of a training job: how its models predict, its evidence, and its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from connector.console.pages.entry import Entry, Sent
from connector.console.pages.wording import worded
from connector.console.parts import Cell, Facts, Link, Notice, Part, Picture, Table, Words
from connector.console.visit import Visit
from connector.errors import NotFound, PreauError
from connector.jsonld.canonical import parse_object
from connector.language.catalog import translated
from connector.services.federation.lead import jobs as lead_jobs
from federated.job import JobState

_LEAD: Final = "lead"
_JSON: Final = "application/json"


def learnt(visit: Visit, found: Mapping[str, Any]) -> Iterator[Part]:
    """Yield the learning curves of a job that this node leads, and their table.

    Args:
        visit: who asks.
        found: the job, see `jobs.progress`.
    """
    if found["side"] != _LEAD:
        return
    try:
        told = visit.served.do(lead_jobs.evaluated, found["id"])
    except NotFound:  # it asks for no evaluation
        return
    except PreauError as exc:
        yield Notice(exc.reason, "wrong", exc.code, exc.hint)
        return
    if not told["curve"]:
        text = (
            "No model of this job was evaluated yet: figures come with the first round that "
            "evaluates."
        )
        yield Notice(text)
        return
    if not told["dp"]:
        yield Notice("The figures have no noise: they are not DP.")
    last = told["curve"][-1]["pooled"]["figures"]
    for name in (each["name"] for each in last if each["value"] is not None):
        query = {"id": found["id"], "figure": name}
        yield Picture(f"{name} by round, on persons held out", "/job/curve", query)
    yield _figures(told["curve"])


def results(visit: Visit, found: Mapping[str, Any]) -> Iterator[Part]:
    """Yield receipts of the last round, and of a completed job its card and its files.

    Args:
        visit: who asks.
        found: the job, see `jobs.progress`.
    """
    if found.get("receipts"):
        yield _receipts(found["receipts"])
    if found["side"] != _LEAD or found["state"] != JobState.COMPLETED:
        return
    if visit.served.may(lead_jobs.card):
        try:
            file = visit.served.do(lead_jobs.card, found["id"])
            yield from _card(parse_object(file)["card"], visit.language)
        except PreauError as exc:
            yield Notice(exc.reason, "wrong", exc.code, exc.hint)
    files = (
        ("model", "model.npz", "/job/model", lead_jobs.result),
        ("card", "model.card.json", "/job/card", lead_jobs.card),
        ("receipts", "model.receipts.json", "/job/receipts", lead_jobs.receipts),
    )
    query = {"id": found["id"]}
    rows = [
        (called, Link(name, path, query))
        for called, name, path, service in files
        if visit.served.may(service)
    ]
    if rows:
        yield Facts("Files", rows)


def curve(visit: Visit) -> Sent:
    """Send the learning curve of a figure."""
    say = partial(translated, language=visit.language)
    picture = visit.served.do(lead_jobs.drawn, visit.asked("id"), visit.asked("figure"), say)
    return Sent("curve.svg", "image/svg+xml", picture)


def model(visit: Visit) -> Sent:
    """Send the model of a completed job."""
    file = visit.served.do(lead_jobs.result, visit.asked("id"))
    return Sent("model.npz", "application/octet-stream", file.read_bytes())


def card(visit: Visit) -> Sent:
    """Send the signed card of a model."""
    return Sent("model.card.json", _JSON, visit.served.do(lead_jobs.card, visit.asked("id")))


def receipts(visit: Visit) -> Sent:
    """Send the receipts on which a card rests."""
    found = visit.served.do(lead_jobs.receipts, visit.asked("id"))
    return Sent("model.receipts.json", _JSON, found)


def _figures(models: list[dict[str, Any]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for each in models:
        whose = [(Words("all sites"), each["pooled"])]
        whose += [(site["site"], site) for site in each["sites"]]
        rows += [
            (each["round"], who, it["name"], it["value"], it["low"], it["high"])
            for who, part in whose
            for it in part["figures"]
        ]
    headings = ("after round", "site", "figure", "value", "at least", "at most")
    return Table("How the models predict", headings, rows, "", name="evaluations")


def _receipts(found: list[dict[str, Any]]) -> Table:
    rows = [(each["site"], each["round"], each["digest"], each["recipe"]) for each in found]
    headings = ("site", "round", "model that it was sent", "recipe that ran")
    return Table("Receipts of the last round", headings, rows, "", name="receipts")


def _card(stated: Mapping[str, Any], language: str) -> Iterator[Part]:
    privacy, terms = stated["privacy"], stated.get("terms", {})
    yield Facts(
        "Model card",
        (
            ("purpose", worded(str(stated["purpose"]), language)),
            ("kind of model", stated["model"].get("kind")),
            ("made", _moment(stated["madeAt"])),
            ("rounds", stated["rounds"]),
            ("ε", privacy["epsilon"]),
            ("δ", privacy["delta"]),
            ("column that tells persons apart", privacy["unit"]["column"]),
            ("rows per person", privacy["unit"]["rows"]),
            ("noise multiplier", privacy.get("noiseMultiplier")),
            ("who may hold it", terms.get("holder")),
            ("until when", _moment(terms.get("until"))),
            ("SHA-256 of the model", stated["model"]["sha256"]),
        ),
    )
    rows: list[tuple[Cell, ...]] = [
        (each["site"], each["rounds"], each.get("spent", {}).get("epsilon"))
        for each in stated["sites"]
    ]
    headings = ("site", "rounds", "ε spent by a person")
    yield Table("What each site's persons were charged", headings, rows, "", name="charged")


def _moment(stated: object) -> Cell:
    """Return a time of a card, which was read as text."""
    try:
        return datetime.fromisoformat(str(stated)).astimezone(UTC) if stated else None
    except ValueError:
        return str(stated)


PAGES: Final = (
    Entry("/job/curve", curve, (lead_jobs.drawn,)),
    Entry("/job/model", model, (lead_jobs.result,)),
    Entry("/job/card", card, (lead_jobs.card,)),
    Entry("/job/receipts", receipts, (lead_jobs.receipts,)),
)
