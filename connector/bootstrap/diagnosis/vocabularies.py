"""What `preau doctor` finds of the profiles that the settings list."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from connector.bootstrap import profiles
from connector.bootstrap.mechanisms import MECHANISMS
from connector.config import Settings
from connector.enforcement.mechanism import Mechanisms
from connector.errors import ConfigurationInvalid
from connector.services.health.diagnose import FAIL, OK, Check

_NAME = "profiles"


def checks(settings: Settings) -> list[Check]:
    """Look at each profile; it is shown by its names, and by the digest that contracts state."""
    return [_check(settings, name) for name in settings.profiles]


def mechanisms(settings: Settings) -> Mechanisms:
    """Return what the node upholds; without profiles where `checks` finds one at fault."""
    with suppress(ConfigurationInvalid):
        return replace(MECHANISMS, profiles=profiles.read(settings))
    return MECHANISMS


def _check(settings: Settings, name: str) -> Check:
    try:
        found = profiles.one(settings, name)
    except ConfigurationInvalid as exc:
        return Check(_NAME, FAIL, exc.reason, exc.hint)
    names = ", ".join(sorted(found.knowledge.profiles))
    return Check(_NAME, OK, f"`{name}` declares {names}, SHA-256 {found.digest}")
