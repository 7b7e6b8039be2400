"""Lists of persons who objected or withdrew: from the next step on none of their rows is used.

Rules: a list is of a register, hence of all its datasets, contracts and jobs; it holds digests
under the key of persons and no name; no message, log or entry says how many are on it. A list whose
key is lost stops every use, since nobody can tell who is meant. Leaving persons out changes what
goes into a mechanism, not the mechanism: populations stay as declared, ε stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from connector.domain.page import Page
from connector.domain.privacy.census import SuppressedPersons
from connector.errors import Malformed
from connector.ports import Ports, Transaction
from connector.services.lookup import require
from connector.services.privacy.registers import kept_in
from connector.services.publication.checking import fingerprint, key_of
from federated.persons import NOBODY_SUPPRESSED, Suppressed, digest, spelling

SUPPRESSED: Final = "persons.suppressed"  # kinds of audit entries; none says who, or how many
RESTORED: Final = "persons.restored"
CHOICES: Final = 50
TITLES: Final = 3
MOST_AT_ONCE: Final = 100_000
_Parts = frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as its operator sees it.

    Attributes:
        register_id: whose persons.
        persons: how many are on it.
        known: how many of these are in a file that was ever published into the register.
    """

    register_id: str
    persons: int
    known: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A register, and by what persons know it.

    Attributes:
        register_id: IRI.
        titles: of the first of its datasets, `TITLES` at most.
    """

    register_id: str
    titles: tuple[str, ...]


def suppress(ports: Ports, register_id: str, names: Iterable[str], *, anew: bool = False) -> Listed:
    """Put persons on the list of a register.

    Args:
        ports: of this node.
        register_id: the register, or one that was merged into it.
        names: of the persons, as they stand in the person column of a file.
        anew: drop what was on the list before; it may be of a key that is lost.

    Raises:
        NotFound: the register was never declared.
        Malformed: a name names nobody, or there are too many.
        KeyUnusable: the key of persons is lost, or not that of the list.
    """
    return _change(ports, register_id, names, SUPPRESSED, frozenset.union, anew=anew)


def restore(ports: Ports, register_id: str, names: Iterable[str]) -> Listed:
    """Take persons off the list of a register.

    Raises:
        NotFound: the register was never declared.
        Malformed: a name names nobody, or there are too many.
        KeyUnusable: the key of persons is lost, or not that of the list.
    """
    return _change(ports, register_id, names, RESTORED, frozenset.difference)


def lists(ports: Ports, *, after: str = "", limit: int = 0) -> Page[Listed]:
    """Return a page of the lists of registers that have one, for the operator's own eyes.

    With a `limit` of 0, all of them.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        page = tx.suppressed.page(after=after, limit=limit)
        found = tuple(_listed(tx, each) for each in page.values)
    return Page(found, page.next, page.damaged)


def choices(ports: Ports) -> Page[Choice]:
    """Return the first `CHOICES` registers of which there may be a list."""
    with ports.store.read() as tx:
        page = tx.registers.page(limit=CHOICES, merged_into="")
        found = tuple(Choice(each.id, _titles(tx, each.id)) for each in page.values)
    return Page(found, page.next, page.damaged)


def _titles(tx: Transaction, register_id: str) -> tuple[str, ...]:
    return tuple(
        each.title for each in tx.datasets.page(limit=TITLES, register_id=register_id).values
    )


def suppressed(ports: Ports, register_id: str) -> Suppressed:
    """Return whose rows of a register are not used now. Ask before each step.

    Raises:
        KeyUnusable: there is a list, and its key is lost.
    """
    with ports.store.read() as tx:
        held = tx.suppressed.get(kept_in(tx, register_id))
    if held is None or not held.digests:
        return NOBODY_SUPPRESSED
    return Suppressed(key_of(ports, (held,)), held.parts)


def _change(
    ports: Ports,
    register_id: str,
    names: Iterable[str],
    kind: str,
    change: Callable[[_Parts, _Parts], _Parts],
    *,
    anew: bool = False,
) -> Listed:
    plain = _named(names)
    with ports.store.write() as tx:
        name = kept_in(tx, register_id)
        require(tx.registers.lock(name), "register", register_id)
        held = None if anew else tx.suppressed.get(name)
        others = [each for each in tx.suppressed.find() if each.register_id != name]
        key = key_of(ports, (*tx.persons.find(), *([held] if held else ())), made=not others)
        asked = frozenset(digest(each, key) for each in plain)
        parts = change(held.parts if held else frozenset(), asked)
        new = SuppressedPersons(name, fingerprint(key), b"".join(sorted(parts)))
        tx.suppressed.put(new)
        tx.audit.append(kind, name)
        return _listed(tx, new)


def _named(names: Iterable[str]) -> frozenset[str]:
    """Return names in one spelling; what is wrong is said by place, never by name.

    Raises:
        Malformed: one names nobody, or there are too many.
    """
    plain = [spelling(name, "text") for name in names]
    if not 0 < len(plain) <= MOST_AT_ONCE:
        raise Malformed(f"1 to {MOST_AT_ONCE} persons are named at once", where="names")
    if None in plain:
        raise Malformed(f"entry {plain.index(None) + 1} of the list is empty", where="names")
    return frozenset(each for each in plain if each is not None)


def _listed(tx: Transaction, held: SuppressedPersons) -> Listed:
    persons = tx.persons.get(held.register_id)
    known = held.parts & persons.parts if persons and persons.key == held.key else frozenset()
    return Listed(held.register_id, len(held.parts), len(known))
