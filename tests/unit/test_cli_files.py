"""Files of the operator: read whole, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.cli.files import read_bytes, read_object
from connector.errors import ConfigurationInvalid
from connector.language.catalog import translated
from tests.support.each import over

BAD: dict[str, tuple[str, str]] = {
    "a member twice": ('{"prohibition": [1], "prohibition": [2]}', "`prohibition` occurs"),
    "a member twice further down": ('{"permission": [{"a": 1, "a": 2}]}', "`a` occurs twice"),
    "no number": ('{"a": NaN}', "`NaN` is not a number"),
    "infinity": ('{"a": -Infinity}', "`-Infinity` is not a number"),
    "a number that is too large": ('{"a": [1e999]}', "a number without a finite value"),
    "half of a character": ('{"a": "\\ud800"}', "unpaired surrogate"),
    "nested too deep": ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deep"),
    "no object": ("[1]", "does not hold a JSON object"),
    "no JSON": ("{", "is not JSON"),
}


@over("name", BAD)
def test_what_would_be_read_otherwise_than_written_is_refused(tmp_path: Path, name: str) -> None:
    text, reason = BAD[name]
    file = tmp_path / "terms.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationInvalid) as caught:
        read_object(file)
    assert reason in caught.value.reason
    assert "\n" not in caught.value.reason


def test_a_table_nested_too_deep_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "terms.toml"
    file.write_text("a = " + "[" * 10_000 + "]" * 10_000, encoding="utf-8")
    with pytest.raises(ConfigurationInvalid, match="nested too deep"):
        read_object(file)


@pytest.mark.parametrize("value", ["inf", "nan", "2026-01-01", "12:00:00", "2026-01-01T00:00:00Z"])
def test_a_table_that_no_message_can_carry_is_refused(tmp_path: Path, value: str) -> None:
    file = tmp_path / "description.toml"
    file.write_text(f"[a]\nb = {value}\n", encoding="utf-8")
    with pytest.raises(ConfigurationInvalid, match=r"holds a (number|date)"):
        read_object(file)
    file.write_text(f'[a]\nb = "{value}"\n', encoding="utf-8")
    assert read_object(file) == {"a": {"b": value}}


def test_an_object_or_a_table_is_read(tmp_path: Path) -> None:
    file = tmp_path / "terms.json"
    file.write_text(
        '{"a": [{"b": 1}, {"b": 2}], "b": 1.5, "c": "\\ud83c\\udfeb"}', encoding="utf-8"
    )
    assert read_object(file) == {"a": [{"b": 1}, {"b": 2}], "b": 1.5, "c": "🏫"}
    table = tmp_path / "terms.toml"
    table.write_text("a = 1\n[b]\na = 2\n", encoding="utf-8")
    assert read_object(table) == {"a": 1, "b": {"a": 2}}


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    for read in (read_object, read_bytes):
        with pytest.raises(ConfigurationInvalid, match="cannot read"):
            read(tmp_path / "missing.json")
    with pytest.raises(ConfigurationInvalid, match="cannot read"):
        read_bytes(Path("a\0b"))


FRENCH = {
    "a.json": [
        ('{"a": 1, "a": 2}', "`a` y figure deux fois"),
        ('{"a": NaN}', "`NaN` n'est pas un nombre"),
        ('{"a": [1e999]}', "un nombre sans valeur finie"),
        ('{"a": "\\ud800"}', "un demi-codet isolé"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "trop imbriqué"),
        ("[1]", "ne contient pas un objet JSON"),
        ("{", "n'est pas du JSON\N{NO-BREAK SPACE}: un nom entre guillemets est attendu, ligne 1"),
    ],
    "a.toml": [
        ("a = [", "n'est pas du TOML\N{NO-BREAK SPACE}: valeur non admise (à la fin du document)"),
        ("a = 2026-01-01", "une date"),
    ],
}


@over(("name", "text", "reason"), [(name, *row) for name, rows in FRENCH.items() for row in rows])
def test_what_is_wrong_is_said_in_french(tmp_path: Path, name: str, text: str, reason: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationInvalid) as caught:
        read_object(file)
    assert reason in translated(caught.value.reason, "fr")
