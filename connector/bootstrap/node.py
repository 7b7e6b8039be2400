"""A node as one thing that starts, says that it is ready, and stops in order.

Rules: what is started is stopped, in the other order, within bounded time, also when the start
fails half-way; `run/node.json` is written only once peers and commands are answered. What stands
behind the ports is chosen in `wiring.py`.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final, Protocol

from connector.bootstrap import system
from connector.bootstrap.keys.own import Identity
from connector.bootstrap.life import Life
from connector.bootstrap.state import HomeLock
from connector.bootstrap.threads.background import Background
from connector.bootstrap.threads.renewal import Renewal
from connector.domain.delivery import OUTBOX
from connector.management import listen, observation
from connector.management.gate import Door, Gate
from connector.management.nouns import Nouns
from connector.management.reach import About, Reach
from connector.peer.face import Bound, PeerFace
from connector.ports import Ports
from connector.services.continuity import recovery
from connector.services.evidence import own_log
from connector.services.health import diagnose
from connector.services.messages import deliver
from connector.serving import local
from connector.serving.local import LocalServer
from connector.serving.sockets import open_files

WAKE_SECONDS: Final = 1.0  # how often who waits for a stop looks for signals

_log = logging.getLogger(__name__)


class Part(Protocol):
    """Something with a life of its own."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End within bounded time."""
        ...


class Node:
    """A running node; made by `wiring.build`."""

    def __init__(
        self,
        ports: Ports,
        identity: Identity,
        face: PeerFace,
        parts: Sequence[Part],
        closers: Sequence[Callable[[], None]],
        rest: Callable[[], None],
    ) -> None:
        """Keep what is to be started.

        Args:
            ports: of the node.
            identity: who it is.
            face: by which peers reach it.
            parts: what else runs, in the order of starting.
            closers: called last of all.
            rest: closes what nobody needs for now.
        """
        self._ports = ports
        self._identity = identity
        self._face = face
        self._parts = parts
        self._closers = closers
        self._rest = rest
        self._life = Life(ports.settings)
        self._running = ExitStack()
        self._asked = threading.Event()
        self._ready: dict[str, Any] = {}
        self._started_at: datetime | None = None

    def start(self) -> None:
        """Start everything; return once peers and commands are answered.

        Raises:
            WorldFault: a node runs in this home already, or an address cannot be bound.
            ConfigurationInvalid: an address is wrong.
            KeyUnusable: a key or certificate cannot be used, or charges cannot be recorded.
            LogBroken: the audit log in the database is not the one that was written.
        """
        with ExitStack() as started:
            for close in self._closers:
                started.callback(close)
            lock = HomeLock(self._ports.settings.home)
            started.callback(lock.release)
            self._started_at = self._ports.clock.now()
            self._life.begin()
            open_files()
            self._log_start()
            own_log.check_whole(self._ports)
            recovery.begin(self._ports)
            servers = self._start_management(started)
            bound = self._start_face(started)
            self._start_parts(started)
            console = next((each.address for each in servers if each.name == "console"), "")
            self._ready = self._described(bound, servers[0], console)
            for server in servers:
                server.start()
            self._life.begun()
            lock.announce(self._ready)
            self._running = started.pop_all()
        said = (f"{k} {v}" for k, v in self._ready.items() if v and k != "ready")
        _log.info("ready: %s", ", ".join(said))

    def ready(self) -> Mapping[str, Any]:
        """Return pid and addresses, for scripts; empty before `start`."""
        return dict(self._ready)

    def ask_to_stop(self) -> None:
        """Make `wait` return; may be called from a signal handler."""
        self._asked.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the node is asked to stop; return whether it was.

        Python runs the handler of a signal in the main thread, between two steps. One that another
        thread takes, or that comes just before the main one sleeps, does not wake it.
        """
        if seconds is not None:
            return self._asked.wait(seconds)
        while not self._asked.wait(WAKE_SECONDS):
            pass
        return True

    def stop(self) -> None:
        """Stop everything that was started, in the other order; harmless before `start`."""
        _log.info("stopping")
        self._life.stopping = True
        self._running.close()

    def _start_management(self, started: ExitStack) -> list[LocalServer]:
        """Bind the management API, metrics and console if asked for; they are served last."""
        settings = self._ports.settings
        listening = local.bind(settings, "management_listen")
        started.callback(listening.close)
        doors = [(listening, Door(listen.write_token(settings), listening.hosts, observation.OPEN))]
        if settings.metrics_listen:
            watched = local.loopback("metrics_listen", settings.metrics_listen)
            started.callback(watched.close)
            paths = observation.OPEN | {observation.METRICS}
            doors.append((watched, Door("", watched.hosts, paths)))
        keep = self._identity.keep_membership
        api = Nouns(Reach(self._ports, self.about, keep, self._life.vitals))
        servers = [LocalServer("management", Gate(api, door), where) for where, door in doors]
        if settings.console_listen:
            servers.append(self._console(started))
        for server in servers:
            started.callback(server.stop)
        return servers

    def _console(self, started: ExitStack) -> LocalServer:
        """Bind the console; nobody pays for what it needs without one."""
        from connector.bootstrap.diagnosis.watch import watch  # noqa: PLC0415 - see above
        from connector.console.app import Console  # noqa: PLC0415 - see above
        from connector.console.guard import Guard, Reached  # noqa: PLC0415 - same
        from connector.services.storage import given_out  # noqa: PLC0415 - same
        from connector.serving.resting import Resting  # noqa: PLC0415 - same

        settings = self._ports.settings
        given_out.folders(settings, "console_folders")  # before anybody points at one
        theme = given_out.theme(settings)
        listening = local.bind(settings, "console_listen")
        started.callback(listening.close)
        origins = {f"http://{host}" for host in listening.hosts}
        origins |= {settings.console_address.rstrip("/")} - {""}
        told, provider = watch(settings, self._life.vitals), settings.console_oidc
        reached = settings.console_address.rstrip("/") or listening.address
        institution = None
        if provider is not None:
            from connector.bootstrap import logins  # noqa: PLC0415 - loads OpenID Connect

            institution = logins.institution(self._ports, provider, reached)
        console = Console(self._ports, theme, told, institution)
        app = Guard(console.application(), Reached(frozenset(origins)))
        return LocalServer("console", Resting(app, self._give_back), listening)

    def _give_back(self) -> None:
        self._rest()
        system.give_back()

    def _start_face(self, started: ExitStack) -> Bound:
        bound = self._face.start()
        started.callback(self._face.stop)
        return bound

    def _start_parts(self, started: ExitStack) -> None:
        renewal = Renewal(self._ports, self._identity)
        parts: list[Part] = [Delivery(self._ports), renewal, *self._parts]
        for part in parts:
            part.start()
            started.callback(part.stop)

    def _described(self, bound: Bound, management: LocalServer, console: str) -> dict[str, Any]:
        settings = self._ports.settings
        hosts = (settings.grpc_listen.rpartition(":")[0], settings.https_listen.rpartition(":")[0])
        return {
            "ready": True,
            "pid": os.getpid(),
            "did": settings.did,
            "grpc": f"{hosts[0]}:{bound.grpc}" if bound.grpc else "",
            "https": f"{hosts[1]}:{bound.https}",
            "management": management.address,
            "console": console,
        }

    def about(self) -> About:
        """Say which process it is and where it listens."""
        return About(
            version=version("preau"),
            pid=os.getpid(),
            started_at=self._started_at or self._ports.clock.now(),
            grpc=self._ready.get("grpc", ""),
            https=self._ready.get("https", ""),
        )

    def _log_start(self) -> None:
        settings = self._ports.settings
        _log.info("%s %s of kind %s", settings.did, version("preau"), settings.kind)
        for line in diagnose.unsafe(settings):
            _log.warning("%s", line)


class Delivery(Background):
    """The thread that delivers what the outbox holds."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(ports, OUTBOX, OUTBOX)

    def _work(self) -> None:
        deliver.run(self._ports, self._stopping)
