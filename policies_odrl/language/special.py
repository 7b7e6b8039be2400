"""Plainer sentences for common conditions: one operand, one operator, one value without unit.

Words only, in English and French. `{values}` is the value; `{name}` its bare name; `{meaning}` says
what the number comes to, and is worked out by `meaning.py`; one of something is said as one. All
other conditions are said with the general forms of `phrases.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies_odrl.language.phrases import Pair
from policies_odrl.model import ODRL, Literal, Operator, Value
from policies_odrl.vocabulary import PREAU

SPECIAL: Final[Mapping[tuple[str, Operator], Pair]] = MappingProxyType(
    {
        (ODRL + "dateTime", Operator.LTEQ): (
            "until {values} inclusive",
            "jusqu'au {values} inclus",
        ),
        (ODRL + "dateTime", Operator.LT): (
            "before {values}",
            "avant le {values}",
        ),
        (ODRL + "dateTime", Operator.GTEQ): (
            "from {values} on",
            "à partir du {values}",
        ),
        (ODRL + "dateTime", Operator.GT): (
            "after {values}",
            "après le {values}",
        ),
        (ODRL + "dateTime", Operator.EQ): (
            "on {values} exactly",
            "le {values} exactement",
        ),
        (ODRL + "dateTime", Operator.NEQ): (
            "at any time but {values}",
            "à tout moment sauf le {values}",
        ),
        (ODRL + "event", Operator.LT): (
            "before the event {values}",
            "avant l'événement {values}",
        ),
        (ODRL + "event", Operator.GT): (
            "after the event {values}",
            "après l'événement {values}",
        ),
        (ODRL + "event", Operator.EQ): (
            "during the event {values}",
            "pendant l'événement {values}",
        ),
        (ODRL + "count", Operator.LTEQ): (
            "at most {values} times",
            "au plus {values} fois",
        ),
        (ODRL + "count", Operator.LT): (
            "fewer than {values} times",
            "moins de {values} fois",
        ),
        (ODRL + "delayPeriod", Operator.GTEQ): (
            "after waiting {values} or more",
            "après avoir attendu {values} ou plus",
        ),
        (ODRL + "elapsedTime", Operator.LTEQ): (
            "within {values} after use began",
            "dans un délai de {values} après le début de l'usage",
        ),
        (ODRL + "meteredTime", Operator.LTEQ): (
            "for {values} of use in total, or less",
            "pour {values} d'usage en tout, ou moins",
        ),
        (ODRL + "timeInterval", Operator.EQ): (
            "once every {values}",
            "une fois par période de {values}",
        ),
        (ODRL + "spatial", Operator.EQ): (
            "only in {values}",
            "seulement dans {values}",
        ),
        (PREAU + "membership", Operator.EQ): (
            "only for members of the space {values}",
            "réservé aux membres de l'espace {values}",
        ),
        (PREAU + "charter", Operator.EQ): (
            "only for those who signed the charter {values}",
            "réservé à qui a signé la charte {values}",
        ),
        (PREAU + "dpia", Operator.EQ): (
            "only with the impact assessment {values}",
            "seulement avec l'analyse d'impact {values}",
        ),
        (PREAU + "ethicsOpinion", Operator.EQ): (
            "only with the ethics opinion {values}",
            "seulement avec l'avis éthique {values}",
        ),
        (PREAU + "protectionLevel", Operator.GTEQ): (
            "data is protected at least as {values}",
            "les données sont protégées au moins comme {values}",
        ),
        (PREAU + "isolationTier", Operator.GTEQ): (
            "work is isolated at least as {values}",
            "le travail est isolé au moins comme {values}",
        ),
        (PREAU + "kAnonymity", Operator.GTEQ): (
            "each person is hidden among at least {values} who look alike (k-anonymity)",
            "chaque personne se fond parmi au moins {values} qui lui ressemblent (k-anonymat)",
        ),
        (PREAU + "lDiversity", Operator.GTEQ): (
            (
                "each group of people who look alike shows at least {values} different "
                "sensitive values (l-diversity)"
            ),
            (
                "chaque groupe de personnes semblables montre au moins {values} valeurs "
                "sensibles différentes (l-diversité)"
            ),
        ),
        (PREAU + "tCloseness", Operator.LTEQ): (
            (
                "no group of people differs from the whole by more than {values}, on a scale of"
                " 0 to 1 (t-closeness)"
            ),
            (
                "aucun groupe de personnes ne s'écarte de l'ensemble de plus de {values}, sur "
                "une échelle de 0 à 1 (t-proximité)"
            ),
        ),
        (PREAU + "minimumCellCount", Operator.GTEQ): (
            "no figure is shown that counts fewer than {values} people",
            "aucun chiffre montré ne porte sur moins de {values} personnes",
        ),
        (PREAU + "retention", Operator.LTEQ): (
            "the data is kept for {values} at most",
            "les données sont conservées {values} au plus",
        ),
        (PREAU + "epsilon", Operator.LTEQ): (
            (
                "all jobs together spend at most ε = {values} of privacy per person: no result "
                "becomes more than about {meaning} times as likely through one person's data"
            ),
            (
                "tous les travaux ensemble dépensent au plus ε = {values} par personne : les "
                "données d'une personne ne rendent aucun résultat plus de {meaning} fois plus "
                "probable, environ"
            ),
        ),
        (PREAU + "delta", Operator.LTEQ): (
            "that limit is stated at δ = {values}: it may fail in about 1 case in {meaning}",
            (
                "cette limite s'entend à δ = {values} : elle peut faillir dans 1 cas sur "
                "{meaning} environ"
            ),
        ),
        (PREAU + "unitOfPrivacy", Operator.EQ): (
            "what is protected is the {name}, with all their rows",
            "ce qui est protégé : chaque {name}, avec toutes ses lignes",
        ),
        (PREAU + "rowsPerPerson", Operator.LTEQ): (
            "at most {values} rows of a person are used",
            "au plus {values} lignes par personne sont utilisées",
        ),
        (PREAU + "minimumSites", Operator.GTEQ): (
            "at least {values} sites take part",
            "au moins {values} sites participent",
        ),
    }
)

# The same where the value is 1, and the noun agrees with it.
SINGULAR: Final[Mapping[tuple[str, Operator], Pair]] = MappingProxyType(
    {
        (ODRL + "count", Operator.LTEQ): (
            "at most {values} time",
            "au plus {values} fois",
        ),
        (ODRL + "count", Operator.LT): (
            "fewer than {values} time",
            "moins de {values} fois",
        ),
        (PREAU + "kAnonymity", Operator.GTEQ): (
            "each person is hidden among at least {values} who looks alike (k-anonymity)",
            "chaque personne se fond parmi au moins {values} qui lui ressemble (k-anonymat)",
        ),
        (PREAU + "lDiversity", Operator.GTEQ): (
            (
                "each group of people who look alike shows at least {values} sensitive value "
                "(l-diversity)"
            ),
            (
                "chaque groupe de personnes semblables montre au moins {values} valeur "
                "sensible (l-diversité)"
            ),
        ),
        (PREAU + "minimumCellCount", Operator.GTEQ): (
            "no figure is shown that counts fewer than {values} person",
            "aucun chiffre montré ne porte sur moins de {values} personne",
        ),
        (PREAU + "rowsPerPerson", Operator.LTEQ): (
            "at most {values} row of a person is used",
            "au plus {values} ligne par personne est utilisée",
        ),
        (PREAU + "minimumSites", Operator.GTEQ): (
            "at least {values} site takes part",
            "au moins {values} site participe",
        ),
    }
)


def special(left: str, operator: Operator, value: Value) -> Pair | None:
    """Return the plainer sentence for a condition with one value, or None."""
    single = isinstance(value, Literal) and value.lexical == "1"
    key = (left, operator)
    return (SINGULAR.get(key) if single else None) or SPECIAL.get(key)
