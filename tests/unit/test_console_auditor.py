"""What an auditor finds in the console: the log by filters, a contract's life, and evidence."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from python_calamine import CalamineWorkbook

from connector.console import multipart, sheets
from connector.console.guard import UPLOADS
from connector.domain.contract.notice import Act
from connector.domain.log.audit import Sought
from connector.errors import Malformed
from connector.identity.evidence import Standing, verify
from connector.ports import Ports
from connector.services.evidence import export
from connector.services.negotiation import agree, notices
from connector.services.publication import publish
from tests.support.console import browsers, text_of
from tests.support.each import over
from tests.support.link import Link, description, link
from tests.support.negotiating import ask

HOSTILE = '<script>alert("x")</script>'
FORM = "multipart/form-data; boundary=B"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        ask(pair)
        yield pair


@pytest.fixture
def school(pair: Link) -> Ports:
    ports: Ports = pair.school.ports
    return ports


def contract(ports: Ports) -> str:
    (found,) = agree.agreements(ports).values
    return found.id


def test_the_log_is_filtered_by_kind_and_period(school: Ports) -> None:
    today = school.clock.now().date()
    with browsers(school, "auditor") as (auditor,):

        def kinds(query: str) -> set[str]:
            found = json.loads(auditor.get(f"/log?as=json&{query}").content)
            return {each["event"].partition(".")[0] for each in found}

        assert {"negotiation", "account"} < kinds("")
        assert kinds("kind=negotiation") == {"negotiation"}
        assert kinds("kind=account.entered") == {"account"}
        assert kinds("kind=negotiatio") == set()
        assert "negotiation" in kinds(f"since={today}&until={today}")
        assert kinds(f"since={today + timedelta(days=1)}") == set()
        assert kinds(f"until={today - timedelta(days=1)}") == set()
        assert auditor.get("/log?since=yesterday").status_code == 400


def test_entries_are_sought_by_all_that_is_asked(school: Ports) -> None:
    with school.store.write() as tx:
        first = tx.audit.append("odd.one", "urn:a").index
        tx.audit.append("odd.two", "urn:b")
        tx.audit.append("oddity.one", "urn:a")
    ours = Sought(first, ("urn:a", "urn:b"), "odd", newest=True)
    with school.store.read() as tx:
        assert [each.kind for each in tx.audit.page(ours).values] == ["odd.two", "odd.one"]
        assert tx.audit.page(Sought(subjects=())).values == ()
        assert tx.audit.page(Sought(before=datetime(2000, 1, 1, tzinfo=UTC))).values == ()


def test_a_contracts_life_is_on_one_page(pair: Link, school: Ports) -> None:
    found = contract(school)
    notices.give(school, found, Act.SUSPENDED, HOSTILE)
    pair.pump()
    with browsers(school, "auditor", "scientist") as (auditor, scientist):
        page = auditor.get(f"/contract/life?id={found}")
        said = text_of(page)
        for words in ("its state", "finalized", "Notices", "negotiation.finalized", "suspended"):
            assert words in said, words
        assert HOSTILE in said
        assert "<script>" not in page.text
        assert "/contract/life" in auditor.get(f"/contract?id={found}").text
        assert scientist.get(f"/contract/life?id={found}").status_code == 403
        assert "/contract/life" not in scientist.get(f"/contract?id={found}").text
        assert auditor.get("/contract/life?id=urn:none").status_code == 404


def test_evidence_is_taken_away_and_says_who_took_it(school: Ports) -> None:
    found = contract(school)
    with browsers(school, "auditor", "scientist") as (auditor, scientist):
        answer = auditor.do("/evidence/export", id=found)
        assert answer.headers["content-disposition"] == 'attachment; filename="evidence.json"'
        assert verify(answer.content).part("contract").standing is Standing.PROVEN
        assert scientist.do("/evidence/export", id=found).status_code == 403
        assert auditor.do("/evidence/export", id="urn:none").status_code == 404
    with school.store.read() as tx:
        (entry,) = tx.audit.entries(kind=export.EXPORTED)
    assert b'"account"' in entry.event


def test_a_bundle_is_judged_part_by_part(pair: Link, school: Ports) -> None:
    bundle = export.export(school, contract(school))
    authority = pair.space.data
    with browsers(school, "auditor", "scientist") as (auditor, scientist):

        def verdicts(data: bytes, **more: bytes) -> str:
            return text_of(auditor.upload("/evidence/verify", {"bundle": data, **more}))

        assert "contract proven" in verdicts(bundle)
        assert "membership unproven" in verdicts(bundle)
        assert "membership proven" in verdicts(bundle, authority=authority)
        pinned = auditor.upload("/evidence/verify", {"bundle": bundle}, pinned="yes")
        assert "membership proven" in text_of(pinned)
        assert "What no bundle proves" in verdicts(bundle)
        assert "as=csv" not in pinned.text  # nothing of it is kept
        assert "invalid" in verdicts(bundle.replace(b"agreement", b"agreemenu", 1))
        hostile = auditor.upload("/evidence/verify", {"bundle": HOSTILE.encode()})
        assert "invalid" in text_of(hostile)
        assert "<script>" not in hostile.text
        wrong = auditor.upload("/evidence/verify", {"bundle": bundle, "authority": b"{}"})
        assert wrong.status_code == 422
        assert auditor.upload("/evidence/verify", {"bundle": b""}).status_code == 400
        assert scientist.upload("/evidence/verify", {"bundle": bundle}).status_code == 403
        assert auditor.get("/evidence/verify").status_code == 200


def test_files_are_bounded_and_only_where_they_belong(school: Ports) -> None:
    large = b"x" * (2 << 20)
    with browsers(school, "auditor", "") as (auditor, stranger):
        path = "/evidence/verify"
        assert auditor.upload(path, {"bundle": b"x" * UPLOADS[path]}).status_code == 413
        assert auditor.upload("/evidence/export", {"bundle": large}).status_code == 413
        assert "invalid" in text_of(auditor.upload(path, {"bundle": large}))
        answer = stranger._client.post(path, files={"bundle": ("a", large)})
        assert answer.headers["location"].startswith("/login?")


def _form(*parts: str) -> bytes:
    return "".join(f"--B\r\n{part}\r\n" for part in parts).encode() + b"--B--\r\n"


def test_a_form_with_files_is_read() -> None:
    file = 'Content-Disposition: form-data; name="a%22b"; filename="c"\r\nContent-Type: x/y\r\n\r\n'
    text = 'content-disposition: form-data; name="t"\r\n\r\né\r\n\r\n--b'
    none = 'Content-Disposition: form-data; name="n"; filename=""\r\n\r\n'
    values, files = multipart.read(FORM, _form(f"{file}\r\n\x00--", text, none))
    assert values == {"t": "é\r\n\r\n--b"}
    assert files == {'a"b': b"\r\n\x00--"}
    assert multipart.read('multipart/form-data; boundary="B"', _form(text))[0] == values


@over(
    "body",
    [
        b"",
        b"--B\r\n",
        _form('Content-Disposition: form-data; name="t"\r\n\r\nx')[:-4],
        _form("Content-Disposition: form-data\r\n\r\nx"),
        _form('Content-Disposition: attachment; name="t"\r\n\r\nx'),
        _form('Content-Disposition: form-data; name="t"'),
        _form('Content-Disposition: form-data; filename="t"\r\n\r\nx'),
        _form('Content-Disposition: form-data; name="t"\r\n\r\n\xff').replace(b"\xc3\xbf", b"\xff"),
        _form(f'A: {"b" * 9000}\r\nContent-Disposition: form-data; name="t"\r\n\r\n'),
        _form(*['Content-Disposition: form-data; name="t"\r\n\r\nx'] * 201),
    ],
)
def test_a_form_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        multipart.read(FORM, body)


def test_a_form_says_where_its_parts_end() -> None:
    with pytest.raises(Malformed):
        multipart.read("multipart/form-data", _form())


def test_a_table_is_a_spreadsheet_of_typed_cells() -> None:
    at = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
    rows = [["=1+1", 7, 0.5, True, at, None, "<&\x00\nz"]]
    made = io.BytesIO()
    sheets.write(made, 'a"/b', [["h"] * 7, *rows])
    with zipfile.ZipFile(made) as file:
        assert file.infolist()[0].filename == "mimetype"
        assert file.read("mimetype").decode() == sheets.MEDIA
        content = ET.fromstring(file.read("content.xml"))  # noqa: S314 - our own
        ET.fromstring(file.read("META-INF/manifest.xml"))  # noqa: S314 - same
    office = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
    cells = [each for each in content.iter() if each.tag.endswith("}table-cell")][7:]
    kinds = [each.get(f"{office}value-type") for each in cells]
    assert kinds == ["string", "float", "float", "boolean", "date", None, "string"]
    assert cells[0][0].text == "=1+1"
    assert not any("formula" in name for each in cells for name in each.attrib)
    assert [each.text for each in cells[6]] == ["<&", "z"]
    assert cells[4].get(f"{office}date-value") == "2027-01-02T03:04:05"
    made.seek(0)
    (_, read) = CalamineWorkbook.from_filelike(made).get_sheet_by_index(0).to_python()
    assert read == ["=1+1", 7, 0.5, True, at.replace(tzinfo=None), "", "<&\nz"]
