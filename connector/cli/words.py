"""Names of rows and columns that the command prints, in French; by one table.

Rule: what the table does not have is said in English. Names of columns, codes and values stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_FRENCH: Final[Mapping[str, str]] = MappingProxyType(
    {
        # datasets
        "dataset": "jeu de données",
        "title": "titre",
        "personal data": "données personnelles",
        "person": "personne",
        "spelled as": "écrite comme",
        "rows per person": "lignes par personne",
        "population": "population",
        "register": "registre",
        "cap ε": "plafond ε",
        "cap δ": "plafond δ",
        "purpose of collection": "finalité de la collecte",
        "legal basis": "base légale",
        "retention": "conservation",
        "territory": "territoire",
        "file": "fichier",
        "snapshot": "instantané",
        "snapshot of": "instantané du",
        "check of the file": "contrôle du fichier",
        "because": "parce que",
        "to do": "à faire",
        "rows": "lignes",
        "malformed rows": "lignes mal formées",
        "persons": "personnes",
        "with more rows than stated": "avec plus de lignes que déclaré",
        "persons of the register": "personnes du registre",
        "column": "colonne",
        "meaning": "sens",
        "class": "classe",
        "type": "type",
        "values": "valeurs",
        "constraint": "contrainte",
        "label": "mention",
        "by": "par",
        "layer": "couche",
        "authority": "autorité",
        "charter": "charte",
        "negotiated": "négocié",
        # decisions of persons
        "approval": "décision",
        "state": "état",
        "peer": "pair",
        "of a": "porte sur",
        "offer": "offre",
        "contract": "contrat",
        "use": "utilisation",
        "output": "résultat",
        "enforced": "appliqué",
        "checked": "vérifié",
        "audited": "contrôlé ensuite",
        "pending": "en attente",
        "accepted": "acceptée",
        "refused": "refusée",
        "lapsed": "expirée",
        "void": "sans objet",
        "asked": "demandée le",
        "lapses": "expire le",
        "closed": "close le",
        "still to accept": "doivent accepter",
        "code": "code",
        "reason": "motif",
        "asks for ε": "demande ε",
        "at δ": "à δ",
        "promised ε": "ε promis",
        "promised δ": "δ promis",
        "manifest, SHA-256": "manifeste, SHA-256",
        "recipe, SHA-256": "recette, SHA-256",
        "request, SHA-256": "demande, SHA-256",
        "nothing gets noise: no ε is charged, the budget stays as it is": "rien ne reçoit de "
        "bruit : aucun ε n'est débité, le budget reste tel quel",
        "costs ε": "coûte ε",
        "would be refused": "serait refusé",
        "rule": "règle",
        "allows ε": "autorise ε",
        "left before": "reste avant",
        "left after": "reste après",
        "what is left is not known now": "ce qui reste n'est pas connu pour l'instant",
        "would leave, SHA-256": "sortirait, SHA-256",
        "written to": "écrit dans",
        "accepted by": "accepté par",
        "change": "changement",
        "beside contract": "par rapport au contrat",
        "nothing differs": "rien ne diffère",
        "no earlier contract with this consumer on this dataset": "aucun contrat antérieur avec ce "
        "consommateur sur ce jeu de données",
        # with what they are about
        "unreadable in": "illisibles dans",
        "outside the dictionary of": "hors du dictionnaire de",
        "others than those of": "autres que celles de",
        "withdrawn": "retirée",
        "no constraint": "aucune contrainte",
        "no column is described": "aucune colonne n'est décrite",
    }
)


def word(text: str, language: str) -> str:
    """Return what a row or column is called in a language."""
    return _FRENCH.get(text, text) if language == "fr" else text
