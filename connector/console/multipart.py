"""Forms with files: multipart/form-data, as browsers send it.

Rules: the body is in memory and bounded before it is read (`guard.py`), so are its parts; a part
without a name is none; nothing is written to disk, and no file's name is used.

Source: RFC 7578; the encoding of names by browsers is that of the HTML standard, section 4.10.21.8.
"""

from __future__ import annotations

import re
from typing import Final

from connector.errors import Malformed

MEDIA: Final = "multipart/form-data"
MOST_PARTS: Final = 200
_BOUNDARY: Final = re.compile(
    r';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;",]{1,70}))', re.IGNORECASE
)
_HEADERS: Final = 8192  # bytes of one part
_NAMED: Final = re.compile(
    rb"^content-disposition:\s*form-data;(.*)$", re.IGNORECASE | re.MULTILINE
)
_NAME: Final = re.compile(rb'(?:^|[;\s])name="([^"\r\n]*)"')
_FILE: Final = re.compile(rb'[;\s]filename="([^"\r\n]*)"')
_ESCAPED: Final = ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n"))


def read(media: str, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return the values and the files of a form, by name; of a file that was not chosen, nothing.

    Args:
        media: the header `Content-Type`.
        body: of the request.

    Raises:
        Malformed: it is not such a form.
    """
    found = _BOUNDARY.search(media)
    if found is None:
        raise Malformed("the form does not say where its parts end")
    mark = b"\r\n--" + (found[1] or found[2]).encode()
    parts = (b"\r\n" + body).split(mark, MOST_PARTS + 2)
    if len(parts) > MOST_PARTS + 2 or parts[0] or not parts[-1].startswith(b"--"):
        raise Malformed("the form is cut off, or has too many parts")
    values: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in parts[1:-1]:
        name, file, content = _part(part)
        if file is None:
            values[name] = _text(content)
        elif file or content:
            files[name] = content
    return values, files


def _part(part: bytes) -> tuple[str, bytes | None, bytes]:
    """Return name, name of the file (None: it is none) and content."""
    headers, separator, content = part.partition(b"\r\n\r\n")
    stated = _NAMED.search(headers)
    name = _NAME.search(stated[1]) if stated else None
    whole = separator and part.startswith(b"\r\n") and len(headers) <= _HEADERS
    if not whole or stated is None or name is None:
        raise Malformed("a part of the form has no name")
    written = name[1]
    for escaped, plain in _ESCAPED:
        written = written.replace(escaped, plain)
    file = _FILE.search(stated[1])
    return _text(written), file[1] if file else None, content


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Malformed("a value of the form is not UTF-8") from None
