"""A request for a use in plain words, in English and French, for persons who decide on it.

Rules: each sentence follows from the signed request and the steps of the signed plan; long lists
are cut and say so, the JSON beside them is whole. One table of sentences for each language.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from connector.enforcement.asked import Asked, spends
from connector.enforcement.steps.refer import Refer
from connector.enforcement.steps.request import TableRequest
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.terms import PURPOSE
from connector.services.approval.words.jobs import listed

Words = Mapping[str, str]
_ENGLISH: Final[Words] = MappingProxyType(
    {
        "who": "`{consumer}` asks for {what}, for the purpose {purpose}",
        "no purpose": "(none stated)",
        "referral": "a referral to `{party}`, and no data",
        "sums": "a part of sums over sites, without noise, under masks",
        "rows": "rows, as {level}",
        "table": "a table of cells, as {level}",
        "columns": "columns: {values}",
        "measures": "measures: {values}",
        "count": "number of rows",
        "persons": "number of persons",
        "count of": "number of values of `{column}`",
        "sum of": "sum of `{column}`",
        "mean of": "mean of `{column}`",
        "moments": "sums of products of each two of {values}, by their public ranges",
        "dimensions": "a cell for each value of {values}",
        "one cell": "one cell for all rows",
        "bins": "`{name}` in {count} equal bins of its public range",
        "anyOf": "only rows where `{column}` is one of {values}",
        "noneOf": "only rows where `{column}` is none of {values}",
        "atLeast": "only rows where `{column}` is at least {values}",
        "atMost": "only rows where `{column}` is at most {values}",
        "plan": "by the contract, {rest}",
        "totals": "with the sums over each dimension",
        "minimum": "cells of fewer than {minimum} persons are withheld",
        "coarser": "made coarser before: {values}",
        "pseudonyms": "replaced by pseudonyms: {values}",
        "laplace": "discrete Laplace noise in each figure, of standard deviation {values}",
        "gauss": "discrete Gaussian noise in each figure, of standard deviation {values}",
        "bounded": "at most {rows} rows of one person count",
        "exact": "no noise: figures are exact, or rounded as the contract says",
        "over": "sums of {values} over {sites} sites",
        "joins": "a session is joined: nothing of the rows leaves yet",
        "more": "{count} more",
    }
)
_FRENCH: Final[Words] = MappingProxyType(
    {
        "who": "`{consumer}` demande {what}, pour la finalité {purpose}",
        "no purpose": "(aucune déclarée)",
        "referral": "une mise en relation avec `{party}`, et aucune donnée",
        "sums": "une part de sommes sur plusieurs sites, sans bruit, sous masques",
        "rows": "des lignes, au niveau {level}",
        "table": "un tableau de cases, au niveau {level}",
        "columns": "colonnes : {values}",
        "measures": "mesures : {values}",
        "count": "nombre de lignes",
        "persons": "nombre de personnes",
        "count of": "nombre de valeurs de `{column}`",
        "sum of": "somme de `{column}`",
        "mean of": "moyenne de `{column}`",
        "moments": "sommes des produits deux à deux de {values}, selon leurs intervalles publics",
        "dimensions": "une case par valeur de {values}",
        "one cell": "une seule case pour toutes les lignes",
        "bins": "`{name}` en {count} classes égales de son intervalle public",
        "anyOf": "seulement les lignes où `{column}` est parmi {values}",
        "noneOf": "seulement les lignes où `{column}` n'est pas parmi {values}",
        "atLeast": "seulement les lignes où `{column}` vaut au moins {values}",
        "atMost": "seulement les lignes où `{column}` vaut au plus {values}",
        "plan": "par le contrat, {rest}",
        "totals": "avec les sommes sur chaque dimension",
        "minimum": "les cases de moins de {minimum} personnes sont masquées",
        "coarser": "rendus moins fins avant : {values}",
        "pseudonyms": "remplacés par des pseudonymes : {values}",
        "laplace": "bruit de Laplace discret dans chaque chiffre, d'écart type {values}",
        "gauss": "bruit gaussien discret dans chaque chiffre, d'écart type {values}",
        "bounded": "au plus {rows} lignes d'une même personne comptent",
        "exact": "aucun bruit : les chiffres sont exacts, ou arrondis comme le dit le contrat",
        "over": "sommes de {values} sur {sites} sites",
        "joins": "une session est rejointe : rien des lignes ne sort encore",
        "more": "{count} de plus",
    }
)
_LANGUAGES: Final = MappingProxyType({"en": _ENGLISH, "fr": _FRENCH})


def sentences(asked: Asked, steps: TableSteps | Refer) -> dict[str, list[str]]:
    """Return a request in plain words, by language.

    Args:
        asked: the request.
        steps: of the plan, which it is within.

    Raises:
        TableRefused: it is beyond them.
    """
    return {language: list(_lines(asked, steps, say)) for language, say in _LANGUAGES.items()}


def _lines(asked: Asked, steps: TableSteps | Refer, say: Words) -> Iterator[str]:
    purpose = ", ".join(asked.stated.get(PURPOSE, ())) or say["no purpose"]
    what = _what(asked, steps, say)
    yield say["who"].format(consumer=asked.consumer, what=what, purpose=purpose)
    if isinstance(steps, Refer):
        return
    if asked.sums is not None:
        members, columns = asked.sums.members, _quoted(asked.sums.columns, say)
        yield say["over"].format(values=columns, sites=len(members)) if members else say["joins"]
    elif asked.cells is None:
        columns = _quoted(asked.columns or steps.minimise.columns, say)
        yield say["columns"].format(values=columns)
    else:
        yield from _table(asked.cells, say)
    yield from _plan(asked, steps, say)


def _what(asked: Asked, steps: TableSteps | Refer, say: Words) -> str:
    if isinstance(steps, Refer):
        return say["referral"].format(party=steps.party)
    kind = "sums" if asked.sums else "table" if asked.cells else "rows"
    return say[kind].format(level=steps.release.level)


def _table(cells: TableRequest, say: Words) -> Iterator[str]:
    """Yield what a table has: measures, dimensions, filters."""
    if cells.measures:
        measures = [
            say[f"{each.function} of" if each.column else each.function].format(column=each.column)
            for each in cells.measures
        ]
        yield say["measures"].format(values=listed(measures, say))
    if cells.moments:
        yield say["moments"].format(values=_quoted(cells.moments, say))
    if cells.dimensions:
        yield say["dimensions"].format(values=_quoted(cells.dimensions, say))
    else:
        yield say["one cell"]
    for name, count in cells.bins.items():
        yield say["bins"].format(name=name, count=count)
    for test in cells.filters:
        values = listed(list(map(str, test.values)), say)
        yield say[test.test].format(column=test.column, values=values)
    if cells.totals:
        yield say["totals"]


def _plan(asked: Asked, steps: TableSteps, say: Words) -> Iterator[str]:
    """Yield what the steps of the plan do to what is asked."""
    for test in steps.minimise.rows:
        values = listed(list(map(str, test.values)), say)
        rest = say[test.test].format(column=test.column, values=values)
        yield say["plan"].format(rest=rest)
    for key, columns in (("pseudonyms", steps.pseudonyms), ("coarser", steps.generalised)):
        if columns:
            yield say[key].format(values=_quoted(columns, say))
    if steps.aggregate is not None and steps.aggregate.minimum > 1:
        yield say["minimum"].format(minimum=steps.aggregate.minimum)
    if asked.cells is None:
        return
    spent = spends(asked, steps)
    if spent is None:
        yield say["exact"]
        return
    deviations = [f"{name} {value:.3g}" for name, value in spent.deviations.items()]
    kind = "gauss" if spent.request.delta else "laplace"
    yield say[kind].format(values=listed(deviations, say))
    yield say["bounded"].format(rows=spent.noise.rows_per_person)


def _quoted(names: Iterable[str], say: Words) -> str:
    return listed([f"`{name}`" for name in names], say)
