"""The institution's provider of logins, as the settings name it, and what asks it."""

from __future__ import annotations

from functools import partial
from typing import Final
from urllib.parse import urlsplit

from connector.config import Settings
from connector.domain.provider import Provider
from connector.peer.web.client import GuardedWeb
from connector.ports import Ports
from connector.services.access.institution import Institution
from connector.store.files import keys

SECONDS: Final = 5.0  # longest exchange; a login has four at most


def web(settings: Settings, provider: Provider) -> GuardedWeb:
    """Return what asks a provider; the host that the settings name may be inside.

    Raises:
        AddressForbidden: the file of extra roots cannot be read.
    """
    host = urlsplit(provider.issuer).hostname or ""
    return GuardedWeb.of(settings, own=(host,), seconds=SECONDS)


def institution(ports: Ports, provider: Provider, address: str) -> Institution:
    """Return what logs persons in.

    Args:
        ports: of the node.
        provider: that the settings name.
        address: at which browsers reach the console, without a path.

    Raises:
        AddressForbidden: the file of extra roots cannot be read.
    """
    from connector.console.pages.door import RETURN  # noqa: PLC0415 - of a node with a console

    settings = ports.settings
    secret = partial(keys.read_private_file, settings.path(provider.secret_file))
    return Institution(ports, provider, web(settings, provider), secret, f"{address}{RETURN}")
