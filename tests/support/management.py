"""A management API on a real Unix socket, over the ports of a test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from click.testing import Result
from fastapi import FastAPI
from starlette.types import ASGIApp

from connector.config import Settings
from connector.management import app as application
from connector.management import observation
from connector.management.gate import Door, Gate
from connector.management.nouns import Nouns
from connector.management.reach import About, Reach
from connector.ports import Ports
from connector.services.health.vitals import Vitals
from connector.serving import local
from tests.support.command import invoked
from tests.support.doubles import NOON

TOKEN = "management-token"
DOOR = Door(TOKEN, open=observation.OPEN)
FINE = Vitals()
SHOWN = {"authorization": f"Bearer {TOKEN}"}


def reach_of(ports: Ports, vitals: Vitals = FINE) -> Reach:
    """What routes may reach; a fetched membership is dropped."""
    about = About("0", 1, NOON, "", "")
    return Reach(ports, lambda: about, lambda _credential: None, lambda: vitals)


def application_of(ports: Ports, door: Door = DOOR, vitals: Vitals = FINE) -> ASGIApp:
    """The application over these ports, behind its gate."""
    return Gate(Nouns(reach_of(ports, vitals)), door)


def routes_of(ports: Ports) -> FastAPI:
    """The routes of all nouns, without their gate."""
    return application.create(reach_of(ports))


@contextmanager
def served(api: ASGIApp, settings: Settings) -> Iterator[str]:
    """Serve an application on a Unix socket; yields its address, `unix:PATH`."""
    with TemporaryDirectory(prefix="preau-") as folder:  # short: sockets have short paths
        listening = local.bind(
            replace(settings, management_listen=f"unix:{folder}/s"), "management_listen"
        )
        server = local.LocalServer("management", api, listening)
        server.start()
        try:
            yield listening.address
        finally:
            server.stop()
            assert not Path(folder, "s").exists()


@contextmanager
def commanded(ports: Ports) -> Iterator[Callable[..., Result]]:
    """Yield a function that types a command at the node of these ports."""
    home = ports.settings.home
    with served(application_of(ports), ports.settings) as address:
        (home / "run").mkdir()
        (home / "run" / "node.json").write_text(json.dumps({"management": address}))
        (home / "run" / "management.token").write_text(TOKEN)

        def preau(*words: str) -> Result:
            return invoked([*words, "--home", str(home)], env={"COLUMNS": "200"})

        yield preau


@contextmanager
def asked(api: ASGIApp, settings: Settings) -> Iterator[httpx.Client]:
    """A plain HTTP client of an application; it shows no token by itself."""
    with served(api, settings) as address:
        uds = address.removeprefix("unix:")
        transport = httpx.HTTPTransport(uds=uds)
        with httpx.Client(transport=transport, base_url="http://node", timeout=30) as http:
            yield http
