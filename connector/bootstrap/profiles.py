"""The profiles that the settings list, read once at start."""

from __future__ import annotations

from connector.config import FILE_NAME, Settings
from connector.errors import ConfigurationInvalid
from connector.jsonld.profiles import NoProfile, Profile, Profiles, profile

MEND = f"correct the file, or remove it from `profiles` in {FILE_NAME}"


def read(settings: Settings) -> Profiles:
    """Return the profiles of a node.

    Raises:
        ConfigurationInvalid: one cannot be read, or is none.
    """
    return Profiles(tuple(one(settings, name) for name in settings.profiles))


def one(settings: Settings, name: str) -> Profile:
    """Return one of them.

    Raises:
        ConfigurationInvalid: it cannot be read, or is none.
    """
    try:
        return profile(name, settings.path(name).read_bytes())
    except (OSError, ValueError) as exc:  # the latter: a name that no file can have
        said = getattr(exc, "strerror", None) or str(exc)
        raise ConfigurationInvalid(f"profile `{name}` cannot be read: {said}", hint=MEND) from exc
    except NoProfile as exc:
        raise ConfigurationInvalid(f"profile `{name}`: {exc}", hint=MEND) from exc
