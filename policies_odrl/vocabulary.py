"""The terms this library knows: actions, left operands, party functions, profiles, purposes.

Facts of the ODRL Vocabulary 2.2 and of our profile; nothing else is understood, and a term that is
not here is refused by the reader. Purposes and their hierarchy stand in `purposes.json` (DPV 2.3).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from policies_odrl.model import ODRL, Operator

PROFILE: Final = "https://w3id.org/preau/odrl/v1"
PREAU: Final = PROFILE + "#"
CC: Final = "http://creativecommons.org/ns#"
DCT: Final = "http://purl.org/dc/terms/"
DPV: Final = "https://w3id.org/dpv#"
PERCENT: Final = "http://qudt.org/vocab/unit/PERCENT"

# Profiles that this library knows: ours, and the core vocabulary under its three spellings.
PROFILES: Final = frozenset(
    {PROFILE, "http://www.w3.org/ns/odrl/2/core", "http://www.w3.org/ns/odrl/2", ODRL}
)


class Kind(Enum):
    """What the values of a left operand are, and so how they compare."""

    CONCEPT = "concept"  # IRI with broader concepts; several may be stated
    IDENTITY = "identity"  # IRI or text; the same or another
    PLACE = "place"  # IRI with wholes that it is part of
    NUMBER = "number"  # decimal
    COUNT = "count"  # decimal, and state is kept
    INSTANT = "instant"  # xsd:dateTime, or xsd:date as the whole day
    DURATION = "duration"  # xsd:duration
    EVENT = "event"  # IRI, before / during / after
    LEVEL = "level"  # IRI of a step of an ordered list, see `LEVELS`

    __hash__ = object.__hash__  # members are single objects; the hash by name is slower


_EQ = frozenset({Operator.EQ, Operator.NEQ})
_ORDER = frozenset({Operator.GT, Operator.GTEQ, Operator.LT, Operator.LTEQ})
_SET = frozenset({Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF})
_MERE = frozenset({Operator.IS_PART_OF, Operator.HAS_PART})

# Operators that have a meaning for values of a kind; another combination is Undetermined.
ALLOWED: Final[Mapping[Kind, frozenset[Operator]]] = MappingProxyType(
    {
        Kind.CONCEPT: _EQ | _SET | {Operator.IS_A},
        Kind.IDENTITY: _EQ | _SET | {Operator.IS_A} | _MERE,
        Kind.PLACE: _EQ | _SET | _MERE | {Operator.IS_A},
        Kind.NUMBER: _EQ | _ORDER | _SET,
        Kind.COUNT: _EQ | _ORDER,
        Kind.INSTANT: _EQ | _ORDER,
        Kind.DURATION: _EQ | _ORDER,
        Kind.EVENT: _EQ | _ORDER | _SET,
        Kind.LEVEL: _EQ | _ORDER,
    }
)


@dataclass(frozen=True, slots=True)
class Operand:
    """A left operand.

    Attributes:
        id: IRI.
        kind: of its values.
        usual: operators that the defining vocabulary asks for; others are questioned by the lint.
        replaced_by: IRI of the term that replaces a deprecated one; empty otherwise.
        evidence: True where several values stand beside one another as proofs (memberships), so
            that one that fits is enough; False where a request claims all of them at once
            (purposes), so that each must fit.
        least: smallest number that its values can be; None: no bound.
        most: largest number that its values can be, in `unit`; None: no bound.
        unit: IRI of the unit of `most`; empty for a plain number.
        by_node: True where only the node states it (counts, clocks, verified proofs): what a
            request claims is ignored.
    """

    id: str
    kind: Kind
    usual: frozenset[Operator]
    replaced_by: str = ""
    evidence: bool = False
    least: int | None = None
    most: int | None = None
    unit: str = ""
    by_node: bool = False


def _odrl(
    name: str, kind: Kind, usual: frozenset[Operator] | None = None, *, by_node: bool = False
) -> Operand:
    usual = ALLOWED[kind] if usual is None else usual
    return Operand(ODRL + name, kind, usual, by_node=by_node)


def _size(name: str, most: int | None = None, unit: str = "") -> Operand:
    return Operand(ODRL + name, Kind.NUMBER, ALLOWED[Kind.NUMBER], least=0, most=most, unit=unit)


def _ours(
    name: str, kind: Kind, *usual: Operator, evidence: bool = False, by_node: bool = False
) -> Operand:
    return Operand(PREAU + name, kind, frozenset(usual), evidence=evidence, by_node=by_node)


def _figure(name: str, usual: Operator, least: int = 0, most: int | None = None) -> Operand:
    return Operand(PREAU + name, Kind.NUMBER, frozenset({usual}), least=least, most=most)


def _dpv(name: str, kind: Kind, *, evidence: bool = False) -> Operand:
    return Operand(DPV + name, kind, ALLOWED[kind], evidence=evidence)


_UPPER = frozenset({Operator.EQ, Operator.LT, Operator.LTEQ})
_LOWER = frozenset({Operator.EQ, Operator.GT, Operator.GTEQ})
_PROOF = (Operator.EQ, Operator.IS_ANY_OF)
_IDENTITIES = (
    "absolutePosition absoluteSpatialPosition absoluteTemporalPosition deliveryChannel fileFormat "
    "industry language media product recipient relativePosition relativeSpatialPosition "
    "relativeTemporalPosition spatialCoordinates systemDevice unitOfCount version virtualLocation"
)

OPERANDS: Final[Mapping[str, Operand]] = MappingProxyType(
    {
        operand.id: operand
        for operand in (
            *(_odrl(name, Kind.IDENTITY) for name in _IDENTITIES.split()),
            Operand(ODRL + "device", Kind.IDENTITY, _EQ | _SET, ODRL + "systemDevice"),
            Operand(ODRL + "system", Kind.IDENTITY, _EQ | _SET, ODRL + "systemDevice"),
            _odrl("purpose", Kind.CONCEPT),
            _odrl("spatial", Kind.PLACE),
            _odrl("event", Kind.EVENT),
            _size("absoluteSize"),
            _size("relativeSize"),
            _size("payAmount"),
            _size("percentage", 100, PERCENT),  # an amount "of the target Asset" (Vocabulary)
            _size("resolution"),
            _odrl("count", Kind.COUNT, by_node=True),
            _odrl("dateTime", Kind.INSTANT),
            _odrl("delayPeriod", Kind.DURATION, _LOWER, by_node=True),
            _odrl("elapsedTime", Kind.DURATION, _UPPER, by_node=True),
            _odrl("meteredTime", Kind.DURATION, _UPPER, by_node=True),
            _odrl("timeInterval", Kind.DURATION, frozenset({Operator.EQ}), by_node=True),
            # of the DPV-ODRL mapping; measures and laws stand beside one another
            _dpv("hasLegalBasis", Kind.CONCEPT),
            _dpv("hasTechnicalOrganisationalMeasure", Kind.CONCEPT, evidence=True),
            _dpv("hasTechnicalMeasure", Kind.CONCEPT, evidence=True),
            _dpv("hasOrganisationalMeasure", Kind.CONCEPT, evidence=True),
            _dpv("hasLocation", Kind.PLACE),
            _dpv("hasJurisdiction", Kind.PLACE),
            _dpv("hasRecipient", Kind.IDENTITY),
            _ours("membership", Kind.IDENTITY, Operator.EQ, evidence=True, by_node=True),
            _ours("charter", Kind.IDENTITY, *_PROOF, evidence=True, by_node=True),
            _ours("dpia", Kind.IDENTITY, *_PROOF, evidence=True),
            _ours("ethicsOpinion", Kind.IDENTITY, *_PROOF, evidence=True, by_node=True),
            _ours("protectionLevel", Kind.LEVEL, Operator.GTEQ, Operator.EQ),
            _ours("isolationTier", Kind.LEVEL, Operator.GTEQ, Operator.EQ),
            _ours("pseudonymScope", Kind.IDENTITY, *_PROOF),
            _figure("kAnonymity", Operator.GTEQ, 1),
            _figure("lDiversity", Operator.GTEQ, 1),
            _figure("tCloseness", Operator.LTEQ, most=1),
            _figure("minimumCellCount", Operator.GTEQ),
            _ours("columns", Kind.IDENTITY, Operator.IS_ANY_OF, Operator.IS_NONE_OF),
            _ours("algorithmHash", Kind.IDENTITY, *_PROOF),
            _ours("retention", Kind.DURATION, Operator.LTEQ),
            _figure("epsilon", Operator.LTEQ),
            _figure("delta", Operator.LTEQ, most=1),
            _ours("unitOfPrivacy", Kind.IDENTITY, Operator.EQ),
            _figure("rowsPerPerson", Operator.LTEQ),
            _figure("minimumSites", Operator.GTEQ),
        )
    }
)

# Left operand -> its steps, from the weakest to the strongest. A step belongs to one list only.
LEVELS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        PREAU + operand: tuple(PREAU + step for step in steps.split())
        for operand, steps in {
            "protectionLevel": "Raw Minimised Pseudonymised Anonymised Aggregated Synthetic",
            "isolationTier": "Delivered LockedQuery AggregateInterface IsolatedJob HardenedJob "
            "RemoteEnvironment",
        }.items()
    }
)

# Action -> actions that it is included in (Vocabulary, `includedIn`).
_IN_USE = (
    "acceptTracking aggregate annotate anonymize archive attribute compensate concurrentUse delete "
    "derive digitize distribute ensureExclusivity execute grantUse include index inform install "
    "modify move nextPolicy obtainConsent play present print read reproduce reviewPolicy stream "
    "synchronize textToSpeech transform translate uninstall watermark"
)
_CC_IN_USE = (
    "Attribution CommercialUse DerivativeWorks Distribution Notice Reproduction ShareAlike "
    "Sharing SourceCode"
)
_NO_PARENT = (
    "use transfer adHocShare extractChar extractPage extractWord lease lend preview secondaryUse"
)
INCLUDED_IN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {ODRL + name: (ODRL + "use",) for name in _IN_USE.split()}
    | {CC + name: (ODRL + "use",) for name in _CC_IN_USE.split()}
    | {ODRL + name: () for name in _NO_PARENT.split()}
    | {
        ODRL + "display": (ODRL + "play",),
        ODRL + "extract": (ODRL + "reproduce",),
        ODRL + "give": (ODRL + "transfer",),
        ODRL + "sell": (ODRL + "transfer",),
        PREAU + "federatedTraining": (ODRL + "use",),
    }
)

# Action -> actions that must not be prohibited for it (`implies`). The Vocabulary states none.
IMPLIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})

# Deprecated action -> the one that means the same (Vocabulary, `skos:exactMatch`).
SAME_ACTION: Final[Mapping[str, str]] = MappingProxyType(
    {
        ODRL + old: new
        for old, new in {
            "append": ODRL + "modify",
            "appendTo": ODRL + "modify",
            "write": ODRL + "modify",
            "writeTo": ODRL + "modify",
            "copy": ODRL + "reproduce",
            "export": ODRL + "transform",
            "license": ODRL + "grantUse",
            "pay": ODRL + "compensate",
            "attachPolicy": CC + "Notice",
            "attachSource": CC + "SourceCode",
            "commercialize": CC + "CommercialUse",
            "share": CC + "Sharing",
            "shareAlike": CC + "ShareAlike",
        }.items()
    }
)

# Deprecated actions that are the very same as their successor (`owl:sameAs`). An exact match of two
# concepts is no identity of legal acts: who wrote `export` decides whether to mean `transform`.
SAME_AS: Final = frozenset({ODRL + "copy"})

# Actions that can only be done once the asset was used: what is done before leaves it undone.
AFTER_USE: Final = frozenset(ODRL + item for item in ("archive", "delete", "uninstall"))

# The action that anybody may do for somebody (W3C draft, conditions: a company pays for its
# employees); every other duty is the assignee's own.
BY_ANYBODY: Final = ODRL + "compensate"

# Party functions besides assigner and assignee (Vocabulary, Party Functions).
FUNCTIONS: Final = frozenset(
    ODRL + name
    for name in [
        "attributedParty",
        "attributingParty",
        "compensatedParty",
        "compensatingParty",
        "consentedParty",
        "consentingParty",
        "contractedParty",
        "contractingParty",
        "informedParty",
        "informingParty",
        "payeeParty",
        "trackedParty",
        "trackingParty",
    ]
)


def same_action(action: str) -> str:
    """Return the current IRI of an action, which is itself unless deprecated."""
    return SAME_ACTION.get(action, action)


def known_action(action: str) -> bool:
    """Return whether the action is in the vocabulary or our profile."""
    return action in INCLUDED_IN or action in SAME_ACTION


@lru_cache(maxsize=1024)
def wider_actions(action: str) -> frozenset[str]:
    """Return an action and all that include it (`includedIn`, reflexive and transitive)."""
    return closure(same_action(action), INCLUDED_IN)


@lru_cache(maxsize=1024)
def implied_actions(action: str) -> frozenset[str]:
    """Return an action, all that include it, and all that any of them implies."""
    wider = wider_actions(action)
    implied = {same_action(other) for item in wider for other in IMPLIES.get(item, ())}
    return wider.union(*(wider_actions(other) for other in implied))


@cache
def purposes() -> Mapping[str, tuple[str, ...]]:
    """Return purpose IRI -> broader purpose IRIs (DPV 2.3, core and education sector)."""
    data = json.loads(files("policies_odrl").joinpath("purposes.json").read_text("utf-8"))
    prefixes: dict[str, str] = data["prefixes"]

    def full(short: str) -> str:
        prefix, _, name = short.partition(":")
        return prefixes[prefix] + name

    table = {
        full(name): tuple(full(item) for item in broader)
        for name, broader in data["broader"].items()
    }
    for item in {parent for parents in table.values() for parent in parents} - set(table):
        table[item] = ()
    return MappingProxyType(table)


@lru_cache(maxsize=1024)
def wider_purposes(purpose: str) -> frozenset[str]:
    """Return a purpose and all broader ones; empty when the purpose is not known."""
    table = purposes()
    return closure(purpose, table) if purpose in table else frozenset()


def closure(start: str, parents: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Return `start` and everything above it in a graph that may share or repeat nodes."""
    seen = {start}
    stack = [start]
    while stack:
        for parent in parents.get(stack.pop(), ()):
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return frozenset(seen)
