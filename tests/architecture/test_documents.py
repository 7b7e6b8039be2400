"""The manual names every error code, every setting and every state; the README's map is true."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import fields
from pathlib import Path

from connector import errors
from connector.config import Settings
from connector.domain.contract.negotiation import NegotiationState

ROOT = Path(__file__).parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_error_code_is_documented() -> None:
    page = text("docs/reference/errors.md")
    assert [c.code for c in errors.subclasses() if f"`{c.code}`" not in page] == []


def test_every_setting_is_documented() -> None:
    page = text("docs/reference/settings.md")
    names = [f.name for f in fields(Settings) if f.name != "home"]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_state_is_documented() -> None:
    page = text("docs/reference/negotiation.md")
    assert [s.value for s in NegotiationState if s.value not in page] == []


def test_folders_of_the_readme_exist() -> None:
    folders = re.findall(r"^\| `([\w/.]+/)` \|", text("README.md"), flags=re.MULTILINE)
    assert len(folders) > 10
    assert [name for name in folders if not (ROOT / name).is_dir()] == []


def test_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"`?make (\w+)", text("README.md") + text("CONTRIBUTING.md")))
    known = set(re.findall(r"^(\w+):", text("Makefile"), flags=re.MULTILINE))
    assert targets <= known
    assert {"demo", "test", "lint", "protos", "bench", "docs"} <= known


def test_tests_that_the_threat_model_names_exist() -> None:
    named = re.findall(r"`(test_\w+)::(test_\w+)`", text("docs/threat-model.md"))
    assert len(named) > 50
    known = {
        (each.stem, test)
        for each in (ROOT / "tests").rglob("test_*.py")
        for test in re.findall(r"def (test_\w+)\(", each.read_text(encoding="utf-8"))
    }
    assert set(named) <= known


def test_no_registry_address_is_written_anywhere() -> None:
    spelled = ("py" + "pi.org", "python" + "hosted", "npm" + "js", "deb." + "debian")
    found = [
        str(path.relative_to(ROOT))
        for pattern in ("*.py", "*.toml", "*.md", "*.lock", "Makefile", "scripts/*", ".ci/*")
        for path in ROOT.rglob(pattern)
        if ".venv" not in path.parts
        and path.is_file()
        and any(word in path.read_text(encoding="utf-8", errors="ignore") for word in spelled)
    ]
    assert found == []


def test_generated_pages_are_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs/generate_reference.py")
    assert spec is not None
    assert spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    stale = [name for name, page in pages.PAGE_OF.items() if page() != text(f"docs/{name}")]
    assert stale == []
