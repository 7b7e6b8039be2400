"""What others wrote is text in the console: on every page, in both languages, and in each file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from connector.console import parts
from connector.console.guard import SEALED
from connector.console.pages import PAGES
from connector.console.parts import (
    Bars,
    Facts,
    Field,
    Form,
    Grid,
    Group,
    Link,
    Notice,
    Page,
    Paragraphs,
    Picture,
    Sentences,
    Summary,
    Table,
    Ways,
    Words,
)
from connector.console.rendering import Renderer
from connector.console.visit import Visit
from connector.domain.account import AccountRole
from connector.domain.contract.notice import Act
from connector.services.duties import stating
from connector.services.negotiation import negotiate, notices
from connector.services.publication import publish
from tests.support.console import Browser, person, served
from tests.support.link import DATASET, Node, description
from tests.support.link import Link as Pair
from tests.support.markup import HOSTILE, Seen
from tests.support.owing import INFORM, contract, name, owed

LANGUAGES = ("en", "fr")
TURNED = "rapport\u202egpj.exe\u2066"
_KINDS = (
    "text",
    "password",
    "search",
    "date",
    "file",
    "lines",
    "choice",
    "several",
    "number",
    "box",
)


def field(kind: str) -> Field:
    return Field(HOSTILE, HOSTILE, HOSTILE, kind, HOSTILE, [(HOSTILE, HOSTILE)], fault=HOSTILE)


ROWS = [(HOSTILE, [field("text")])]
PARTS = [
    Facts(HOSTILE, [(HOSTILE, HOSTILE), (HOSTILE, Link(HOSTILE, "/x", {HOSTILE: HOSTILE}))]),
    Table(HOSTILE, (HOSTILE,), [(HOSTILE,), (Words(HOSTILE),)], "", {"a": HOSTILE}, lost=[HOSTILE]),
    Table(HOSTILE, (HOSTILE,), [], HOSTILE),
    Sentences(HOSTILE, [HOSTILE]),
    Paragraphs(HOSTILE, [HOSTILE]),
    Notice(HOSTILE, "wrong", HOSTILE, HOSTILE),
    Form(HOSTILE, "/x", [field(kind) for kind in _KINDS], HOSTILE, {HOSTILE: HOSTILE}),
    Form(
        HOSTILE, "/x", [], HOSTILE, grid=Grid(HOSTILE, (HOSTILE, "b"), [(HOSTILE, [field("text")])])
    ),
    Summary(HOSTILE, HOSTILE, HOSTILE, [(HOSTILE, HOSTILE, HOSTILE)]),
    Ways(HOSTILE, [Link(HOSTILE, "/x", {HOSTILE: HOSTILE})]),
    Group("place", [Notice(HOSTILE)]),
    Bars(HOSTILE, [(HOSTILE, 0.5)]),
    Picture(HOSTILE, "/x", {HOSTILE: HOSTILE}),
]


def rendered(made: list[Any], language: str, *, posted: bool = False) -> str:
    visit = Visit(None, None, language, "/x", {"a": HOSTILE}, {}, posted=posted)
    page = Page(HOSTILE, made, subject=HOSTILE, live=HOSTILE)
    return Renderer(HOSTILE, theme=True).page(page, visit, [(HOSTILE, "/x", True)])


def test_whatever_stands_in_whichever_part_is_text() -> None:
    """By every kind of part there is, so that no field of a peer's is left out."""
    kinds = {each.stem for each in (Path(parts.__file__).parent / "templates").glob("*.html")}
    assert {type(each).__name__.lower() for each in PARTS} == kinds - {
        "page",
        "cell",
        "control",
        "prose",
    }
    for language in LANGUAGES:
        for posted in (False, True):
            page = rendered(PARTS, language, posted=posted)
            seen = Seen(page)
            assert seen.faults == []
            assert seen.text.count(HOSTILE) > 20
            assert seen.values.count(HOSTILE) >= 9  # a form sends back what it was given
            assert "49" not in seen.text


def test_nothing_is_marked_as_safe_by_hand() -> None:
    folder = Path(parts.__file__).parent
    for each in (*folder.rglob("*.html"), *folder.rglob("*.py")):
        text = each.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape false|Markup\(", text), each
        if each.suffix == ".html":
            assert not re.search(r"<(script|style)[ >](?!src=\"/static/)|=\s*\{\{", text), each


def test_no_template_reaches_into_a_session() -> None:
    """Of a session templates have the name of its account; its word comes masked."""
    for each in (Path(parts.__file__).parent / "templates").glob("*.html"):
        reached = set(re.findall(r"session[.][\w.]+", each.read_text()))
        assert reached <= {"session.account.name"}, each.name


def test_text_that_turns_its_line_round_is_seen() -> None:
    made = [
        Facts("F", [("name", TURNED)]),
        Table("T", ("a",), [(TURNED,), (Link(TURNED, "/x"),)], ""),
        Notice(f"{TURNED} does not answer", "wrong"),
        Form("F", "/x", [Field("a", "A", value=TURNED)], "go", {"h": TURNED}),
    ]
    seen = Seen(rendered(made, "fr"))
    assert "\u202e" not in seen.text
    assert seen.text.count("rapport\N{REPLACEMENT CHARACTER}gpj.exe\N{REPLACEMENT CHARACTER}") == 4
    assert seen.values.count(TURNED) == 2  # what is sent back is what came
    kept = "عربى \u200f 12\u202f345 café\u00a0: Δ\ttab"
    assert kept in Seen(rendered([Notice(kept)], "en")).text


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two nodes whose every text of a peer's tries to be more than text."""
    with owed(tmp_path) as pair:
        spoilt = description(pair.folder, title=HOSTILE, description=HOSTILE)
        spoilt["columns"][1] |= {"labels": {"fr": HOSTILE, "en": HOSTILE}, "unit": HOSTILE[:30]}
        publish.publish_anew(pair.school.ports, spoilt)
        found = contract(pair.school).id
        notices.give(pair.school.ports, found, Act.SUSPENDED, HOSTILE)
        stating.waive(pair.school.ports, name(pair, INFORM), HOSTILE)
        ended = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        negotiate.terminate(pair.lab.ports, ended.pid, HOSTILE)
        pair.pump()
        for node in (pair.lab, pair.school):
            spoil(node)
        yield pair


def spoil(node: Node) -> None:
    """Put such a text where another's word may stand in what is kept."""
    with node.ports.store.write() as tx:
        for each in tx.participants.find():
            tx.participants.put(replace(each, name=HOSTILE))
        for negotiation in tx.negotiations.find():
            tx.negotiations.put(replace(negotiation, reasons=(HOSTILE,), code=HOSTILE))
        for approval in tx.approvals.find():
            tx.approvals.put(replace(approval, reason=HOSTILE))
        for message in tx.outbox.find():
            tx.outbox.put(replace(message, failed=HOSTILE))
        tx.audit.append("odd.kind", HOSTILE, note=HOSTILE, **{HOSTILE: [HOSTILE]})


def details(node: Node, peer: Node) -> list[str]:
    """Each page that shows one thing, of things that there are."""
    found = contract(node).id
    asked = [
        *(("/negotiation", {"id": each.pid}) for each in node.negotiations()),
        *((path, {"id": found}) for path in ("/contract", "/contract/life")),
        *(("/duty", {"id": f"{found}#{INFORM}"}), ("/dataset", {"id": DATASET})),
        *(("/catalog", {"words": ""}), ("/catalog", {"words": HOSTILE, "peer": peer.did})),
        *(("/catalog/dataset", {"peer": peer.did, "id": DATASET}), ("/log", {"kind": "odd"})),
        *(("/approvals", {"closed": "yes"}), ("/duties", {"closed": "yes"})),
    ]
    return [f"{path}?{urlencode(query)}" for path, query in asked]


def test_what_peers_wrote_is_text_on_every_page_in_both_languages_and_in_files(pair: Pair) -> None:
    shown = saved = 0
    nodes = ((pair.lab, pair.school, "fr"), (pair.school, pair.lab, "en"))
    for node, peer, language in nodes:
        person(node.ports, "all", *AccountRole, reviews=("dpo",))
        with served(node.ports) as address:
            browser = Browser(address)
            browser.log_in("all")
            paths = [each.path for each in PAGES if each.method == "GET"]
            for path in (*paths, *details(node, peer)):
                answer = browser.get(path, accept_language=language)
                assert answer.status_code < 500, (path, answer.text[-900:])
                if not answer.headers["content-type"].startswith("text/html"):
                    continue
                seen = Seen(answer.text)
                assert seen.faults == [], path
                shown += "alert(" in seen.text
                links = set(re.findall(r'href="([^"]*[?&;]as=[a-z]+[^"]*)"', answer.text))
                for link in links if "alert(" in seen.text else ():
                    saved += harmless(browser.get(unescape(link)))
            browser.close()
    assert shown > 15
    assert saved > 10


def harmless(answer: Any) -> bool:
    """Say whether a file holds the text, as text."""
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.headers["content-security-policy"] == SEALED
    media = answer.headers["content-type"].partition(";")[0]
    if media == "application/json":
        return HOSTILE[:20] in json.dumps(answer.json(), ensure_ascii=False).replace('\\"', '"')
    if media == "text/csv":
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert not any(cell.startswith(tuple("=+-@")) for row in rows for cell in row)
        return any(HOSTILE[:20] in cell for row in rows for cell in row)
    assert media == "application/vnd.oasis.opendocument.spreadsheet"
    return False
