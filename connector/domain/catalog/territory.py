"""Communes and départements, and the académies and régions that they belong to.

Source: code officiel géographique (INSEE) for départements and régions, code de l'éducation
(article R. 222-2) for académies. Overseas codes of three digits begin with 97.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

COMMUNES: Final = "communes"
HIERARCHIES: Final = (COMMUNES, "departements")
DEPARTEMENT: Final = "departement"
ACADEMIE: Final = "academie"
REGION: Final = "region"
LEVELS: Final = (DEPARTEMENT, ACADEMIE, REGION)
# Territory of a column -> hierarchy that its codes belong to, as a step of a plan names it.
OF_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {"commune": COMMUNES, DEPARTEMENT: HIERARCHIES[1]}
)
# Région -> académie -> départements.
_TERRITORY: Final = {
    "Auvergne-Rhône-Alpes": {
        "Clermont-Ferrand": "03 15 43 63",
        "Grenoble": "07 26 38 73 74",
        "Lyon": "01 42 69",
    },
    "Bourgogne-Franche-Comté": {"Besançon": "25 39 70 90", "Dijon": "21 58 71 89"},
    "Bretagne": {"Rennes": "22 29 35 56"},
    "Centre-Val de Loire": {"Orléans-Tours": "18 28 36 37 41 45"},
    "Corse": {"Corse": "2A 2B"},
    "Grand Est": {
        "Nancy-Metz": "54 55 57 88",
        "Reims": "08 10 51 52",
        "Strasbourg": "67 68",
    },
    "Guadeloupe": {"Guadeloupe": "971"},
    "Guyane": {"Guyane": "973"},
    "Hauts-de-France": {"Amiens": "02 60 80", "Lille": "59 62"},
    "Île-de-France": {
        "Créteil": "77 93 94",
        "Paris": "75",
        "Versailles": "78 91 92 95",
    },
    "La Réunion": {"La Réunion": "974"},
    "Martinique": {"Martinique": "972"},
    "Mayotte": {"Mayotte": "976"},
    "Normandie": {"Normandie": "14 27 50 61 76"},
    "Nouvelle-Aquitaine": {
        "Bordeaux": "24 33 40 47 64",
        "Limoges": "19 23 87",
        "Poitiers": "16 17 79 86",
    },
    "Occitanie": {
        "Montpellier": "11 30 34 48 66",
        "Toulouse": "09 12 31 32 46 65 81 82",
    },
    "Pays de la Loire": {"Nantes": "44 49 53 72 85"},
    "Provence-Alpes-Côte d'Azur": {"Aix-Marseille": "04 05 13 84", "Nice": "06 83"},
}


def units(level: str) -> dict[str, str]:
    """Return the unit of each département at a level."""
    return {
        code: {DEPARTEMENT: code, ACADEMIE: academie, REGION: region}[level]
        for region, academies in _TERRITORY.items()
        for academie, codes in academies.items()
        for code in codes.split()
    }


def form(territory: str) -> str:
    """Return the pattern of the codes of a territory; empty where no list of them is known here.

    A commune's code is its département and what makes it five signs; EPCI have SIREN numbers.
    """
    if territory == "epci":
        return "[0-9]{9}"
    known = list(units(DEPARTEMENT))
    if territory == "departement":
        return f"(?:{'|'.join(known)})"
    if territory == "commune":
        each = (f"{code}[0-9]{{{5 - len(code)}}}" for code in known)
        return f"(?:{'|'.join(each)})"
    return ""
