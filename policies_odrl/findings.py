"""What the check of a policy can find, in English and French, with how to mend it.

Only words; what is checked is `validate.py`. `{0}`, `{1}` … are filled with terms of the policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # the policy cannot do what it says
    WARNING = "warning"  # it can, but probably not what was meant
    NOTE = "note"  # worth knowing


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        path: JSON pointer into the written policy; empty for the whole policy.
        code: stable, lower case with hyphens.
        severity: see `Severity`.
        sentence: what is the matter, for people.
        fix: what to do about it.
    """

    path: str
    code: str
    severity: Severity
    sentence: str
    fix: str


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

# code -> (severity, English sentence, English fix, French sentence, French fix)
TABLE: Final[Mapping[str, tuple[Severity, str, str, str, str]]] = MappingProxyType(
    {
        "no-rule": (
            _E,
            "the policy has no rule",
            "add a permission or a prohibition",
            "la politique n'a aucune règle",
            "ajoutez une permission ou une interdiction",
        ),
        "only-obligation": (
            _E,
            "obligations alone are not a policy of the Dataspace Protocol",
            "add the permission that the obligation goes with",
            "des obligations seules ne font pas une politique du Dataspace Protocol",
            "ajoutez la permission qui va avec l'obligation",
        ),
        "no-identifier": (
            _N,
            "the policy has no identifier",
            "give it an IRI (`@id`)",
            "la politique n'a pas d'identifiant",
            "donnez-lui un IRI (`@id`)",
        ),
        "missing-target": (
            _E,
            "an agreement must name its target",
            "state `target`",
            "un accord doit nommer sa cible",
            "indiquez `target`",
        ),
        "missing-assigner": (
            _E,
            "an agreement must name its assigner",
            "state `assigner`",
            "un accord doit nommer celui qui accorde",
            "indiquez `assigner`",
        ),
        "missing-assignee": (
            _E,
            "an agreement must name its assignee",
            "state `assignee`",
            "un accord doit nommer son bénéficiaire",
            "indiquez `assignee`",
        ),
        "offer-without-assigner": (
            _N,
            "the offer names no assigner; its publisher is meant",
            "state `assigner` where the offer leaves its catalog",
            "l'offre ne nomme pas celui qui accorde ; c'est celui qui la publie",
            "indiquez `assigner` si l'offre quitte son catalogue",
        ),
        "mixed-without-conflict": (
            _W,
            "no conflict strategy is stated: one conflict voids the policy",
            "state `conflict`, for data spaces `prohibit`",
            "aucune stratégie de conflit n'est indiquée : un conflit annule la politique",
            "indiquez `conflict`, dans un espace de données `prohibit`",
        ),
        "undeclared-profile": (
            _E,
            "`{0}` belongs to a profile that the policy does not declare",
            "add `{1}` to `profile`",
            "`{0}` appartient à un profil que la politique ne déclare pas",
            "ajoutez `{1}` à `profile`",
        ),
        "unknown-profile": (
            _E,
            "profile `{0}` is not known here, so that nothing can be decided",
            "use a profile that both parties know",
            "le profil `{0}` n'est pas connu ici : rien ne peut être décidé",
            "utilisez un profil connu des deux parties",
        ),
        "unknown-operand": (
            _E,
            "left operand `{0}` is not known",
            "did you mean `{1}`?",
            "l'opérande `{0}` n'est pas connue",
            "vouliez-vous dire `{1}` ?",
        ),
        "unknown-action": (
            _E,
            "action `{0}` is not known",
            "did you mean `{1}`?",
            "l'action `{0}` n'est pas connue",
            "vouliez-vous dire `{1}` ?",
        ),
        "unknown-purpose": (
            _W,
            "purpose `{0}` stands in no hierarchy that is known here; only itself will match",
            "did you mean `{1}`?",
            "la finalité `{0}` n'est pas connue ; elle ne vaudra que pour elle-même",
            "vouliez-vous dire `{1}` ?",
        ),
        "deprecated-term": (
            _W,
            "`{0}` is deprecated",
            "write `{1}`",
            "`{0}` est obsolète",
            "écrivez `{1}`",
        ),
        "operator-without-meaning": (
            _E,
            "`{1}` means nothing for `{0}`; the constraint can never be decided",
            "use one of {2}",
            "`{1}` n'a pas de sens pour `{0}` ; rien ne peut être décidé",
            "utilisez {2}",
        ),
        "unusual-operator": (
            _W,
            "`{1}` is not an operator that the vocabulary foresees for `{0}`",
            "use one of {2}",
            "le vocabulaire ne prévoit pas `{1}` pour `{0}`",
            "utilisez {2}",
        ),
        "several-values": (
            _E,
            "`{0}` takes one value, {1} are given; the constraint can never be decided",
            "use `isAnyOf`, or one constraint per value",
            "`{0}` prend une seule valeur, {1} sont données ; rien ne peut être décidé",
            "utilisez `isAnyOf`, ou une contrainte par valeur",
        ),
        "wrong-datatype": (
            _E,
            "`{1}` is not a value that `{0}` can be compared with",
            "write {2}",
            "`{1}` n'est pas une valeur comparable à `{0}`",
            "écrivez {2}",
        ),
        "time-without-zone": (
            _W,
            "`{0}` has no time zone and is read as UTC",
            "add `Z` or an offset such as `+02:00`",
            "`{0}` n'a pas de fuseau horaire et est lu en UTC",
            "ajoutez `Z` ou un décalage comme `+02:00`",
        ),
        "date-is-a-day": (
            _N,
            "`{0}` is the whole day: `lteq` includes it, `lt` excludes it",
            "write a time if another moment is meant",
            "`{0}` est le jour entier : `lteq` l'inclut, `lt` l'exclut",
            "écrivez une heure si un autre moment est voulu",
        ),
        "unit-missing": (
            _W,
            "`{0}` has no unit and matches values without unit only",
            "state `unit`",
            "`{0}` n'a pas d'unité et ne vaut que pour des valeurs sans unité",
            "indiquez `unit`",
        ),
        "eq-on-class": (
            _W,
            "`{0} {1}` compares names only: narrower purposes such as `{2}` do not match",
            "use `isA` if they are meant",
            "`{0} {1}` compare les noms : des finalités plus précises (`{2}`) ne valent pas",
            "utilisez `isA` si elles sont voulues",
        ),
        "none-of-alone": (
            _N,
            "`isNoneOf` alone lets every other value through, and needs one to be stated",
            "say with `isAnyOf` what is allowed",
            "`isNoneOf` seul laisse passer toute autre valeur, et exige qu'une valeur soit donnée",
            "dites avec `isAnyOf` ce qui est permis",
        ),
        "epsilon-without-delta": (
            _W,
            "`epsilon` says little without `delta`",
            "add `delta lteq …`",
            "`epsilon` dit peu sans `delta`",
            "ajoutez `delta lteq …`",
        ),
        "unsatisfiable": (
            _E,
            "no request can satisfy all conditions of this rule",
            "remove the one that is wrong among: {0}",
            "aucune demande ne peut satisfaire toutes les conditions de cette règle",
            "retirez celle qui est fausse parmi : {0}",
        ),
        "redundant": (
            _N,
            "`{0}` follows from the other conditions",
            "remove it",
            "`{0}` découle des autres conditions",
            "retirez-la",
        ),
        "shadowed": (
            _N,
            "everything permitted here is permitted by {0} already",
            "remove one of them",
            "tout ce qui est permis ici l'est déjà par {0}",
            "retirez l'une des deux",
        ),
        "never-usable": (
            _E,
            "everything permitted here is prohibited by {0}",
            "narrow the prohibition or remove the permission",
            "tout ce qui est permis ici est interdit par {0}",
            "restreignez l'interdiction ou retirez la permission",
        ),
        "duty-without-deadline": (
            _W,
            "`{0}` can only be done after the use, but must be fulfilled before it as it stands",
            "add a deadline, such as `dateTime lteq …` or `elapsedTime lteq P30D`",
            "`{0}` ne peut se faire qu'après l'usage, mais doit ici être rempli avant",
            "ajoutez un délai, par exemple `dateTime lteq …` ou `elapsedTime lteq P30D`",
        ),
        "sequence-undecidable": (
            _W,
            "the order of an `andSequence` cannot be told from one request",
            "use `and` if the order does not matter",
            "l'ordre d'un `andSequence` ne se voit pas dans une seule demande",
            "utilisez `and` si l'ordre n'importe pas",
        ),
        "unresolved-inheritance": (
            _W,
            "the policy inherits from others, which must be resolved before it can be decided",
            "write the inherited rules out",
            "la politique hérite d'autres, à résoudre avant toute décision",
            "écrivez les règles héritées",
        ),
        "too-large": (
            _W,
            "too many rules to look for shadowed and contradictory ones",
            "split the policy",
            "trop de règles pour chercher celles qui se recouvrent ou se contredisent",
            "divisez la politique",
        ),
    }
)


def finding(path: str, code: str, *terms: str, lang: str = "en") -> Finding:
    """Return a finding in a language (`en` or `fr`)."""
    severity, sentence, fix, phrase, remedy = TABLE[code]
    if lang == "fr":
        sentence, fix = phrase, remedy
    return Finding(path, code, severity, sentence.format(*terms), fix.format(*terms))
