"""Schools, communes and départements, and the académies and régions that they belong to.

Source: code officiel géographique (INSEE) for départements and régions, code de l'éducation
(article R. 222-2) for académies. The first signs of a code tell its département: two of a commune,
and three overseas, where they begin with 97; three digits of the UAI of a school, 620 and 720 in
Corse. What follows from no sign of a code, such as the EPCI of a commune, is declared
(`hierarchy.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

DEPARTEMENT: Final = "departement"
ACADEMIE: Final = "academie"
REGION: Final = "region"
LEVELS: Final = (DEPARTEMENT, ACADEMIE, REGION)
KEY: Final = 3  # first signs of a code that tell its département


@dataclass(frozen=True, slots=True)
class Codes:
    """Codes that tell their département.

    Attributes:
        hierarchy: as a step of a plan names it.
        length: signs of a code; 0: it is the code of a département.
        rest: pattern of the signs behind the first `KEY`.
    """

    hierarchy: str
    length: int = 0
    rest: str = ""

    @property
    def keys(self) -> Mapping[str, str]:
        """First signs of a code -> its département."""
        return _keys(self.hierarchy)


# Territory of a column -> what its codes are.
OF_CODES: Final[Mapping[str, Codes]] = MappingProxyType(
    {
        "uai": Codes("etablissements", 8, "[0-9]{4}[A-Z]"),
        "commune": Codes("communes", 5, "[0-9]{2}"),
        DEPARTEMENT: Codes("departements"),
    }
)
BY_HIERARCHY: Final = MappingProxyType({each.hierarchy: each for each in OF_CODES.values()})
_OF_UAI: Final = {"2A": "620", "2B": "720"}
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
    """Return the pattern of the codes of a territory; empty where no list of them is known here."""
    if territory == "epci":
        return "[0-9]{9}"  # SIREN numbers
    codes = OF_CODES.get(territory)
    return f"(?:{'|'.join(codes.keys)}){codes.rest}" if codes else ""


@cache
def _keys(hierarchy: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for code in units(DEPARTEMENT):
        whole = hierarchy == OF_CODES[DEPARTEMENT].hierarchy or len(code) == KEY
        if hierarchy == OF_CODES["uai"].hierarchy:
            found[_OF_UAI.get(code, code.zfill(KEY))] = code
        else:
            found |= {code: code} if whole else {f"{code}{sign}": code for sign in range(10)}
    return MappingProxyType(found)
