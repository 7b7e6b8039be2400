"""A node in front of the kit, from its home to its hooks, and the kit's properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from connector.ports import Ports
from tests.tck import composing, hooks, scripts, seeds
from tests.tck.hooks import Hooks
from tests.tck.playing import PAUSE, Player
from tests.tck.scripts import Case


@dataclass(frozen=True)
class Running:
    """A node that listens.

    Attributes:
        ports: of the node.
        cases: by name.
        properties: of the kit.
    """

    ports: Ports
    cases: Mapping[str, Case]
    properties: Mapping[str, str]


@contextmanager
def running(
    *,
    dsp_port: int,
    hook_port: int,
    callback: str,
    given: Mapping[str, str] = {},
    pause: float = PAUSE,
) -> Iterator[Running]:
    """Run a node until the end of the block.

    Args:
        dsp_port: of the Dataspace Protocol, on loopback.
        hook_port: of the hooks, on loopback.
        callback: address of the kit, on loopback.
        given: properties of the kit that name other ids than its sample configuration.
        pause: before each act of a script, seconds.

    Raises:
        AddressForbidden: the kit's address is not on loopback.
        ScriptsDiffer: one id would need two scripts.
    """
    composing.check_loopback(callback)
    found = scripts.cases(given)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="preau-kit-")))
        player = Player(found.values(), pause)
        stack.callback(player.close)
        settings = composing.settings_of(folder / "home", dsp_port)
        node = stack.enter_context(composing.composed(settings, player))
        ports = node._ports
        seeds.admit(node, ports)
        stack.callback(node.stop)
        node.start()
        seeds.offer(ports, folder, found.values())
        seeds.agree(ports, found.values())
        listening = Hooks(ports, player, hook_port)
        listening.start()
        stack.callback(listening.close)
        base = composing.root(settings)
        stated = {
            **_addresses(base, hook_port, callback, settings.did),
            **dict(scripts.properties(found)),
        }
        yield Running(ports, found, stated)


def _addresses(base: str, hook_port: int, callback: str, did: str) -> dict[str, str]:
    kit, hook = urlsplit(callback), f"http://localhost:{hook_port}"
    return {
        "dataspacetck.debug": "true",
        "dataspacetck.launcher": "org.eclipse.dataspacetck.dsp.system.DspSystemLauncher",
        "dataspacetck.host": kit.hostname or "localhost",
        "dataspacetck.port": str(kit.port or 80),
        "dataspacetck.callback.address": callback.rstrip("/"),
        "dataspacetck.dsp.local.connector": "false",
        "dataspacetck.dsp.connector.agent.id": did,
        "dataspacetck.dsp.connector.http.url": base + composing.PATH,
        "dataspacetck.dsp.connector.http.base.url": base,
        "dataspacetck.dsp.connector.http.headers.authorization": "Bearer any",
        "dataspacetck.dsp.connector.negotiation.initiate.url": hook + hooks.NEGOTIATIONS,
        "dataspacetck.dsp.connector.transfer.initiate.url": hook + hooks.TRANSFERS,
        "dataspacetck.dsp.default.wait": "30",
    }
