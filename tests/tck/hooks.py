"""The hooks by which the kit has this node begin as a consumer: plain JSON over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from connector.errors import Malformed, PreauError
from connector.jsonld import opaque
from connector.jsonld.canonical import canonical
from connector.ports import Ports
from connector.services.lookup import require
from connector.services.negotiation import consumer_side as negotiations
from connector.services.publication.catalog_pages import OfferView
from connector.services.transfer import consumer_side as transfers
from tests.tck import playing
from tests.tck.composing import check_loopback
from tests.tck.playing import Player
from tests.tck.scripts import KIT_DID
from tests.tck.seeds import USE

NEGOTIATIONS: Final = "/negotiations/requests"
TRANSFERS: Final = "/transfers/requests"
_MOST_BYTES: Final = 1 << 16


class Hooks:
    """Listens on a port of loopback until closed."""

    def __init__(self, ports: Ports, player: Player, port: int) -> None:
        """Bind.

        Args:
            ports: of the node.
            player: goes through what follows.
            port: TCP.
        """
        works = {
            NEGOTIATIONS: partial(negotiate, ports, player),
            TRANSFERS: partial(transfer, ports, player),
        }
        handler = type("Handler", (_Handler,), {"works": works})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="hooks")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def negotiate(ports: Ports, player: Player, said: Mapping[str, str]) -> str:
    """Ask the kit for a contract on just the offer that it names; return our pid."""
    policy = canonical({**USE, "@id": opaque.inward(said["offerId"]), "assigner": KIT_DID})
    chosen = OfferView(said["offerId"], policy, ())
    address = said["connectorAddress"]
    begun = negotiations.begin(ports, KIT_DID, said["datasetId"], chosen, address=address)
    player.begun(ports, begun.pid)
    return begun.pid


def transfer(ports: Ports, player: Player, said: Mapping[str, str]) -> str:
    """Ask the kit for a transfer under an agreement that is held already; return our pid."""
    agreement_id = opaque.inward(said["agreementId"])
    playing.ended(ports, agreement_id)
    with ports.store.write() as tx:
        agreement = require(tx.agreements.get(agreement_id), "agreement", agreement_id)
        made = require(tx.negotiations.get(agreement.pid), "negotiation", agreement.pid)
        tx.negotiations.put(replace(made, address=said["connectorAddress"]))
    asked = transfers.request(ports, agreement_id)
    player.begun(ports, asked.pid)
    return asked.pid


class _Handler(BaseHTTPRequestHandler):
    works: Mapping[str, Callable[[Mapping[str, str]], str]]

    def do_POST(self) -> None:
        status, answer = self._answered()
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answered(self) -> tuple[int, dict[str, str]]:
        work = self.works.get(self.path.rstrip("/"))
        if work is None:
            return 404, {"reason": "no such hook"}
        try:
            said = json.loads(
                self.rfile.read(min(int(self.headers["Content-Length"]), _MOST_BYTES))
            )
            check_loopback(said["connectorAddress"])
            return 200, {"pid": work(said)}
        except (PreauError, KeyError, ValueError, TypeError) as exc:
            fault = exc if isinstance(exc, PreauError) else Malformed("the body is no such request")
            return 400, {"code": fault.code, "reason": fault.reason}

    def log_message(self, *args: Any) -> None:
        """Say nothing on the console."""
