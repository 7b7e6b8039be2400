"""Sources of a node as its settings state them."""

from __future__ import annotations

from connector.config import Settings
from connector.domain.catalog.connection import connections
from connector.domain.catalog.source import FOLDER
from connector.sources.places import Places
from connector.sources.snapshots import HomeSources
from connector.store.files import keys


def sources_of(settings: Settings) -> HomeSources:
    """Return the port `Sources`; nothing is read but the settings.

    Raises:
        ConfigurationInvalid: a connection is not stated as its kind demands.
    """
    connections(settings.connections)
    places = Places(settings.home, settings.connections, keys.read_private_file)
    return HomeSources(settings.path(FOLDER), settings.snapshot_bytes, places)
