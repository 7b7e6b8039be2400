"""Names of others on pages in French: said as they are, whatever our catalog has; ours are not."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from connector.console.downloads import as_ods
from connector.console.pages import accessibility, filling
from connector.console.pages.author import trials
from connector.console.pages.listing import listed
from connector.console.pages.operator import node
from connector.console.pages.scientist import cells
from connector.console.pages.steward import persons
from connector.console.pages.wording import contracts, typed
from connector.console.parts import Field, Form, Notice, Page, Part, Table, named, tables
from connector.console.rendering import Renderer
from connector.console.visit import Visit
from connector.domain.page import Damaged
from connector.domain.page import Page as Some
from connector.language.catalog import translated
from connector.language.matching import Naming, verbatim
from connector.services.health.watching import Health
from connector.services.privacy.suppression import Choice
from connector.services.publication import publish
from tests.support.console import browsers, text_of
from tests.support.each import over
from tests.support.link import description, link

NAMES = ("state", "closed", "Home", "yes")
VISIT = Visit(None, None, "fr", "/x", {}, {}, node_name="Home", contact="closed")


def french(*made: Part) -> str:
    return Renderer("node", theme=False).page(Page("Datasets", made), VISIT, [])


def form(*fields: Field) -> Form:
    return Form("Filter", "/x", fields, "show")


def unchanged(page: str, names: Iterable[str] = NAMES) -> bool:
    return all(f">{name}<" in page for name in names)


def test_our_words_of_that_spelling_are_translated() -> None:
    fields = [Field("a", name, kind="choice", choices=[("x", name)]) for name in NAMES]
    page = french(form(*fields), Table("T", NAMES, [NAMES], ""))
    for name in NAMES:
        assert translated(name, "fr") != name
        assert page.count(f">{translated(name, 'fr')}<") == 3, name  # label, choice and heading
        assert page.count(f">{name}<") == 1, name  # the cell


@over("kind", ["choice", "several"])
def test_what_others_named_is_chosen_by_its_name(kind: str) -> None:
    assert unchanged(french(form(Field("a", "column", kind=kind, choices=named(NAMES)))))
    register = persons._register(Some(tuple(Choice(each, ()) for each in NAMES), ""))
    assert unchanged(french(form(register)))
    assert unchanged(french(trials.under(NAMES, {}, {})))


def test_columns_of_a_template_are_called_as_they_are() -> None:
    found = next(
        each
        for each in (filling.chosen(name) for name, _ in filling.choices("fr"))
        if any(part.name == "columns" for part in each.parameters)
    )
    fields = filling.fields(found, {}, "fr", NAMES, NAMES)
    assert unchanged(french(form(*fields)))


def test_a_name_within_our_words_stays() -> None:
    said = partial(translated, language="fr")
    odd = "yes` or `no"
    assert said(cells._named(f"sum:{odd}")) == f"somme de `{odd}`"
    assert said(cells._named("count")) != "count"
    damaged = listed(
        "T",
        ("state",),
        Some((), "", (Damaged("closed", "ROW_DAMAGED: x"),)),
        lambda _: (),
        empty="",
        name="t",
        visit=VISIT,
    )
    (line,) = tables(damaged)[0].lost
    assert said(line).startswith("closed")
    assert said(line) != line
    statement = french(*accessibility.statement(VISIT).parts)
    assert "Accueil" not in statement
    assert "Home s&#39;engage" in statement
    dead = node.said(Health(("jobs",), (), {}, ()))
    assert isinstance(dead, Notice)
    assert said(dead.text).endswith("jobs")
    assert said(Naming("layers in force: {names}", names="state")).endswith("state")
    assert said(verbatim("{closed}")) == "{closed}"


def test_types_that_are_not_ours_and_contracts_are_named() -> None:
    assert unchanged(french(Table("T", ("a",), [(typed(name),) for name in NAMES], "")))
    assert ">nombre<" in french(Table("T", ("a",), [(typed("number"),)], ""))
    assert contracts((), VISIT) == []


def test_what_links_say_in_words_of_ours_is_in_the_language_of_the_page() -> None:
    """The page says those of `Ways`; in cells a link is called by the name of something."""

    def calls(tree: ast.AST, name: str) -> list[ast.Call]:
        found = (each for each in ast.walk(tree) if isinstance(each, ast.Call))
        return [each for each in found if getattr(each.func, "id", "") == name]

    said = 0
    for file in Path(node.__file__).parents[1].rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        words = [each for each in calls(tree, "Link") if isinstance(each.args[0], ast.Constant)]
        within = {each for ways in calls(tree, "Ways") for each in calls(ways, "Link")}
        if file.name != "findings.py":  # which says its link beside a form, as `Ways` are
            assert within.issuperset(words), file
        said += len(words)
    assert said > 3


def test_columns_of_a_table_head_it_on_the_page_and_in_a_spreadsheet() -> None:
    table = Table("T", [verbatim(name) for name in NAMES], [NAMES], "")
    assert unchanged(french(table))
    say = partial(translated, language="fr")
    assert b"".join(as_ods(iter((table,)), say)) == b"".join(as_ods(iter((table,)), str))
    ours = replace(table, headings=NAMES)
    assert b"".join(as_ods(iter((ours,)), say)) != b"".join(as_ods(iter((ours,)), str))


def test_a_file_with_columns_of_such_names_is_described_in_french(tmp_path: Path) -> None:
    with link(tmp_path) as pair:
        file = pair.school.home / "data" / "names.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = (f"p{n},{n % 4},{n % 3},{n % 2}\n" for n in range(40))
        file.write_text("state,closed,Home,yes\n" + "".join(rows), encoding="utf-8")
        publish.publish(pair.school.ports, description(pair.folder, title="Home"))
        with browsers(pair.school.ports, "steward") as (steward,):
            page = steward.get("/publish/source?place=data/names.csv", accept_language="fr").text
            for name in NAMES:
                assert f">{name}</option>" in page
                assert f">{name}</th>" in page
            assert ">oui</option>" in page
            listed = steward.get("/datasets", accept_language="fr")
            assert ">Home</td>" in listed.text
            assert ">Accueil</a>" in listed.text, text_of(listed)
