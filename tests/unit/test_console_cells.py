"""Tables of figures in the console: asked for by form, and what the provider answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.console.pages.scientist.cells import rows_of
from connector.errors import Malformed
from tests.support.console import browsers, text_of
from tests.support.each import over
from tests.support.forms import saving
from tests.support.link import Link
from tests.unit.test_use_flow import contract, linked, offer, prepared, worker

HOSTILE = b'{"grade": "<script>alert(1)</script>", "persons": 12, "state": "yes"}\n'


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with linked(tmp_path, offer("odrl:aggregate")) as pair:
        yield pair


def test_a_table_is_asked_for_made_and_shown(pair: Link) -> None:
    worker(pair).content = HOSTILE
    with browsers(pair.lab.ports, "scientist", "auditor") as (scientist, auditor):
        assert auditor.get("/tables").status_code == 403
        form = scientist.get("/tables")
        assert "fewest persons of a cell" in text_of(form)
        asked = {"contract": contract(pair), "by.0": "grade", "measure.0": "persons"}
        answer = scientist.do("/table/ask", **asked)
        assert answer.url.path == "/table", text_of(answer)
        assert "What was asked for" in text_of(answer)
        request = {"id": answer.url.params["id"]}
        assert auditor.do("/table", **request).status_code == 403
        assert "The provider makes the table" in text_of(scientist.do("/table", **request))
        prepared(pair)
        assert "alert(1)" not in text_of(scientist.get(str(answer.url)))  # reading asks nobody
        shown = scientist.do("/table", **request)
        assert "alert(1)" in text_of(shown)
        assert "<script>" not in shown.text
        assert "data:" not in shown.text
        in_french = {"word": scientist.word(), **request}
        shown = scientist.post("/table", in_french, accept_language="fr")
        assert ">state</th>" in shown.text, "a column is called as it is"
        saved = scientist.post("/table", saving(shown, "csv", "cells"))
        assert "<script>alert(1)</script>,12,yes" in saved.text
        assert 'filename="cells.csv"' in saved.headers["content-disposition"]
        assert len(worker(pair).tasks) == 1
        assert auditor.do("/table/ask", **asked).status_code == 403
        for wrong in (
            {"measure.0": "median:reading"},
            {"by.0": "nobody"},
            {"filter-1-column": "grade", "filter-1-test": "like", "filter-1-values": "1"},
            {"epsilon": "much"},
        ):
            refused = scientist.do("/table/ask", **{**asked, **wrong})
            said = text_of(refused)
            assert refused.status_code >= 400 or "refuses" in said, said
        assert scientist.get("/table?id=urn:none").status_code >= 400


@over("odd", [b"no JSON\n", b"[1]\n", b"3", b"[" * 100_000, b"9" * 5000, b"\xff", b'{"a": 1}\n[]'])
def test_what_is_no_table_is_said_to_be_none(odd: bytes) -> None:
    with pytest.raises(Malformed, match="is no table"):
        rows_of(odd)
    assert rows_of(HOSTILE + b'{"a": null}') == [*rows_of(HOSTILE), {"a": None}]
