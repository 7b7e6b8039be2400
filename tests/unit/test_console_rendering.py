"""How values are written on pages: figures, long texts, and who a DID belongs to."""

from __future__ import annotations

import gc
import json
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

from connector.console.parts import Field, Form, Notice, Page, Table, Words
from connector.console.rendering import Renderer, number
from connector.console.visit import Visit
from connector.services.publication import publish
from tests.support.console import browsers, text_of
from tests.support.each import over
from tests.support.link import description, entry, link
from tests.support.negotiating import ask


@over(
    ("value", "english", "french"),
    [
        (0.00001, "0.00001", "0,00001"),
        (3.3e-06, "0.0000033", "0,0000033"),
        (-2e-05, "-0.00002", "-0,00002"),
        (1e-12, "1e-12", "1e-12"),
        (12345, "12,345", "12\N{NARROW NO-BREAK SPACE}345"),
        (0.25, "0.25", "0,25"),
    ],
)
def test_small_figures_are_written_out(value: float, english: str, french: str) -> None:
    assert (number(value, "en"), number(value, "fr")) == (english, french)


def written(*rows: tuple[object, ...]) -> str:
    table = Table("T", ("what", "how many"), rows, "")  # type: ignore[arg-type]  # any cells
    visit = Visit(None, None, "en", "/x", {}, {})
    return Renderer("node", theme=False).page(Page("P", [table]), visit, [])


def test_a_heading_stands_above_its_figures() -> None:
    page = written(("a", None), ("b", 2))
    assert '<th scope="col">what</th><th scope="col" class="number">how many</th>' in page
    assert 'class="number">how many' not in written(("a", "none"), ("b", True))


def test_names_in_messages_stand_out_and_bring_no_tags() -> None:
    text = "`preau backup FILE` makes one; `<b>` and ` alone"
    visit = Visit(None, None, "en", "/x", {}, {})
    parts = [Notice(text, "info", "", text), Table("T", ("a", "b"), [(Words(text), text)], "")]
    shown = Renderer("node", theme=False).page(Page("P", parts), visit, [])
    said = "<code>preau backup FILE</code> makes one; <code>&lt;b&gt;</code> and ` alone"
    assert shown.count(said) == 3
    assert "`preau backup FILE` makes one; `&lt;b&gt;` and ` alone" in shown, "what others wrote"


def test_of_a_long_table_a_page_shows_the_first_rows_and_says_how_many_are_left() -> None:
    """Whoever makes thousands of rows, such as a peer of its columns, breaks no browser."""
    rows = [(f"row {number}",) for number in range(100_000)]
    asked = Visit(None, None, "en", "/x", {}, {})
    sent, again = replace(asked, posted=True), {"id": "x"}

    def shown(count: int, visit: Visit = asked, **more: Any) -> tuple[int, bool]:
        table = Table("T", ("a",), rows[:count], "", **more)
        page = Renderer("node", theme=False).page(Page("P", [table]), visit, [])
        left = f"further rows, which only its files hold: {count - 1000}"
        return page.count("<tr>") - 1, left in page

    assert shown(100_000) == (1000, True)
    assert shown(1000) == (1000, False)
    assert shown(1500, sent) == (1500, False), "there is no file"
    assert shown(1500, sent, again=again) == (1000, True)


def test_a_long_cell_is_folded_and_kept_whole() -> None:
    token = "e" * 500
    assert f"<summary>{token[:80]}…</summary>{token}</details>" in written((token, 1))
    assert "<details>" not in written((token[:400], 1))


class _Text(str):
    """One of which is known whether it is still there."""

    __slots__ = ("__weakref__",)


def test_what_a_page_held_is_gone_with_it() -> None:
    """Wide forms hold megabytes, which the collector would find much later."""
    value = _Text("v")
    fields = [Field(kind, "L", "H", kind, value) for kind in ("text", "box", "lines", "choice")]
    visit, renderer = Visit(None, None, "en", "/x", {}, {}), Renderer("node", theme=False)
    page = Page("P", [Form("F", "/x", fields, "B")])
    gc.disable()
    try:
        renderer.page(page, visit, [])
        left = weakref.ref(value)
        del page, fields, value
        assert left() is None
    finally:
        gc.enable()


def test_a_participant_is_called_by_its_name_and_downloaded_by_its_did(tmp_path: Path) -> None:
    with link(tmp_path) as pair:
        school = pair.school.ports
        publish.publish(school, description(pair.folder, offer=entry(roles=["dpo"])))
        ask(pair)
        with browsers(school, "steward") as (steward,):
            with school.store.read() as tx:
                lab = tx.participants.get(pair.lab.did)
            assert lab is not None
            assert lab.name
            assert f"{lab.name} {lab.did}" in text_of(steward.get("/negotiations"))
            (row,) = json.loads(steward.get("/negotiations?as=json").content)
            assert row["peer"] == lab.did
