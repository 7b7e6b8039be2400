"""Folders that settings give out, which hold nothing that the node keeps to itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connector.config import Settings
from connector.errors import ConfigurationInvalid
from connector.services.storage import given_out
from tests.support.each import over

OWN = [
    *(".", "", "..", "keys", "keys/old", "run", "jobs/tried", "data/../keys", "extracts"),
    *("leads-to-keys", "leads-home", "/", "secrets"),
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    for name in ("data", "keys", "theme"):
        (home / name).mkdir(parents=True)
    (home / "leads-to-keys").symlink_to(home / "keys")
    (home / "leads-home").symlink_to(tmp_path)
    (home / "leads-away").symlink_to(tmp_path / "elsewhere")
    key = "file:secrets/signing.pem"
    return Settings(home=home, did="did:web:a.example", name="A", signing_key=key)


@over("folder", OWN)
def test_a_folder_with_files_of_the_node_is_not_given_out(settings: Settings, folder: str) -> None:
    asked = replace(settings, console_folders=("data", folder), console_theme=folder)
    for name in ("console_folders", "console_theme") if folder else ("console_folders",):
        with pytest.raises(ConfigurationInvalid, match=f"`{name}` names"):
            given_out.folders(asked, name)


@over("folder", ["data", "data/2026", "/srv/data", "leads-away", "theme", "nothing"])
def test_a_folder_of_its_own_is(settings: Settings, folder: str) -> None:
    asked = replace(settings, console_folders=(folder,), console_theme=folder)
    (found,) = given_out.folders(asked, "console_folders")
    assert found == (settings.home / folder).resolve()
    assert given_out.folders(asked, "console_theme") == (found,)
    assert given_out.folders(settings, "console_theme") == ()


def test_a_theme_has_a_style_sheet(settings: Settings) -> None:
    asked = replace(settings, console_theme="theme")
    with pytest.raises(ConfigurationInvalid, match=r"where no `theme\.css` is"):
        given_out.theme(asked)
    (settings.home / "theme" / "theme.css").write_text("")
    assert given_out.theme(asked) == (settings.home / "theme").resolve()
    assert given_out.theme(settings) is None
