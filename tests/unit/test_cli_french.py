"""Errors in French: the labels, what click says of a wrong use, and the causes of refusals."""

from __future__ import annotations

import json
from pathlib import Path

import click
from click.testing import CliRunner

from connector.cli.exits import Exit
from connector.cli.speaking import speaking
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
        ("", "Il manque l'argument 'FILE'."),
        ("{file}", "Il manque l'option '--needed'."),
        ("{file} x --needed 1", "Argument de trop : x"),
        ("{file} x y --needed 1", "Arguments de trop : x y"),
        ("{file} --need 1",
         "L'option '--need' n'existe pas. (Vouliez-vous dire, au choix : '--kind', '--needed' ?)"),
        ("{file} --zzzzzz 1", "L'option '--zzzzzz' n'existe pas."),
        ("{file} --needed", "L'option '--needed' attend une valeur."),
        ("{file} --flag=1", "L'option '--flag' ne prend pas de valeur."),
        ("{tmp}/no --needed 1", "Valeur refusée pour 'FILE' : File '{tmp}/no' n'existe pas."),
        ("{tmp} --needed 1", "Valeur refusée pour 'FILE' : '{tmp}' est un dossier."),
        ("{file} --folder {file}", "Valeur refusée pour '--folder' : '{file}' est un fichier."),
        ("{file} --folder {tmp}/none",
         "Valeur refusée pour '--folder' : Directory '{tmp}/none' n'existe pas."),
        ("{file} --count x", "Valeur refusée pour '--count' : 'x' n'est pas un nombre valable."),
        ("{file} --most x", "Valeur refusée pour '--most' : 'x' n'est pas un nombre valable."),
        ("{file} --most 12", "Valeur refusée pour '--most' : 12 n'est pas dans 1<=x<=9."),
        ("{file} --share x", "Valeur refusée pour '--share' : 'x' n'est pas un nombre valable."),
        ("{file} --kind c", "Valeur refusée pour '--kind' : 'c' n'est aucun de 'a', 'b'."),
    ])  # fmt: skip
def test_what_click_says_is_said_in_french(words: str, french: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    places = {"tmp": tmp_path, "file": file}
    given = words.format(**places).split()
    with speaking(["--lang", "fr"]):
        done = CliRunner().invoke(_try, given, standalone_mode=False)
    assert isinstance(done.exception, click.UsageError)
    with speaking(["--lang", "fr"]):
        said = " ".join(done.exception.format_message().split())
    assert said == french.format(**places)


@over("verb", ["check", "new", "write", "simulate", "explain", "counter"])
def test_a_wrong_use_is_told_in_the_language_asked_for(verb: str) -> None:
    french = invoked(["policy", verb, "--nothing", "--lang", "fr"])
    assert french.exit_code == Exit.USAGE
    wrong, hint = french.stderr.splitlines()
    assert (
        wrong == "erreur CONFIGURATION_INVALID\N{NO-BREAK SPACE}: L'option '--nothing' n'existe pas"
    )
    assert hint == f"conseil\N{NO-BREAK SPACE}: `preau policy {verb} --help` explique"
    assert "No such option" in invoked(["policy", verb, "--nothing"]).stderr


def test_json_has_the_french_reason_too() -> None:
    done = invoked(["policy", "check", "--lang", "fr", "--json"])
    assert json.loads(done.stderr)["reason"] == "Il manque l'argument 'FILE'"
    assert done.exit_code == Exit.USAGE
