"""Datasets of this node: the list, one on a page, its check, and withdrawing it."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.listing import damage, listed
from connector.console.pages.wording import meant, sentences, typed, worded
from connector.console.parts import Cell, Facts, Field, Form, Link, Notice, Page, Part, Table, Words
from connector.console.visit import Visit
from connector.domain.catalog.dataset import Dataset, Offer
from connector.domain.page import Damaged
from connector.language.matching import verbatim
from connector.services.policies import drafting
from connector.services.publication import checking, publish, snapshots, withdrawing


def datasets(visit: Visit) -> Page:
    """List the datasets."""
    page = visit.served.do(publish.datasets, **visit.place)
    headings = ("dataset", "title", "personal data", "population", "published")
    empty = "No dataset is published yet: a steward publishes one by pointing at its data."
    parts = listed("Datasets", headings, page, _row, empty=empty, name="datasets", visit=visit)
    return Page("Datasets", parts)


def dataset(visit: Visit) -> Page:
    """Show a dataset with its columns and offers."""
    found = visit.served.do(publish.dataset, visit.asked("id"))
    rows = (
        ("title", found.title),
        ("description", found.description),
        ("personal data", found.personal),
        ("person", found.person_column),
        ("rows per person", found.rows_per_person or None),
        ("population", found.population or None),
        ("register", found.register_id),
        ("purpose of collection", worded(found.collection_purpose, visit.language)),
        ("legal basis", worded(found.legal_basis, visit.language)),
        ("retention", found.retention),
        ("territory", found.territory),
        ("published", found.published_at),
    )
    columns = [
        (
            each.name,
            meant(each, visit.language),
            Words(each.kind.value),
            typed(each.datatype),
        )
        for each in found.columns
    ]
    headings = ("column", "meaning", "class", "type")
    parts: list[Part] = [
        Facts("Dataset", rows),
        Table(
            "Columns",
            headings,
            columns,
            "No column is described: a steward publishes the dataset anew with its dictionary.",
            name="columns",
        ),
    ]
    offers = visit.served.do(publish.offers, found.id)
    parts.append(_offers(visit, [each for each in offers if not isinstance(each, Damaged)]))
    for offer in offers:
        if isinstance(offer, Damaged):
            parts.append(Notice(damage(offer), "wrong"))
        elif not offer.withdrawn:
            parts.append(sentences(verbatim(offer.id), offer.policy, visit.language))
            if visit.served.may(withdrawing.withdraw_offer):
                parts.append(_offer_form(offer))
    if visit.served.may(checking.check):
        parts += _forms(found)
    return Page("Dataset", parts, subject=found.id)


def check(visit: Visit) -> Moved:
    """Check the file of a dataset again."""
    visit.served.do(checking.check, visit.given("id"))
    return Moved("/dataset", {"id": visit.given("id")})


def refresh(visit: Visit) -> Moved:
    """Read the rows of a dataset anew."""
    visit.served.do(snapshots.refresh, visit.given("id"))
    return Moved("/dataset", {"id": visit.given("id")})


def withdraw_offer(visit: Visit) -> Moved:
    """Take an offer back."""
    reason = visit.given("reason").strip()
    found = visit.served.do(withdrawing.withdraw_offer, visit.given("id"), reason)
    return Moved("/dataset", {"id": found.dataset_id})


def withdraw(visit: Visit) -> Moved:
    """Offer a dataset to nobody any more."""
    reason = visit.given("reason").strip()
    visit.served.do(withdrawing.withdraw_dataset, visit.given("id"), reason)
    return Moved("/dataset", {"id": visit.given("id")})


def _row(each: Dataset) -> tuple[Cell, ...]:
    return (
        Link(each.id, "/dataset", {"id": each.id}),
        each.title,
        each.personal,
        each.population or None,
        each.published_at,
    )


def _forms(found: Dataset) -> list[Part]:
    hidden = {"id": found.id}
    hint = "one line; it is logged, and contracts run on"
    reason = Field("reason", "reason", hint=hint, needed=True)
    return [
        Form("Check the file again", "/dataset/check", (), "check", hidden),
        Form("Read the rows anew", "/dataset/refresh", (), "read anew", hidden),
        Form("Withdraw", "/dataset/withdraw", (reason,), "withdraw", hidden, grave=True),
    ]


def _offers(visit: Visit, found: list[Offer]) -> Table:
    """Return the offers, each with the way to the editor for who may write policies."""
    may = visit.served.may(drafting.from_document)
    rows = [
        (
            Link(each.id, "/policy", {"offer": each.id}) if may else each.id,
            Words(each.decision.value),
            ", ".join(str(name) for name in each.layers),
            each.withdrawn,
            each.created_at,
        )
        for each in found
    ]
    headings = ("offer", "decision", "layers", "withdrawn", "made")
    return Table(
        "Offers",
        headings,
        rows,
        "No offer stands: a steward publishes the dataset anew with one.",
        name="offers",
    )


def _offer_form(found: Offer) -> Form:
    reason = Field("reason", "reason", hint="one line; parties are told", needed=True)
    hidden = {"id": found.id}
    name = f"-{found.digest[:12]}"
    path = "/offer/withdraw"
    return Form("Take this offer back", path, (reason,), "withdraw", hidden, grave=True, name=name)


PAGES: Final = (
    Entry("/datasets", datasets, (publish.datasets,), "Datasets"),
    Entry("/dataset", dataset, (publish.dataset,)),
    Entry("/dataset/check", check, (checking.check,), method="POST", on="/dataset"),
    Entry("/dataset/refresh", refresh, (snapshots.refresh,), method="POST", on="/dataset"),
    Entry(
        "/offer/withdraw",
        withdraw_offer,
        (withdrawing.withdraw_offer,),
        method="POST",
        on="/dataset",
    ),
    Entry(
        "/dataset/withdraw", withdraw, (withdrawing.withdraw_dataset,), method="POST", on="/dataset"
    ),
)
