"""Catalogs of peers: searching them, one dataset with its dictionary and offers, and asking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from connector.console.pages.entry import Entry, Moved
from connector.console.pages.scientist import narrowing
from connector.console.pages.wording import meant, sentences, typed, worded
from connector.console.parts import Cell, Facts, Field, Form, Link, Notice, Page, Part, Table, Words
from connector.console.visit import Visit
from connector.domain.catalog.dataset import Column
from connector.domain.catalog.dictionary import label
from connector.domain.catalog.search import Search
from connector.domain.participant import Participant
from connector.errors import PreauError
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.language.matching import verbatim
from connector.services.negotiation import negotiate
from connector.services.publication import searching
from connector.services.publication.catalog_pages import CatalogView, DatasetView, OfferView
from connector.services.publication.searching import Found
from policies_odrl.concepts import hierarchy

_HEADINGS: Final = (
    *("dataset", "title", "peer", "personal data", "population", "territory"),
    *("purpose of collection", "legal basis", "offers"),
)
_ANY: Final = ("", "any")
_ALL: Final = ("", "all peers")
_SHOWN: Final = 20  # values of a column


def catalog(visit: Visit) -> Page:
    """Search the catalogs of peers."""
    known = visit.served.do(searching.peers)
    parts: list[Part] = [_search(visit, known)]
    if not known:
        parts.append(Notice("This node has not met a peer yet: `preau peer meet DID` meets one."))
    elif "words" in visit.query or "peer" in visit.query:
        parts += _found(visit)
    return Page("Catalogs of peers", parts)


def dataset(visit: Visit) -> Page:
    """Show a dataset of a peer: what it is, its columns, and its offers."""
    peer = visit.asked("peer")
    found = visit.served.do(searching.dataset, peer, visit.asked("id"))
    parts: list[Part] = [_facts(visit, found.facts)]
    if not found.description:
        text = "The peer describes its data with no signature: nothing is known but its offers."
        parts.append(Notice(text))
    columns = [_column(each, visit.language) for each in found.facts.columns]
    headings = ("column", "meaning", "class", "type", "unit", "from", "to", "values", "missing")
    parts.append(
        Table(
            "Data dictionary",
            headings,
            columns,
            "No column is described: ask the peer for its data dictionary.",
            {},
            "columns",
        )
    )
    if not found.offers:
        parts.append(Notice("There is no offer for this node: ask the peer to make one."))
    for number, offer in enumerate(found.offers, 1):
        parts += _offer(visit, found, offer, number)
    return Page("Dataset of a peer", parts, subject=found.id)


def ask(visit: Visit) -> Moved:
    """Ask a peer for a contract, as offered or on narrower terms."""
    peer, about, name = (visit.given(each).strip() for each in ("peer", "dataset", "offer"))
    found = visit.served.do(searching.dataset, peer, about).offer(name)
    wish = narrowing.narrowed(found.policy, visit)
    opened = visit.served.do(negotiate.request, peer, about, found.id, wish)
    return Moved("/negotiation", {"id": opened.pid})


def _search(visit: Visit, known: Iterable[Participant]) -> Form:
    peers = [_ALL, *((each.did, verbatim(f"{each.name} ({each.did})")) for each in known)]
    given = {name: visit.asked(name) for name in ("peer", "words", "territory", "purpose", "basis")}
    fields = (
        Field("peer", "peer", kind="choice", value=given["peer"], choices=peers),
        Field("words", "words", "in id, title or description", "search", given["words"]),
        Field("territory", "territory", "code of ISO 3166, as `FR-75`", value=given["territory"]),
        _facet(visit, "purpose", "purpose of collection", "purposes"),
        _facet(visit, "basis", "legal basis", "legal_bases"),
    )
    return Form("Search", "/catalog", fields, "search", method="get")


def _facet(visit: Visit, name: str, title: str, table: str) -> Field:
    asked = visit.asked(name)
    known = (*hierarchy(table), *filter(None, [asked]))
    called = {iri: verbatim(worded(iri, visit.language)) for iri in known}
    choices = [_ANY, *sorted(called.items(), key=lambda it: it[1].casefold())]
    return Field(name, title, kind="choice", value=asked, choices=choices)


def _found(visit: Visit) -> Iterator[Part]:
    asked = (visit.asked(name).strip() for name in ("words", "territory", "purpose", "basis"))
    search, peer, after = Search(*asked), visit.asked("peer"), visit.asked("after")
    following: dict[str, str] = {}
    if peer:
        one = visit.served.do(searching.catalog, peer, search, after=after)
        catalogs, after = [one], one.next
    else:
        page = visit.served.do(searching.everywhere, search, after=after)
        catalogs, after = [each.catalog for each in page.values if each.catalog], page.next
        yield _answers(visit, page.values)
    if after:
        following = {**visit.kept, "after": after}
    rows = [_row(visit, each, it) for each in catalogs for it in each.datasets]
    empty = "No dataset is like that: search for less."
    yield Table("Datasets of peers", _HEADINGS, rows, empty, following, "datasets")


def _answers(visit: Visit, found: Iterable[Found]) -> Table:
    """Say who was asked and what came of it; a catalog of several pages is led to."""
    rows: list[tuple[Cell, ...]] = []
    for each in found:
        query = {**visit.kept, "peer": each.peer.did}
        more = Words("there is more") if each.catalog and each.catalog.next else None
        why = Words(f"{each.refusal.code}: {each.refusal.reason}") if each.refusal else more
        count = len(each.catalog.datasets) if each.catalog else None
        rows.append((Link(each.peer.did, "/catalog", query), each.peer.name, count, why))
    headings = ("peer", "name", "datasets", "note")
    return Table(
        "Peers that were asked",
        headings,
        rows,
        "Nobody was asked: an operator meets a peer first.",
        name="peers",
    )


def _row(visit: Visit, shown: CatalogView, found: DatasetView) -> tuple[Cell, ...]:
    facts, query = found.facts, {"words": "", **visit.kept}

    def narrower(name: str, value: str, text: str) -> Cell:
        """Lead to what else is like that."""
        return Link(text, "/catalog", {**query, name: value}) if value else None

    return (
        Link(found.id, "/catalog/dataset", {"peer": shown.participant, "id": found.id}),
        facts.title,
        narrower("peer", shown.participant, _named(shown)),
        facts.personal,
        facts.population or None,
        narrower("territory", facts.territory, facts.territory),
        narrower(
            "purpose", facts.collection_purpose, worded(facts.collection_purpose, visit.language)
        ),
        narrower("basis", facts.legal_basis, worded(facts.legal_basis, visit.language)),
        len(found.offers),
    )


def _named(shown: CatalogView) -> str:
    """Return the name of a peer with its DID: anybody may take another's name."""
    return f"{shown.name} ({shown.participant})" if shown.name else shown.participant


def _facts(visit: Visit, facts: DatasetFacts) -> Facts:
    rows = (
        ("title", facts.title),
        ("description", facts.description),
        ("provider", facts.publisher),
        ("personal data", facts.personal),
        ("person", facts.person_column),
        ("rows per person", facts.rows_per_person or None),
        ("population", facts.population or None),
        ("purpose of collection", worded(facts.collection_purpose, visit.language)),
        ("legal basis", worded(facts.legal_basis, visit.language)),
        ("retention", facts.retention),
        ("territory", facts.territory),
        ("cap ε", facts.cap.epsilon if facts.cap else None),
        ("cap δ", facts.cap.delta if facts.cap else None),
    )
    return Facts("Dataset", rows)


def _column(each: Column, language: str) -> tuple[Cell, ...]:
    meaning = each.meaning
    named = [label(dict(it.labels), language, "") for it in meaning.categories[:_SHOWN]]
    values = [
        f"{it.value} ({name})" if name else it.value
        for it, name in zip(meaning.categories, named, strict=False)
    ]
    more = len(meaning.categories) - len(values)
    return (
        each.name,
        meant(each, language),
        Words(each.kind.value),
        typed(each.datatype),
        meaning.unit,
        meaning.lower,
        meaning.upper,
        "; ".join(values) + (f"; … (+{more})" if more > 0 else ""),
        "" if meaning.for_none is None else str(meaning.for_none),
    )


def _offer(visit: Visit, found: DatasetView, offer: OfferView, number: int) -> Iterator[Part]:
    yield sentences(verbatim(offer.id), offer.policy, visit.language)
    lines = [
        (it.constraint, Words(it.label), Words(it.by), Words(it.layer)) for it in offer.coverage
    ]
    headings = ("constraint", "label", "by", "layer")
    title, name = "How each constraint is upheld", f"coverage-{number}"
    yield Table(
        title, headings, lines, "The peer does not say how: ask it before you sign.", name=name
    )
    against = visit.served.do(negotiate.obstacle, found, offer)
    if against is not None:
        text = f"This node would not sign this offer: {against.reason}"
        yield Notice(text, "wrong", against.code, against.hint)
    elif visit.served.may(negotiate.request):
        yield _asking(visit, found, offer, number)


def _asking(visit: Visit, found: DatasetView, offer: OfferView, number: int) -> Part:
    try:
        fields = narrowing.fields(offer.policy, visit.language)
    except PreauError:
        fields = ()
    hidden = {"peer": found.facts.publisher, "dataset": found.id, "offer": offer.id}
    title = "Ask for a contract: as offered, or with narrower values"
    return Form(title, "/negotiation/ask", fields, "ask", hidden, name=f"-{number}")


PAGES: Final = (
    Entry("/catalog", catalog, (searching.everywhere,), "Catalogs"),
    Entry("/catalog/dataset", dataset, (searching.dataset,)),
    Entry("/negotiation/ask", ask, (negotiate.request,), method="POST", on="/catalog/dataset"),
)
