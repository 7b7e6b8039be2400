"""Files of servers, over TLS, as the sources of snapshots."""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyarrow import parquet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from connector.bootstrap.sources import sources_of
from connector.config import from_mapping
from connector.domain.catalog.layout import Field, Layout
from connector.domain.catalog.source import Source
from connector.errors import (
    ConfigurationInvalid,
    DataFileMissing,
    DataFileUnreadable,
    PreauError,
    StoreUnavailable,
)
from connector.identity import certificate
from connector.serving.server import Server, configured
from connector.sources.snapshots import HomeSources
from tests.support.each import over

ROWS = "pupil;reading\ne1;410,5\ne2;433,25\n"
TOKEN = "T0KEN"
LAYOUT = Layout(
    "csv",
    (Field("pupil", "text"), Field("reading", "number")),
    decimal=",",
    encoding="utf-8",
    separator=";",
    quote='"',
)


async def answer(request: Request) -> Response:
    name = request.path_params["name"]
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return Response(status_code=401)
    if name == "élèves/rows.csv":
        return Response(ROWS, headers={"etag": '"v1"'})
    if name == "away.csv":
        return RedirectResponse("https://elsewhere.example/rows.csv")
    if name == "short.csv":
        return StreamingResponse(iter([b"pupil"]), headers={"content-length": "6"})
    if name == "endless.csv":
        return StreamingResponse(iter(lambda: b"x" * 65536, b""))
    return Response(status_code=500 if name == "broken.csv" else 404)


KEY, SECRET = "K3Y", "S3CR3T"


def _signed(request: Request) -> bool:
    """Whether a request is signed by the key, see AWS Signature Version 4 (`s3`)."""
    said = request.headers.get("authorization", "")
    parts = dict(each.strip().split("=", 1) for each in said.partition(" ")[2].split(",") if each)
    if not parts.get("Credential", "").startswith(f"{KEY}/"):
        return False
    scope, names = parts["Credential"].split("/")[1:], parts["SignedHeaders"]
    headers = "".join(f"{each}:{request.headers[each].strip()}\n" for each in names.split(";"))
    asked = (
        *(request.method, request.scope["raw_path"].decode(), request.url.query),
        *(headers, names, request.headers["x-amz-content-sha256"]),
    )
    digest = hashlib.sha256("\n".join(asked).encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", request.headers["x-amz-date"], "/".join(scope), digest))
    key = f"AWS4{SECRET}".encode()
    for each in (*scope, text):
        key = hmac.digest(key, each.encode(), "sha256")
    return hmac.compare_digest(key.hex(), parts["Signature"])


async def answer_s3(request: Request) -> Response:
    """Answer as an S3-compatible store does: the object, a part of it, or an error in XML."""
    found = {"exports/year/rows.csv": ROWS.encode()}.get(request.path_params["name"])
    code, status = ("NoSuchKey", 404) if _signed(request) else ("SignatureDoesNotMatch", 403)
    if found is None or status != 404:
        text = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
        return Response(text, status, media_type="application/xml")
    first, _, last = request.headers.get("range", "bytes=0-")[6:].partition("-")
    end = min(int(last or len(found)), len(found) - 1)
    part = found[int(first) : end + 1]
    headers = {
        "etag": '"v1"',
        "last-modified": "Tue, 24 Nov 2026 15:00:00 GMT",
        "content-range": f"bytes {first}-{end}/{len(found)}",
    }
    return Response(part, 206 if "range" in request.headers else 200, headers)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A server of files on loopback, and a folder with the root of its certificate."""
    folder, now = tmp_path_factory.mktemp("web"), datetime.now(UTC)
    cert, key = certificate.make_authority("web", now, 10)
    leaf, leaf_key = certificate.issue_web(cert, key, "localhost", now, 10)
    for name, text in (("root", cert), ("leaf", leaf), ("key", leaf_key)):
        (folder / f"{name}.pem").write_text(text)
    app = Starlette(routes=[Route("/data/{name:path}", answer), Route("/{name:path}", answer_s3)])
    files = {"ssl_certfile": str(folder / "leaf.pem"), "ssl_keyfile": str(folder / "key.pem")}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server("files", configured(app, **files), listening)
        server.start()
        yield folder, listening.getsockname()[1]
        server.stop()


def sources(home: Path, web: tuple[Path, int], **changes: str) -> HomeSources:
    folder, port = web
    (home / "token").touch(mode=0o600)
    (home / "token").write_text(TOKEN, encoding="ascii")
    stated: Mapping[str, str] = {
        "kind": "https",
        "url": f"https://localhost:{port}/data",
        "roots": str(folder / "root.pem"),
        "secret": "token",
        **changes,
    }
    options = {name: value for name, value in stated.items() if value}
    values = {"did": "did:web:school.example", "name": "A school", "snapshot_bytes": 1 << 20}
    return sources_of(from_mapping(home, values | {"connections": {"export": options}}))


def source(path: str = "élèves/rows.csv") -> Source:
    return Source(connection="export", path=path, layout=LAYOUT)


def test_a_file_of_a_server_is_read_like_any_other(tmp_path: Path, web: tuple[Path, int]) -> None:
    served = sources(tmp_path, web)
    taken = served.take(source())
    assert parquet.read_table(taken.path)["reading"].to_pylist() == [410.5, 433.25]
    assert taken.source.mark == '"v1"'
    assert served.inspect(replace(source(), layout=LAYOUT))["layout"]["separator"] == ";"
    assert [each.name for each in (tmp_path / "snapshots").iterdir()] == [Path(taken.path).name]


@over(
    ("path", "changes", "code", "says"),
    [
        ("none.csv", {}, DataFileMissing, "no such file"),
        ("away.csv", {}, DataFileUnreadable, "leads elsewhere"),
        ("broken.csv", {}, DataFileUnreadable, "status 500"),
        ("short.csv", {}, DataFileMissing, "or stopped"),
        ("endless.csv", {}, StoreUnavailable, "`snapshot_bytes`"),
        ("../secret.csv", {}, ConfigurationInvalid, "must be plain"),
        ("a?b=c", {}, ConfigurationInvalid, "must be plain"),
        ("élèves/rows.csv", {"secret": ""}, ConfigurationInvalid, "refuses the connection's"),
        ("élèves/rows.csv", {"roots": ""}, DataFileMissing, "over TLS"),
    ],
)
def test_what_cannot_be_fetched_whole_leaves_nothing(
    tmp_path: Path,
    web: tuple[Path, int],
    path: str,
    changes: dict[str, str],
    code: type[PreauError],
    says: str,
) -> None:
    with pytest.raises(code, match=says) as refusal:
        sources(tmp_path, web, **changes).take(source(path))
    assert TOKEN not in refusal.value.reason
    assert "localhost" not in refusal.value.reason
    assert not list((tmp_path / "snapshots").glob("*"))


def objects(home: Path, web: tuple[Path, int], **changes: str) -> HomeSources:
    found = sources(home, web, kind="s3", url="", **{"bucket": "exports", **changes})
    (home / "token").write_text(f"{KEY}\n{SECRET}", encoding="ascii")
    return found


def stored(web: tuple[Path, int], **changes: str) -> dict[str, str]:
    return {"endpoint": f"https://localhost:{web[1]}", "prefix": "year", **changes}


def test_an_object_of_a_store_is_read_like_any_other(tmp_path: Path, web: tuple[Path, int]) -> None:
    taken = objects(tmp_path, web, **stored(web)).take(source("rows.csv"))
    assert parquet.read_table(taken.path)["reading"].to_pylist() == [410.5, 433.25]
    assert taken.source.mark == '"v1"'


@pytest.mark.parametrize(
    ("path", "changes", "pair", "code", "says"),
    [
        ("none.csv", {}, "", DataFileMissing, "no such object"),
        ("rows.csv", {"prefix": "other"}, "", DataFileMissing, "no such object"),
        ("rows.csv", {}, f"{KEY} other", ConfigurationInvalid, "refuses the connection's"),
        ("rows.csv", {}, KEY, ConfigurationInvalid, "must be the name of a key and the key"),
        ("rows.csv", {"roots": ""}, "", DataFileUnreadable, "over TLS"),
    ],
)
def test_an_object_that_cannot_be_had_leaves_nothing(
    tmp_path: Path,
    web: tuple[Path, int],
    path: str,
    changes: dict[str, str],
    pair: str,
    code: type[PreauError],
    says: str,
) -> None:
    found = objects(tmp_path, web, **stored(web, **changes))
    if pair:
        (tmp_path / "token").write_text(pair, encoding="ascii")
    with pytest.raises(code, match=says) as refusal:
        found.take(source(path))
    assert SECRET not in refusal.value.reason
    assert not list((tmp_path / "snapshots").glob("*"))
