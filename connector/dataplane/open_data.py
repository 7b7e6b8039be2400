"""Open data over HTTPS, for anybody: `GET /open`, `GET /open/{dataset}`, `GET /open-data/…`.

Rules: nobody is asked who they are, and nothing is kept of who reads; reads that run at once are
bounded, in all and by origin, and the file of an offer is made once for all. What is open is
`services/use/anonymous.py`'s to say, before and while bytes flow.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.dataplane.flowing import MEDIA, Flow, Going, flowing
from connector.domain.transfer.extract import Extract
from connector.identity import did as dids
from connector.jsonld.canonical import parse_object
from connector.ports import Ports
from connector.services.publication.opened import Open
from connector.services.use import anonymous

CATALOG: Final = "/open"
ENTRY: Final = "/open/{id:path}"
DATA: Final = "/open-data/{format}/{id:path}"
MOST_AT_ONCE: Final = 16
MOST_OF_ONE: Final = 4
# DCAT 3 (W3C), and SPDX for the digest, as DCAT section 6.8.19 has it.
_CONTEXT: Final = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "cc": "http://creativecommons.org/ns#",
    "spdx": "http://spdx.org/rdf/terms#",
    "preau": "https://w3id.org/preau/odrl/v1#",
}
_SPDX: Final = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"


class OpenData:
    """Serves the open datasets of one node.

    Args:
        ports: of this node.
        origin: returns by what a connection is counted, of its port on loopback.
    """

    def __init__(self, ports: Ports, origin: Callable[[int], str]) -> None:
        self._ports = ports
        self._origin = origin
        self._going = Going(MOST_AT_ONCE, MOST_OF_ONE)
        self._reads = anonymous.Reads(ports)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(CATALOG, self.open_catalog, methods=["GET"]),
            Route(ENTRY, self.open_entry, methods=["GET"]),
            Route(DATA, self.open_data, methods=["GET"]),
        ]

    def open_catalog(self, request: Request) -> Response:
        """Answer with a page of what is open."""
        page = anonymous.page(self._ports, request.query_params.get("after", ""))
        own = self._ports.settings.did
        stated: dict[str, Any] = {
            "@context": _CONTEXT,
            "@id": dids.origin(own) + CATALOG,
            "@type": "dcat:Catalog",
            "dct:publisher": {"@id": own},
            "dcat:dataset": [_about(own, each) for each in page.values],
        }
        headers = {}
        if page.next:
            address = f"{dids.origin(own)}{CATALOG}?after={quote(page.next, safe='')}"
            headers["Link"] = f'<{address}>; rel="next"'
        return JSONResponse(stated, headers=headers, media_type="application/ld+json")

    def open_entry(self, request: Request) -> Response:
        """Answer with all that is said of one open dataset."""
        found, ready = anonymous.entry(self._ports, request.path_params["id"])
        own = self._ports.settings.did
        said = {each.format: _signed(self._ports, each) for each in ready}
        stated = {
            "@context": _CONTEXT,
            **_about(own, found),
            "odrl:hasPolicy": parse_object(found.offer.policy),
            "preau:plan": [each.as_json() for each in found.use.steps],
            "preau:planDigest": found.plan_digest,
            "dcat:distribution": [
                _distribution(own, found, name) | said.get(name, {}) for name in found.formats
            ],
        }
        return JSONResponse(stated, media_type="application/ld+json")

    async def open_data(self, request: Request) -> Response:
        """Answer with the bytes."""
        ports, own = self._ports, self._ports.settings.did
        reader = self._origin(request.client.port) if request.client else ""
        name, format_ = request.path_params["id"], request.path_params["format"]
        self._going.check(reader)
        self._going.readers.append(reader)  # while the file is made, too
        try:
            found, extract = await run_in_threadpool(anonymous.file_of, ports, name, format_)
        finally:
            self._going.readers.remove(reader)
        about = f'<{_url(own, ENTRY, found)}>; rel="describedby"'
        flow = Flow(
            extract=extract,
            reader=reader,
            read=partial(ports.extracts.read, extract),
            judge=partial(anonymous.judge, ports, extract),
            passed=partial(self._reads.note, found, extract),
            headers={"Link": f'<{quote(found.licence.name, safe=_SAFE)}>; rel="license", {about}'},
        )
        return flowing(request, flow, self._going)


_SAFE: Final = ":/?#[]@!$&'()*+,;=%~"  # RFC 3986: what an IRI has and a header may carry


def _url(own: str, route: str, found: Open, format_: str = "") -> str:
    name = quote(found.dataset.id, safe=":")
    path = route.replace("{id:path}", name).replace("{format}", format_)
    return dids.origin(own) + path


def _about(own: str, found: Open) -> dict[str, Any]:
    dataset, licence = found.dataset, found.licence
    return {
        "@id": dataset.id,
        "@type": "dcat:Dataset",
        "dct:title": dataset.title,
        "dct:description": dataset.description,
        "dct:publisher": {"@id": own},
        "dct:license": {"@id": licence.name},
        "cc:attributionName": licence.attribution,
        "dcat:landingPage": {"@id": _url(own, ENTRY, found)},
    }


def _distribution(own: str, found: Open, format_: str) -> dict[str, Any]:
    address = {"@id": _url(own, DATA, found, format_)}
    return {
        "@type": "dcat:Distribution",
        "dct:format": format_,
        "dcat:mediaType": MEDIA[format_],
        "dcat:accessURL": address,
        "dcat:downloadURL": address,
        "dct:license": {"@id": found.licence.name},
    }


def _signed(ports: Ports, extract: Extract) -> dict[str, Any]:
    """Return what is said of a file that is there, and the provider's signature under it."""
    return {
        "dcat:byteSize": extract.bytes,
        "spdx:checksum": {
            "spdx:algorithm": {"@id": _SPDX},
            "spdx:checksumValue": extract.digest,
        },
        "preau:statement": anonymous.statement(ports, extract),
    }
