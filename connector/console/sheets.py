"""Tables as OpenDocument spreadsheets (ODS), as small as the standard allows.

Rules: every cell has its type, so that no text is taken for a formula; what XML cannot hold is
left out.

Source: OpenDocument 1.3 (OASIS, ISO/IEC 26300), part 3, sections 2.2.1 and 9.1; part 2, section 3.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import IO, Any, Final

MEDIA: Final = "application/vnd.oasis.opendocument.spreadsheet"
_NS: Final = "urn:oasis:names:tc:opendocument:xmlns"
_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<office:document-content xmlns:office="{_NS}:office:1.0" xmlns:table="{_NS}:table:1.0"'
    f' xmlns:text="{_NS}:text:1.0" office:version="1.3"><office:body><office:spreadsheet>'
)
_END: Final = "</office:spreadsheet></office:body></office:document-content>"
_MANIFEST: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<manifest:manifest xmlns:manifest="{_NS}:manifest:1.0" manifest:version="1.3">'
    f'<manifest:file-entry manifest:full-path="/" manifest:version="1.3"'
    f' manifest:media-type="{MEDIA}"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
    "</manifest:manifest>"
)
# XML 1.0, section 2.2: characters that a document may not hold.
_UNSPEAKABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_NAMED: Final = re.compile(r"[\[\]*?:/\\']")
_LONGEST_NAME: Final = 31  # characters that every spreadsheet takes


def write(made: IO[bytes], name: str, rows: Iterable[Iterable[Any]]) -> None:
    """Write a spreadsheet of one sheet, row by row.

    Args:
        made: file that can be read over.
        name: of the sheet.
        rows: texts, numbers, truth values, times (UTC) and None; the first holds the headings.
    """
    sheet = _written(_NOT_NAMED.sub(" ", name)[:_LONGEST_NAME])
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        # It comes first and as it is, so that the file is told by its first bytes.
        file.writestr("mimetype", MEDIA, zipfile.ZIP_STORED)
        with file.open("content.xml", "w") as content:
            content.write(f'{_HEAD}<table:table table:name="{sheet}">'.encode())
            for row in rows:
                content.write(_row(row))
            content.write(f"</table:table>{_END}".encode())
        file.writestr("META-INF/manifest.xml", _MANIFEST)


def _row(cells: Iterable[Any]) -> bytes:
    return f"<table:table-row>{''.join(map(_cell, cells))}</table:table-row>".encode()


def _cell(value: Any) -> str:
    match value:
        case None:
            return "<table:table-cell/>"
        case bool():
            said = str(value).lower()
            return _typed("boolean", f'office:boolean-value="{said}"', said)
        case int() | float() if math.isfinite(value):
            return _typed("float", f'office:value="{value!r}"', repr(value))
        case datetime():
            said = value.strftime("%Y-%m-%dT%H:%M:%S")
            return _typed("date", f'office:date-value="{said}"', said)
        case _:
            return _typed("string", "", str(value))


def _typed(kind: str, value: str, text: str) -> str:
    lines = "".join(f"<text:p>{_written(line)}</text:p>" for line in text.splitlines() or [""])
    return f'<table:table-cell office:value-type="{kind}" {value}>{lines}</table:table-cell>'


def _written(text: str) -> str:
    return escape(_UNSPEAKABLE.sub("", text))
