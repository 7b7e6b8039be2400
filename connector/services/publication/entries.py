"""Reads an offer's entry: an ODRL Offer as JSON-LD, or that with how persons decide on it.

The second form is an object:

    policy      ODRL Offer as JSON-LD
    decision    `automatic` (when left out), `review contract`: persons decide before anything is
                signed, or `review each use`: before each job is charged
    roles       names of one or two roles that must accept, in the provider's own words;
                `operator` when left out
    reminder    when a decision that is missing is asked for again: `P2D` (when left out), `PT12H` …
    lapse       when it is too late, at most 28 days: `P6D` when left out
    report      what the provider measured of its rows and tables: `kept` (when left out) by the
                provider, or `shown` to consumers
    peers       `every`: shown to every peer of the Dataspace Protocol, and refused where that
                cannot say it; `preau`: to Préau nodes alone; when left out, to every peer to whom
                it can be said
    space       for whose members it is: a space of this node, by IRI or by its name in the
                settings; left out: the first

Rules: how persons decide is the provider's own affair and stands beside the policy, so that the
terms of offers stay comparable. What it would say in vain is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connector.config import ROLE_NAME
from connector.domain.catalog.review import (
    LAPSE_HOURS,
    MOST_HOURS,
    MOST_ROLES,
    REMIND_HOURS,
    ROLE,
    Decision,
    Review,
)
from connector.errors import DescriptionIncomplete
from connector.services.publication.saying import EVERY, OWN, PEERS

_MEMBERS: Final = frozenset(
    ("policy", "decision", "roles", "reminder", "lapse", "report", "peers", "space")
)
# What an entry may say where no person decides.
_UNDECIDED: Final = frozenset(("policy", "decision", "report", "peers", "space"))
_SPAN: Final = re.compile(r"P(?:([1-9]\d{0,2})D|T([1-9]\d{0,3})H)")
_HOURS_A_DAY: Final = 24


@dataclass(frozen=True, slots=True)
class Entry:
    """What an entry says.

    Attributes:
        policy: ODRL Offer as given.
        review: how persons decide; None where none does.
        says: whether the entry says who decides.
        shows_report: whether consumers see what the provider measured.
        peers: for whom it is, see `saying.py`; empty: not said.
        space: for whose members it is, as given; empty where the entry does not say.
    """

    policy: Mapping[str, Any]
    review: Review | None = None
    says: bool = False
    shows_report: bool = False
    peers: str = ""
    space: str = ""


def read(raw: Mapping[str, Any]) -> Entry:
    """Read an entry that stands by itself.

    Raises:
        DescriptionIncomplete: the reason lists all that is wrong.
    """
    entry, problems = entry_of(raw, "")
    if problems:
        raise DescriptionIncomplete(f"the offer's entry: {'; '.join(problems)}")
    return entry


def entry_of(raw: Mapping[str, Any], where: str) -> tuple[Entry, list[str]]:
    """Return what an entry says, and what is wrong with it, a line each.

    Args:
        raw: as parsed.
        where: place of its members in the description.
    """
    policy = raw.get("policy")
    if not isinstance(policy, Mapping):  # an ODRL Offer has no member of that name
        return Entry(raw), []
    problems = [f"unknown statement `{where}{name[:64]}`" for name in _unknown(raw)]
    decision = raw.get("decision", Decision.AUTOMATIC.value)
    shows, space = raw.get("report", "kept"), raw.get("space", "")
    if not isinstance(space, str):
        problems.append(f"`{where}space` must be text")
        space = ""
    if shows not in ("kept", "shown"):
        problems.append(f"`{where}report` must be `kept` or `shown`")
    peers = raw.get("peers", "")
    if "peers" in raw and peers not in PEERS:
        problems.append(f"`{where}peers` must be `{EVERY}` or `{OWN}`")
    if decision not in tuple(Decision):
        problems.append(f"`{where}decision` must be one of {', '.join(Decision)}")
        return Entry(policy), problems
    says, shown = "decision" in raw, shows == "shown"
    if decision == Decision.AUTOMATIC:
        idle = sorted(_MEMBERS & set(raw) - _UNDECIDED)
        problems += [
            f"`{where}{name}` has no effect where no person decides: leave it out" for name in idle
        ]
        return Entry(policy, None, says, shown, peers, space), problems
    review = Review(
        Decision(decision),
        _roles(raw.get("roles", [ROLE]), where, problems),
        _hours(raw, "reminder", REMIND_HOURS, where, problems),
        _hours(raw, "lapse", LAPSE_HOURS, where, problems),
    )
    if not review.remind_hours < review.lapse_hours <= MOST_HOURS:
        most = MOST_HOURS // _HOURS_A_DAY
        problems.append(f"`{where}lapse` must be after `reminder`, and at most {most} days")
    return Entry(policy, review, says, shown, peers, space), problems


def _unknown(raw: Mapping[str, Any]) -> list[str]:
    return sorted(map(str, set(raw) - _MEMBERS))


def _roles(value: Any, where: str, problems: list[str]) -> tuple[str, ...]:
    names = value if isinstance(value, list) else []
    fit = all(isinstance(name, str) and ROLE_NAME.fullmatch(name) for name in names)
    if not fit or not 1 <= len(names) <= MOST_ROLES or len(set(names)) < len(names):
        problems.append(
            f"`{where}roles` must list one or two different names, such as `dpo`: small letters,"
            " digits and hyphens"
        )
        return ()
    return tuple(names)


def _hours(raw: Mapping[str, Any], name: str, default: int, where: str, problems: list[str]) -> int:
    value = raw.get(name)
    if value is None:
        return default
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        problems.append(f"`{where}{name}` must be days or hours, such as `P2D` or `PT12H`")
        return default
    days, hours = found.groups()
    return int(days) * _HOURS_A_DAY if days else int(hours)
