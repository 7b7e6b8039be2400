"""A job's manifest in plain words, in English and French, for persons who decide on it.

Rules: each sentence follows from the manifest alone; long lists are cut and say so, the JSON beside
them is whole. One table of sentences for each language, by kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from federated.job import JobManifest
from federated.task.engine import EXACT
from federated.task.evaluation import HELD_OUT
from federated.task.feature import VALUE, Feature, NumberFeature
from federated.task.target import Category as CategoryTarget
from federated.task.target import Classes, Count, Number, Target, ThresholdByGroup
from federated.task.target import Threshold as ThresholdTarget

_MOST: Final = 8  # of a list that is written out
_ENGLISH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "who": "`{lead}` trains a model, for the purpose {purpose}",
        "binary": "predicts whether `{column}` is 1",
        "category": "predicts whether `{column}` is one of {values}",
        "threshold": "predicts whether `{column}` lies above {above:g}",
        "threshold-by-group": "predicts whether `{column}` lies above a limit by `{by}`: {values}",
        "classes": "predicts which of these `{column}` is: {values}",
        "number": "predicts `{column}`, from {low:g} to {high:g}",
        "count": "predicts the count `{column}`, up to {most}",
        "features": "inputs: {values}",
        "number feature": "`{column}` from {low:g} to {high:g}{missing}",
        "category feature": "`{column}` of {values}{missing}",
        "indicator": ", missing is an input",
        "value": ", missing counts as {value}",
        "refuse": ", rows without it take no part",
        "nothing": "",
        "more": "{count} more",
        "linear": "model: linear regression",
        "logistic": "model: logistic regression",
        "softmax": "model: logistic regression of several classes",
        "poisson": "model: Poisson regression",
        "mlp": "model: dense net, hidden layers {hidden} ({activation})",
        "embedding": "model: tables of {width} for categories, hidden layers {hidden} "
        "({activation})",
        "rounds": "in {rounds} rounds of {steps} steps, with {sites} sites, {quorum} at least, "
        "until {deadline}",
        "step": "each step draws a person with probability {rate:g}, clips to {clip:g} and adds "
        "noise of {noise:g} times that",
        "unit": "ε protects a person: all rows of one `{column}`, of which {rows} at most are used",
        "evaluation": "evaluated {times} times on {share:.0%} of the persons, held out, with noise "
        "of {noise:g} persons a cell, within the same ε",
        "exact": "the last model is evaluated on {share:.0%} of the persons, held out, by exact "
        "counts summed over three sites at least: NOT DP, outside ε",
        "none": "not evaluated at the sites",
        "start": "starts from the public model `{source}`",
        "opacus": "the gradient of each person is computed by torch with Opacus",
    }
)
_FRENCH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "who": "`{lead}` entraîne un modèle, pour la finalité {purpose}",
        "binary": "prédit si `{column}` vaut 1",
        "category": "prédit si `{column}` est parmi {values}",
        "threshold": "prédit si `{column}` dépasse {above:g}",
        "threshold-by-group": "prédit si `{column}` dépasse un seuil selon `{by}` : {values}",
        "classes": "prédit laquelle de ces valeurs a `{column}` : {values}",
        "number": "prédit `{column}`, de {low:g} à {high:g}",
        "count": "prédit le nombre `{column}`, jusqu'à {most}",
        "features": "entrées : {values}",
        "number feature": "`{column}` de {low:g} à {high:g}{missing}",
        "category feature": "`{column}` parmi {values}{missing}",
        "indicator": ", l'absence est une entrée",
        "value": ", absente elle compte comme {value}",
        "refuse": ", les lignes sans elle ne comptent pas",
        "nothing": "",
        "more": "{count} de plus",
        "linear": "modèle : régression linéaire",
        "logistic": "modèle : régression logistique",
        "softmax": "modèle : régression logistique à plusieurs classes",
        "poisson": "modèle : régression de Poisson",
        "mlp": "modèle : réseau dense, couches cachées {hidden} ({activation})",
        "embedding": "modèle : tables de {width} pour les catégories, couches cachées {hidden} "
        "({activation})",
        "rounds": "en {rounds} tours de {steps} pas, avec {sites} sites, {quorum} au moins, "
        "jusqu'au {deadline}",
        "step": "chaque pas tire une personne avec la probabilité {rate:g}, borne à {clip:g} et "
        "ajoute un bruit de {noise:g} fois cette borne",
        "unit": "ε protège une personne : toutes les lignes d'un même `{column}`, dont {rows} au "
        "plus servent",
        "evaluation": "évalué {times} fois sur {share:.0%} des personnes, tenues à l'écart, avec "
        "un bruit de {noise:g} personnes par case, dans le même ε",
        "exact": "le dernier modèle est évalué sur {share:.0%} des personnes, tenues à l'écart, "
        "par des effectifs exacts sommés sur au moins trois sites : PAS de confidentialité "
        "différentielle, hors d'ε",
        "none": "pas évalué sur les sites",
        "start": "part du modèle public `{source}`",
        "opacus": "le gradient de chaque personne est calculé par torch avec Opacus",
    }
)
_LANGUAGES: Final = MappingProxyType({"en": _ENGLISH, "fr": _FRENCH})


def sentences(manifest: JobManifest) -> dict[str, list[str]]:
    """Return a manifest in plain words, by language."""
    return {language: list(_lines(manifest, say)) for language, say in _LANGUAGES.items()}


def _lines(manifest: JobManifest, say: Mapping[str, str]) -> Iterator[str]:
    privacy, model, asked = manifest.privacy, manifest.model, manifest.evaluation
    yield say["who"].format(lead=manifest.lead, purpose=manifest.purpose)
    yield say[manifest.target.kind].format(**_target(manifest.target, say))
    features = [_feature(each, say) for each in manifest.features]
    yield say["features"].format(values=listed(features, say, "; "))
    hidden = ", ".join(map(str, model.hidden)) or "0"
    yield say[model.kind].format(hidden=hidden, activation=model.activation, width=model.width)
    yield say["rounds"].format(
        rounds=manifest.rounds,
        steps=manifest.steps_per_round,
        sites=len(manifest.sites),
        quorum=manifest.quorum,
        deadline=manifest.deadline.strftime("%Y-%m-%d %H:%M UTC"),
    )
    yield say["step"].format(
        rate=privacy.sampling_rate, clip=privacy.clip, noise=privacy.noise_multiplier
    )
    yield say["unit"].format(column=manifest.unit.column, rows=manifest.unit.rows)
    if asked is None:
        yield say["none"]
    elif asked.exact:
        yield say["exact"].format(share=HELD_OUT)
    else:
        times, noise = asked.times(manifest.rounds), asked.noise_multiplier
        yield say["evaluation"].format(times=times, share=HELD_OUT, noise=noise)
    if manifest.start is not None:
        yield say["start"].format(source=manifest.start.source)
    if manifest.engine != EXACT:
        yield say[manifest.engine]


def _target(target: Target, say: Mapping[str, str]) -> dict[str, Any]:
    """Return what the sentence of a target names."""
    named: dict[str, Any] = {"column": target.column}
    match target:
        case CategoryTarget():
            named["values"] = listed(target.positive, say)
        case ThresholdTarget():
            named["above"] = target.above
        case ThresholdByGroup():
            limits = [f"{value} {limit:g}" for value, limit in target.thresholds]
            named |= {"by": target.by, "values": listed(limits, say)}
        case Classes():
            named["values"] = listed(target.values, say)
        case Number():
            named |= {"low": target.low, "high": target.high}
        case Count():
            named["most"] = target.most
    return named


def _feature(feature: Feature, say: Mapping[str, str]) -> str:
    kind, value = feature.missing.kind, feature.missing.value
    counted = (f"{value:g}" if isinstance(value, float) else value) if kind == VALUE else ""
    missing = say[kind].format(value=counted)
    if isinstance(feature, NumberFeature):
        bounds = {"low": feature.low, "high": feature.high}
        return say["number feature"].format(column=feature.column, missing=missing, **bounds)
    values = listed(feature.values, say)
    return say["category feature"].format(column=feature.column, missing=missing, values=values)


def listed(values: Sequence[str], say: Mapping[str, str], mark: str = ", ") -> str:
    """Return a list that is cut where it is long, and says so."""
    more = len(values) - _MOST
    cut = [say["more"].format(count=more)] if more > 0 else []
    return mark.join([*values[:_MOST], *cut])
