"""Errors in French: the labels, what click says of a wrong use, and the causes of refusals."""

from __future__ import annotations

import json
from pathlib import Path

import click
from click.testing import CliRunner

from connector.cli.exits import Exit
from connector.cli.french import reason_of, spoken, usage
from connector.errors import PolicyInvalid
from policies_odrl import OdrlError
from tests.support.command import invoked
from tests.support.each import over


@click.command(name="try")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--count", type=int)
@click.option("--share", type=float)
@click.option("--most", type=click.IntRange(1, 9))
@click.option("--kind", type=click.Choice(["a", "b"]))
@click.option("--folder", type=click.Path(exists=True, file_okay=False))
@click.option("--flag", is_flag=True)
@click.option("--needed", required=True)
def _try(**_: object) -> None:
    """Take words of every sort."""


@over(("words", "french"), [
        ("", "il manque l'argument 'FILE'"),
        ("{file}", "il manque l'option '--needed'"),
        ("{file} x --needed 1", "argument de trop : x"),
        ("{file} x y --needed 1", "argument de trop : x y"),
        ("{file} --need 1",
         "l'option '--need' n'existe pas ; vouliez-vous dire '--kind', '--needed' ?"),
        ("{file} --zzzzzz 1", "l'option '--zzzzzz' n'existe pas"),
        ("{file} --needed", "l'option '--needed' attend une valeur"),
        ("{file} --flag=1", "l'option '--flag' ne prend pas de valeur"),
        ("{tmp}/no --needed 1", "valeur refusée pour 'FILE' : le fichier '{tmp}/no' n'existe pas"),
        ("{tmp} --needed 1", "valeur refusée pour 'FILE' : '{tmp}' est un dossier"),
        ("{file} --folder {file}", "valeur refusée pour '--folder' : '{file}' est un fichier"),
        ("{file} --folder {tmp}/none",
         "valeur refusée pour '--folder' : le dossier '{tmp}/none' n'existe pas"),
        ("{file} --count x", "valeur refusée pour '--count' : 'x' n'est pas un nombre entier"),
        ("{file} --most x", "valeur refusée pour '--most' : 'x' n'est pas un nombre entier"),
        ("{file} --most 12", "valeur refusée pour '--most' : 12 n'est pas dans 1<=x<=9"),
        ("{file} --share x", "valeur refusée pour '--share' : 'x' n'est pas un nombre"),
        ("{file} --kind c", "valeur refusée pour '--kind' : 'c' n'est aucun de 'a', 'b'"),
    ])  # fmt: skip
def test_what_click_says_is_said_in_french(words: str, french: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    places = {"tmp": tmp_path, "file": file}
    given = words.format(**places).split()
    done = CliRunner().invoke(_try, given, standalone_mode=False)
    assert isinstance(done.exception, click.UsageError)
    assert usage(" ".join(done.exception.format_message().split())) == french.format(**places)


def test_what_is_not_in_the_table_is_said_as_it_is() -> None:
    assert usage("Something else.") == "Something else"
    assert usage("Invalid value: Something else.") == "valeur refusée : Something else"


def test_the_language_is_that_of_the_words() -> None:
    for words in ("x --lang fr", "--language fr x", "x --lang=fr", "--language=fr"):
        assert spoken(words.split()) == "fr"
    for words in ("", "fr", "--lang en", "--lang", "--name --lang de fr", "--lange fr"):
        assert spoken(words.split()) == "en"


@over("verb", ["check", "new", "write", "simulate", "explain", "counter"])
def test_a_wrong_use_is_told_in_the_language_asked_for(verb: str) -> None:
    french = invoked(["policy", verb, "--nothing", "--lang", "fr"])
    assert french.exit_code == Exit.USAGE
    wrong, hint = french.stderr.splitlines()
    assert wrong == "erreur CONFIGURATION_INVALID : l'option '--nothing' n'existe pas"
    assert hint == f"conseil : `preau policy {verb} --help` explique"
    assert "No such option" in invoked(["policy", verb, "--nothing"]).stderr


def test_json_has_the_french_reason_too() -> None:
    done = invoked(["policy", "check", "--lang", "fr", "--json"])
    assert json.loads(done.stderr)["reason"] == "il manque l'argument 'FILE'"
    assert done.exit_code == Exit.USAGE


def test_the_reason_of_the_cause_is_said_in_french() -> None:
    fault = PolicyInvalid("`x`: no rule")
    fault.__cause__ = OdrlError("no rule", french="aucune règle")
    assert reason_of(fault, "fr") == "`x`: aucune règle"
    assert reason_of(fault, "en") == "`x`: no rule"
    assert reason_of(PolicyInvalid("`x`: no rule"), "fr") == "`x`: no rule"
