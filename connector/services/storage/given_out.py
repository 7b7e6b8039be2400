"""Folders that settings give out, and the files of a home that the node keeps to itself.

Rule: no folder that others read from holds a file of the node's own, or lies among them; links are
followed first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from connector.config import FILE_NAME, Settings
from connector.domain.catalog import source
from connector.domain.catalog.connection import connections
from connector.domain.transfer import extract
from connector.errors import ConfigurationInvalid

STYLE_SHEET: Final = "theme.css"
# What is kept in each home, whatever its settings say.
_OWN: Final = (
    *(FILE_NAME, "node.sqlite", "charges.json", "keys", "run", "jobs", "copies", "profiles"),
    *(source.FOLDER, source.HIERARCHIES, extract.FOLDER),
)


def folders(settings: Settings, name: str) -> tuple[Path, ...]:
    """Return the folders that a setting gives out, links followed.

    Args:
        settings: of the node.
        name: of the setting, `console_folders` or `console_theme`; an empty text names none.

    Raises:
        ConfigurationInvalid: one holds files of the node itself, or lies among them.
    """
    stated: str | tuple[str, ...] = getattr(settings, name)
    named = tuple(filter(None, [stated])) if isinstance(stated, str) else stated
    own = [settings.path(each).resolve() for each in (*_OWN, *_private(settings))]
    found = []
    for each in named:
        root = settings.path(each).resolve()
        if any(it.is_relative_to(root) or root.is_relative_to(it) for it in own):
            raise ConfigurationInvalid(
                f"`{name}` names `{each}`, where the node keeps files of its own",
                hint="name a folder that holds nothing else",
            )
        found.append(root)
    return tuple(found)


def theme(settings: Settings) -> Path | None:
    """Return the folder of the institution's style sheet, links followed; None for none.

    Raises:
        ConfigurationInvalid: as `folders`, or the folder has no style sheet.
    """
    for found in folders(settings, "console_theme"):
        if not (found / STYLE_SHEET).is_file():
            raise ConfigurationInvalid(
                f"`console_theme` names `{settings.console_theme}`, where no `{STYLE_SHEET}` is",
                hint="put the style sheet there, or leave the setting empty",
            )
        return found
    return None


def _private(settings: Settings) -> list[str]:
    """Return the private files that settings name."""
    known = connections(settings.connections).values()
    named = (
        *(settings.signing_key.removeprefix("file:"), settings.https_key),
        *(settings.mail_password_file, *(each.options.get("secret", "") for each in known)),
    )
    return [each for each in named if each]
